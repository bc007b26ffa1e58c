"""Alert rules: what a workspace wants to be told about, where, and when.

Promise: each change is one transaction with its audit entry and asks for `alert.manage`; whoever sees the whole workspace sees the rules.
Two people who edit the same rule lose nothing (`edits.merge`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, delete, insert, update

from storage import audit
from storage.access import Principal, authority, who_may
from storage.alert_editing import refuse_taken, switch, tell
from storage.alert_rule_fields import FIELDS, NEW, Rule, columns, fields, rule_of, selected
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.edits import last_change, merge
from storage.errors import NotFound
from storage.schema import alert_deliveries, alert_rules

EDIT: Final = "alert_rule.edit"
TARGET: Final = "alert_rule"


@dataclass(frozen=True, slots=True)
class RuleDetail:
    """A rule's page.

    Attributes:
        may_manage: whether the principal may change it.
        who_may_manage: who could, when the principal may not; empty otherwise.
    """

    rule: Rule
    may_manage: bool
    who_may_manage: str


def of_workspace(db: Database, who: Principal, workspace_id: int) -> tuple[Rule, ...]:
    """Returns the rules of a workspace, by name; they are few.

    Raises:
        NotFound, Forbidden: no member, or not of the whole workspace.
    """
    with db.read() as tx:
        authority(tx, who).require(tx, Capability.RUN_VIEW, workspace_id, what=f"Workspace {workspace_id}")
        rows = tx.run(selected().where(alert_rules.c.workspace_id == workspace_id).order_by(alert_rules.c.name)).all()
        return tuple(rule_of(tx, row) for row in rows)


def get(db: Database, who: Principal, rule_id: int) -> RuleDetail:
    """Returns one rule.

    Raises:
        NotFound, Forbidden: not there or not visible, or not of the whole workspace.
    """
    with db.read() as tx:
        row = tx.run(selected().where(alert_rules.c.id == rule_id)).first()
        if row is None:
            raise NotFound(f"Alert rule {rule_id} does not exist.")
        rights = authority(tx, who)
        rights.require(tx, Capability.RUN_VIEW, row.workspace_id, what=f"Alert rule {rule_id}")
        may = rights.may(tx, Capability.ALERT_MANAGE, row.workspace_id)
        told = "" if may else who_may(tx, Capability.ALERT_MANAGE, row.workspace_id)
        return RuleDetail(rule_of(tx, row), may, told)


def create(
    db: Database, who: Principal, workspace_id: int, values: Mapping[str, Any], *, ticket: str | None = None
) -> Rule:
    """Makes a rule.

    Args:
        db: the database.
        who: who does it.
        workspace_id: where.
        values: by the names of `FIELDS`; `name`, `channel_id` and `events` must be there. `tags` are names, `tenants` numbers.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the name is taken.
        NotFound, Forbidden: no member, or not allowed.
    """
    wanted = {**NEW, **values}

    def work(tx: Transaction) -> Rule:
        authority(tx, who).require(tx, Capability.ALERT_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        row_values = columns(tx, workspace_id, wanted)
        refuse_taken(tx, alert_rules, workspace_id, row_values["name"], "an alert rule")
        id = tx.run(
            insert(alert_rules)
            .values(workspace_id=workspace_id, created_at=tx.now(), **row_values)
            .returning(alert_rules.c.id)
        ).scalar_one()
        rule = _read(tx, id)
        detail: dict[str, audit.DetailValue] = {"name": rule.name, "channel": rule.channel}
        tell(tx, who, "alert_rule.create", TARGET, id, workspace_id, ticket, detail)
        return rule

    return audit.attempt(
        db, who, "alert_rule.create", work, target_kind="workspace", target_id=workspace_id, ticket=ticket
    )


def edit(
    db: Database,
    who: Principal,
    rule_id: int,
    changes: Mapping[str, Any],
    *,
    seen: Mapping[str, Any] | None = None,
    ticket: str | None = None,
) -> Rule:
    """Edits a rule. What waits to be sent already is sent as it was.

    Args:
        db: the database.
        who: who does it.
        rule_id: which.
        changes: the values the editor wants, by the names of `FIELDS`.
        seen: the values the editor was shown; a field that is not here is written outright.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        EditConflict: somebody else changed the same field meanwhile.
        Conflict: the name is taken.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> Rule:
        row = lock(tx, who, rule_id)
        current = fields(rule_of(tx, row))
        effective = merge(
            seen or {}, current, changes, by=lambda: last_change(tx, row.workspace_id, TARGET, rule_id, [EDIT])
        )
        if effective:
            row_values = columns(tx, row.workspace_id, {**current, **effective})
            if row_values["name"] != row.name:
                refuse_taken(tx, alert_rules, row.workspace_id, row_values["name"], "an alert rule")
            tx.run(update(alert_rules).where(alert_rules.c.id == rule_id).values(**row_values, updated_at=tx.now()))
        rule = _read(tx, rule_id)
        if effective:
            detail = {"rule": rule.name, **_differences(current, effective)}
            tell(tx, who, EDIT, TARGET, rule_id, row.workspace_id, ticket, detail)
        return rule

    return audit.attempt(db, who, EDIT, work, target_kind=TARGET, target_id=rule_id, ticket=ticket)


