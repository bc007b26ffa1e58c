"""Alert channels: where alerts go. A channel's address is a secret; here it is only sealed.

Promise: an address goes in and never comes out: shown is its kind, and its host where that is none of the secret. Each change is one
transaction with its audit entry and asks for `alert.manage`; whoever sees the whole workspace sees that a channel is there and whether
it works. Knows nothing of how anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from storage import audit
from storage.access import Principal, authority, who_may
from storage.alert_addresses import Address, read_address
from storage.alert_editing import refuse_taken, switch, tell
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.fields import read_name
from storage.schema import alert_channels, alert_deliveries, alert_rules, credentials
from storage.sealing import SEAL_VERSION, Binding, SecretMaterial, fingerprint, seal
from storage.states import CredentialKind, CredentialOwner, CredentialSlot

TARGET = CredentialOwner.ALERT_CHANNEL.value


@dataclass(frozen=True, slots=True)
class Channel:
    """An alert channel.

    Attributes:
        address: what may be known of where it goes: kind and host.
        is_enabled: whether anything is sent.
        rules: how many rules send to it.
        last_delivered_at: when something last arrived; None when nothing has.
        last_reason_code: why the last try failed; None when it did not.
    """

    id: int
    workspace_id: int
    name: str
    address: Address
    is_enabled: bool
    rules: int
    created_at: datetime
    last_delivered_at: datetime | None
    last_reason_code: str | None


@dataclass(frozen=True, slots=True)
class ChannelDetail:
    """A channel's page.

    Attributes:
        rule_names: the rules that send to it, by name.
        address_stored_at: when its address was given.
        may_manage: whether the principal may change it.
        who_may_manage: who could, when the principal may not; empty otherwise.
    """

    channel: Channel
    rule_names: tuple[str, ...]
    address_stored_at: datetime | None
    may_manage: bool
    who_may_manage: str


def of_workspace(db: Database, who: Principal, workspace_id: int) -> tuple[Channel, ...]:
    """Returns the channels of a workspace, by name; they are few.

    Raises:
        NotFound, Forbidden: no member, or not of the whole workspace.
    """
    with db.read() as tx:
        _require_sight(tx, who, workspace_id)
        rows = tx.run(
            _select().where(alert_channels.c.workspace_id == workspace_id).order_by(alert_channels.c.name)
        ).all()
    return tuple(_channel(row) for row in rows)


def get(db: Database, who: Principal, channel_id: int) -> ChannelDetail:
    """Returns one channel.

    Raises:
        NotFound, Forbidden: not there or not visible, or not of the whole workspace.
    """
    with db.read() as tx:
        row = tx.run(_select().where(alert_channels.c.id == channel_id)).first()
        if row is None:
            raise NotFound(f"Alert channel {channel_id} does not exist.")
        _require_sight(tx, who, row.workspace_id, channel_id)
        names = tx.run(
            select(alert_rules.c.name).where(alert_rules.c.channel_id == channel_id).order_by(alert_rules.c.name)
        ).scalars()
        stored = tx.run(
            select(credentials.c.stored_at).where(credentials.c.alert_channel_id == channel_id)
        ).scalar_one_or_none()
        may = authority(tx, who).may(tx, Capability.ALERT_MANAGE, row.workspace_id)
        told = "" if may else who_may(tx, Capability.ALERT_MANAGE, row.workspace_id)
        return ChannelDetail(_channel(row), tuple(names), stored, may, told)


def create(
    db: Database,
    who: Principal,
    workspace_id: int,
    *,
    name: str,
    address: str,
    public_key: bytes,
    ticket: str | None = None,
) -> Channel:
    """Makes a channel.

    Args:
        db: the database.
        who: who does it.
        workspace_id: where.
        name: what people call it.
        address: where alerts go, whole; sealed here and never shown.
        public_key: the worker's public key.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the name is taken.
        NotFound, Forbidden: no member, or not allowed.
    """
    name, known = read_name("name", name), read_address(address)
    database_id = db.database_id

    def work(tx: Transaction) -> Channel:
        authority(tx, who).require(tx, Capability.ALERT_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        refuse_taken(tx, alert_channels, workspace_id, name, "an alert channel")
        id = tx.run(
            insert(alert_channels)
            .values(
                workspace_id=workspace_id,
                name=name,
                kind=known.kind,
                settings={"host": known.host},
                created_at=tx.now(),
            )
            .returning(alert_channels.c.id)
        ).scalar_one()
        _store(tx, who, id, address.strip(), public_key, database_id)
        tell(tx, who, "alert_channel.create", TARGET, id, workspace_id, ticket, {"name": name, "kind": known.kind})
        return _read(tx, id)

    return audit.attempt(
        db, who, "alert_channel.create", work, target_kind="workspace", target_id=workspace_id, ticket=ticket
    )


def edit(
    db: Database,
    who: Principal,
    channel_id: int,
    *,
    name: str | None = None,
    address: str | None = None,
    public_key: bytes = b"",
    ticket: str | None = None,
) -> Channel:
    """Gives a channel another name, another address, or both; None leaves it as it is. What waits goes to the new address.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the name is taken.
        NotFound, Forbidden: not visible, or not allowed.
    """
    wanted = None if name is None else read_name("name", name)
    known = None if address is None else read_address(address)
    database_id = db.database_id

    def work(tx: Transaction) -> Channel:
        row = lock(tx, who, channel_id)
        values: dict[str, Any] = {}
        detail: dict[str, audit.DetailValue] = {"name": wanted or row.name}
        if wanted is not None and wanted != row.name:
            refuse_taken(tx, alert_channels, row.workspace_id, wanted, "an alert channel")
            values["name"] = wanted
            detail["name_before"] = row.name
        if known is not None and address is not None:
            values |= {"kind": known.kind, "settings": {"host": known.host}, "last_reason_code": None}
            detail |= {"kind": known.kind, "address": "address replaced"}
            _store(tx, who, channel_id, address.strip(), public_key, database_id)
        if values:
            tx.run(
                update(alert_channels).where(alert_channels.c.id == channel_id).values(**values, updated_at=tx.now())
            )
            tell(tx, who, "alert_channel.edit", TARGET, channel_id, row.workspace_id, ticket, detail)
        return _read(tx, channel_id)

    return audit.attempt(db, who, "alert_channel.edit", work, target_kind=TARGET, target_id=channel_id, ticket=ticket)


def set_enabled(
    db: Database, who: Principal, channel_id: int, is_enabled: bool, *, ticket: str | None = None
) -> Channel:
    """Lets a channel send, or not; what would go out meanwhile is not sent later.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    action = "alert_channel.enable" if is_enabled else "alert_channel.disable"

    def work(tx: Transaction) -> Channel:
        row = lock(tx, who, channel_id)
        if row.is_enabled != is_enabled:
            switch(tx, who, action, alert_channels, TARGET, row, ticket)
        return _read(tx, channel_id)

    return audit.attempt(db, who, action, work, target_kind=TARGET, target_id=channel_id, ticket=ticket)


