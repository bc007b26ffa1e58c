"""Bringing a fleet in from a file: what each row would do, and doing all of it or nothing.

Promise: the preview says of every row whether it creates, updates, changes nothing or is refused and why. Applying writes exactly what
the preview said, in one transaction: every row is judged again inside it, and when one comes out differently, nothing is written. An
empty cell changes nothing. Connections and credentials are never imported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, select

from storage import audit, fleet_writing
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction, chunks
from storage.errors import Conflict, InvalidInput
from storage.fields import clean_foreign, read_guid
from storage.fleet_sheet import Sheet, SheetRow, read_sheet, split_tags
from storage.schema import tenants
from storage.states import TenantLifecycle, Topic
from storage.tags import tags_of
from storage.tenant_changes import differences
from storage.tenant_fields import read_field, read_tags
from storage.tenants import TenantRow

read = read_sheet

FIELDS: Final[Mapping[str, str]] = {
    "name": "name",
    "domain": "primary_domain",
    "cloud": "cloud",
    "contact": "contact",
    "time_zone": "time_zone",
    "note": "note",
}
"""Columns of a sheet, and the fields of a tenant that they are; `tags` apart."""

EACH_TOLD: Final = 200
"""An import that changes so many tenants at most has an entry in the trail for each; a larger one names only the first."""

_NAMED: Final = 50
_IMPORT: Final = "tenant.import"


class RowClass(StrEnum):
    """What a row of the file does."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RowResult:
    """What one row would do.

    Attributes:
        line: the line of the file on which it begins.
        entra_tenant_id: its tenant id; empty when it has none that can be read.
        name: what it calls the tenant, or what we call it.
        tenant_id: the tenant that is there already.
        values: the fields that would be written.
        before: of an update, those fields as they are stored.
        why: why it is refused; empty otherwise.
    """

    line: int
    kind: RowClass
    entra_tenant_id: str
    name: str
    tenant_id: int | None
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    why: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """A row whose cells were read by the rules of their fields, without looking at what is stored."""

    line: int
    entra_tenant_id: str
    name: str
    values: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What importing a file would do. Made by `preview`, for `apply`.

    Attributes:
        rows: every row of the file, in its order.
        totals: how many rows there are of each class.
        columns: our column → the file's header for it.
        ignored: the file's other headers.
        add_tags: tags that every created or updated tenant gets beside its own.
    """

    workspace_id: int
    rows: tuple[RowResult, ...]
    totals: Mapping[RowClass, int]
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    add_tags: tuple[str, ...]
    sha256: str
    parsed: tuple[ParsedRow, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    created: int
    updated: int
    unchanged: int
    skipped: int


def preview(db: Database, who: Principal, workspace_id: int, sheet: Sheet, *, add_tags: Collection[str] = ()) -> Plan:
    """Returns what importing a sheet into a workspace would do. Writes nothing.

    Raises:
        InvalidInput: a tag cannot be used.
        NotFound, Forbidden: no member, or not allowed to import.
    """
    more = read_tags(add_tags)
    parsed = parse(sheet)
    with db.read(wanting="tenant.import") as tx:
        _require(tx, who, workspace_id)
        rows = _judge(tx, workspace_id, parsed, more)
    totals = dict.fromkeys(RowClass, 0)
    for row in rows:
        totals[row.kind] += 1
    return Plan(workspace_id, rows, totals, sheet.columns, sheet.ignored, more, sheet.sha256, parsed)


def _require(tx: Transaction, who: Principal, workspace_id: int) -> None:
    authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")


def parse(sheet: Sheet) -> tuple[ParsedRow, ...]:
    """Reads every row's cells by the rules of their fields; what needs no database. A tenant id counts the first time it comes."""
    first_on: dict[str, int] = {}
    found = []
    for row in sheet.rows:
        read_row = _parse_row(row)
        guid = read_row.entra_tenant_id
        if guid and first_on.setdefault(guid, row.line) != row.line:
            problem = f"tenant id: is on line {first_on[guid]} already"
            read_row = ParsedRow(row.line, guid, read_row.name, {}, problem)
        found.append(read_row)
    return tuple(found)