def set_enabled(db: Database, who: Principal, rule_id: int, is_enabled: bool, *, ticket: str | None = None) -> Rule:
    """Lets a rule tell, or not. What waits of a disabled rule is not sent.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    action = "alert_rule.enable" if is_enabled else "alert_rule.disable"

    def work(tx: Transaction) -> Rule:
        row = lock(tx, who, rule_id)
        if row.is_enabled != is_enabled:
            switch(tx, who, action, alert_rules, TARGET, row, ticket)
        return _read(tx, rule_id)

    return audit.attempt(db, who, action, work, target_kind=TARGET, target_id=rule_id, ticket=ticket)


def remove(db: Database, who: Principal, rule_id: int, *, ticket: str | None = None) -> None:
    """Deletes a rule. The record of what it sent stays with its channel; what waits is not sent.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> None:
        row = lock(tx, who, rule_id)
        waiting = alert_deliveries.c.status.in_(["queued", "sending"])
        of_it = alert_deliveries.c.rule_id == rule_id
        tx.run(update(alert_deliveries).where(of_it, waiting).values(status="suppressed", next_try_at=None))
        tx.run(update(alert_deliveries).where(of_it).values(rule_id=None))
        tx.run(delete(alert_rules).where(alert_rules.c.id == rule_id))
        tell(tx, who, "alert_rule.delete", TARGET, rule_id, row.workspace_id, ticket, {"name": row.name})

    audit.attempt(db, who, "alert_rule.delete", work, target_kind=TARGET, target_id=rule_id, ticket=ticket)


def lock(tx: Transaction, who: Principal, rule_id: int) -> Row[Any]:
    """Locks a rule that is about to change.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    statement = selected().where(alert_rules.c.id == rule_id)
    row = tx.run(statement if tx.is_sqlite else statement.with_for_update(of=alert_rules, key_share=True)).first()
    if row is None:
        raise NotFound(f"Alert rule {rule_id} does not exist.")
    authority(tx, who).require(tx, Capability.ALERT_MANAGE, row.workspace_id, what=f"Alert rule {rule_id}")
    return row


def _read(tx: Transaction, rule_id: int) -> Rule:
    return rule_of(tx, tx.run(selected().where(alert_rules.c.id == rule_id)).one())


def _differences(current: Mapping[str, Any], effective: Mapping[str, Any]) -> dict[str, audit.DetailValue]:
    def told(value: Any) -> audit.DetailValue:
        return [str(part) for part in value] if isinstance(value, tuple) else None if value is None else str(value)

    detail: dict[str, audit.DetailValue] = {"changed": [FIELDS[name] for name in effective]}
    for name in effective:
        detail[f"{name}_before"] = told(current[name])
        detail[name] = told(effective[name])
    return detail