def remove(db: Database, who: Principal, channel_id: int, *, ticket: str | None = None) -> None:
    """Deletes a channel, its address and the record of what was sent to it.

    Raises:
        Conflict: rules send to it.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> None:
        row = lock(tx, who, channel_id)
        used = tx.run(
            select(alert_rules.c.name).where(alert_rules.c.channel_id == channel_id).order_by(alert_rules.c.name)
        ).first()
        if used is not None:
            raise Conflict(f"The rule {used.name} sends to this channel.", "Give it another channel, or delete it.")
        tx.run(delete(alert_deliveries).where(alert_deliveries.c.channel_id == channel_id))
        tx.run(delete(credentials).where(credentials.c.alert_channel_id == channel_id))
        tx.run(delete(alert_channels).where(alert_channels.c.id == channel_id))
        tell(tx, who, "alert_channel.delete", TARGET, channel_id, row.workspace_id, ticket, {"name": row.name})

    audit.attempt(db, who, "alert_channel.delete", work, target_kind=TARGET, target_id=channel_id, ticket=ticket)


def lock(tx: Transaction, who: Principal, channel_id: int) -> Row[Any]:
    """Locks a channel that is about to change.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    statement = select(alert_channels).where(alert_channels.c.id == channel_id)
    row = tx.run(statement if tx.is_sqlite else statement.with_for_update(key_share=True)).first()
    if row is None:
        raise NotFound(f"Alert channel {channel_id} does not exist.")
    authority(tx, who).require(tx, Capability.ALERT_MANAGE, row.workspace_id, what=f"Alert channel {channel_id}")
    return row


def _store(tx: Transaction, who: Principal, channel_id: int, address: str, public_key: bytes, database_id: str) -> None:
    binding = Binding(
        database_id=database_id,
        owner=CredentialOwner.ALERT_CHANNEL,
        owner_id=channel_id,
        kind=CredentialKind.SECRET,
        key_id=fingerprint(public_key),
    )
    now = tx.now()
    tx.run(delete(credentials).where(credentials.c.alert_channel_id == channel_id))
    tx.run(
        insert(credentials).values(
            alert_channel_id=channel_id,
            slot=CredentialSlot.ACTIVE.value,
            kind=CredentialKind.SECRET.value,
            sealed=seal(SecretMaterial(kind=CredentialKind.SECRET.value, secret=address), public_key, binding),
            seal_key_id=binding.key_id,
            seal_version=SEAL_VERSION,
            stored_at=now,
            stored_by_id=who.user_id,
            active_since=now,
        )
    )


def _require_sight(tx: Transaction, who: Principal, workspace_id: int, channel_id: int | None = None) -> None:
    what = f"Workspace {workspace_id}" if channel_id is None else f"Alert channel {channel_id}"
    authority(tx, who).require(tx, Capability.RUN_VIEW, workspace_id, what=what)


def _select() -> Any:
    rules = (
        select(func.count()).where(alert_rules.c.channel_id == alert_channels.c.id).correlate(alert_channels)
    ).scalar_subquery()
    return select(alert_channels, rules.label("rules"))


def _read(tx: Transaction, channel_id: int) -> Channel:
    return _channel(tx.run(_select().where(alert_channels.c.id == channel_id)).one())


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        address=Address(row.kind, str(row.settings.get("host", ""))),
        is_enabled=row.is_enabled,
        rules=row.rules,
        created_at=row.created_at,
        last_delivered_at=row.last_delivered_at,
        last_reason_code=row.last_reason_code,
    )