def _parse_row(row: SheetRow) -> ParsedRow:
    name, guid = clean_foreign(row.cells.get("name", ""), 200), ""
    try:
        if "tenant_id" not in row.cells:
            raise InvalidInput("tenant id", "is missing")
        guid = read_guid("tenant id", row.cells["tenant_id"])
        if row.problem:
            return ParsedRow(row.line, guid, name, {}, row.problem)
        values = {
            FIELDS[column]: read_field(FIELDS[column], row.cells[column]) for column in FIELDS if column in row.cells
        }
        if "tags" in row.cells:
            values["tags"] = read_tags(split_tags(row.cells["tags"]))
    except InvalidInput as error:
        return ParsedRow(row.line, guid, name, {}, row.problem or str(error))
    return ParsedRow(row.line, guid, name, values)


def _judge(
    tx: Transaction, workspace_id: int, parsed: Sequence[ParsedRow], add_tags: tuple[str, ...]
) -> tuple[RowResult, ...]:
    results: list[RowResult] = []
    for part in chunks(parsed, fleet_writing.at_once(tx)):
        guids = [row.entra_tenant_id for row in part if not row.problem]
        stored = {
            row.entra_tenant_id: row
            for row in tx.run(
                select(tenants).where(tenants.c.workspace_id == workspace_id, tenants.c.entra_tenant_id.in_(guids))
            ).all()
        }
        labels = tags_of(tx, [row.id for row in stored.values()]) if stored else {}
        for row in part:
            tenant = stored.get(row.entra_tenant_id)
            results.append(_judge_row(row, tenant, labels.get(tenant.id, ()) if tenant else (), add_tags))
    return tuple(results)


def _judge_row(
    row: ParsedRow, tenant: Row[Any] | None, labels: tuple[str, ...], add_tags: tuple[str, ...]
) -> RowResult:
    guid, values = row.entra_tenant_id, dict(row.values)
    if row.problem:
        return _refused(row, row.problem)
    try:
        values["tags"] = read_tags({*values.get("tags", labels), *add_tags})
    except InvalidInput as error:
        return _refused(row, str(error))
    if tenant is None:
        if "name" not in values:
            return _refused(row, "tenant name: is missing. A new tenant needs one.")
        return RowResult(row.line, RowClass.CREATE, guid, row.name, None, values, {})
    stored = {name: labels if name == "tags" else getattr(tenant, name) for name in values}
    changes = {name: value for name, value in values.items() if value != stored[name]}
    before = {name: stored[name] for name in changes}
    name = row.name or tenant.name
    if not changes:
        return RowResult(row.line, RowClass.UNCHANGED, guid, name, tenant.id, {}, {})
    if tenant.lifecycle == TenantLifecycle.ARCHIVED:
        return _refused(row, f"{tenant.name} is archived. Bring it back first.")
    if "cloud" in changes and tenant.first_token_at is not None:
        return _refused(row, f"cloud: Microsoft gave a token for {tenant.name} in {tenant.cloud}, so it stays.")
    return RowResult(row.line, RowClass.UPDATE, guid, name, tenant.id, changes, before)


def _refused(row: ParsedRow, why: str) -> RowResult:
    return RowResult(row.line, RowClass.REFUSED, row.entra_tenant_id, row.name, None, {}, {}, why)


def cells_of(row: TenantRow) -> Mapping[str, str]:
    """Returns a tenant's cells for `fleet_sheet.COLUMNS`."""
    return {
        "name": row.name,
        "tenant_id": row.entra_tenant_id,
        "domain": row.primary_domain or "",
        "cloud": row.cloud.value,
        "tags": ";".join(row.tags),
        "contact": row.contact,
        "time_zone": row.time_zone,
        "note": row.note,
    }


def apply(
    db: Database,
    who: Principal,
    workspace_id: int,
    plan: Plan,
    *,
    skip_refused: bool = False,
    ticket: str | None = None,
) -> Imported:
    """Does what a plan says, all of it or nothing.

    Args:
        db: the database.
        who: who does it.
        workspace_id: where; the plan was made for it.
        plan: what `preview` returned and somebody has looked at.
        skip_refused: leave the refused rows out instead of refusing the whole file.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: the file has refused rows, and they are not to be skipped; the first is named.
        Conflict: a tenant of the file changed since the preview, or the plan is another workspace's.
        NotFound, Forbidden: no member, or not allowed to import.
    """

    def work(tx: Transaction) -> Imported:
        _require(tx, who, workspace_id)
        if plan.workspace_id != workspace_id:
            raise Conflict("The plan was made for another workspace.", "Preview the file here.")
        if plan.totals[RowClass.REFUSED] and not skip_refused:
            raise _has_refused(plan)
        fleet_writing.lock_for_import(
            tx, [row.tenant_id for row in plan.rows if row.kind is RowClass.UPDATE and row.tenant_id]
        )
        if _judge(tx, workspace_id, plan.parsed, plan.add_tags) != plan.rows:
            raise Conflict("Tenants of the file changed since the preview.", "Preview it again; nothing was written.")
        created = [row for row in plan.rows if row.kind is RowClass.CREATE]
        updated = [row for row in plan.rows if row.kind is RowClass.UPDATE]
        if created or updated:
            ids = fleet_writing.write_fleet(
                tx,
                who,
                workspace_id,
                {row.entra_tenant_id: row.values for row in created},
                {row.tenant_id: row.values for row in updated if row.tenant_id is not None},
                ticket=ticket,
            )
            _tell(tx, who, plan, created, updated, ids, ticket)
            tx.touch(Topic.TENANTS, Topic.CONNECTIONS)
        return Imported(len(created), len(updated), plan.totals[RowClass.UNCHANGED], plan.totals[RowClass.REFUSED])

    return audit.attempt(db, who, _IMPORT, work, target_kind="workspace", target_id=workspace_id, ticket=ticket)


def _has_refused(plan: Plan) -> InvalidInput:
    first = next(row for row in plan.rows if row.kind is RowClass.REFUSED)
    count = plan.totals[RowClass.REFUSED]
    rows = "1 row is" if count == 1 else f"{count:,} rows are"
    return InvalidInput(
        "file",
        f"{rows} refused, so nothing was written; line {first.line}: {first.why}",
        "Mend the file, or leave them out with --skip-refused.",
    )


def _tell(
    tx: Transaction,
    who: Principal,
    plan: Plan,
    created: Sequence[RowResult],
    updated: Sequence[RowResult],
    ids: Mapping[str, int],
    ticket: str | None,
) -> None:
    """One entry about the whole import; and one about each tenant, when there are not too many."""

    def named(rows: Sequence[RowResult]) -> list[str]:
        return [f"{row.entra_tenant_id} {row.name}" for row in rows[:_NAMED]]

    audit.record(
        tx,
        who,
        _IMPORT,
        target_kind="workspace",
        target_id=plan.workspace_id,
        workspace_id=plan.workspace_id,
        ticket=ticket,
        detail={
            "sha256": plan.sha256,
            "created": len(created),
            "updated": len(updated),
            "unchanged": plan.totals[RowClass.UNCHANGED],
            "skipped": plan.totals[RowClass.REFUSED],
            "first_created": named(created),
            "first_updated": named(updated),
        },
    )
    if len(created) + len(updated) > EACH_TOLD:
        return
    for row in (*created, *updated):
        is_new = row.kind is RowClass.CREATE
        tenant_id = ids[row.entra_tenant_id] if is_new else row.tenant_id
        assert tenant_id is not None
        audit.record(
            tx,
            who,
            "tenant.create" if is_new else "tenant.edit",
            target_kind="tenant",
            target_id=tenant_id,
            workspace_id=plan.workspace_id,
            ticket=ticket,
            detail={"import": plan.sha256}
            | (
                {"name": row.name, "entra_tenant_id": row.entra_tenant_id}
                if is_new
                else differences(row.before, row.values)
            ),
        )
