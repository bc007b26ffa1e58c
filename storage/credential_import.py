"""Storing many credentials at once: which line goes where, and what became of it.

Promise: a line is bound by an exact number, tenant id or domain, never by a part of a name, so that no secret lands with the wrong tenant.
Each line is its own transaction through `credentials.store`, with its rights and its audit entry; a refused one is named by its number and
leaves nothing. What a line held is never repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, select

from storage import credential_changes, credential_material, credentials
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.connection_locks import refuse_archived
from storage.credential_lines import BadLine, GivenLine
from storage.credential_material import Material
from storage.database import Database, Transaction
from storage.errors import AtlasError, Conflict, InvalidInput, NotFound
from storage.fields import read_domain, read_guid
from storage.schema import credentials as table
from storage.schema import operation_runs, tenants
from storage.schema import provider_connections as pc
from storage.starting import AlreadyRunning, Blocked, ScopeBusy, Started
from storage.states import ConnectionType, CredentialOwner, CredentialSlot, RunStatus

_AT_ONCE: Final = 500


class Fate(StrEnum):
    """What became of a line, or would."""

    REFUSED = "refused"
    STAGED = "staged"
    ACTIVE = "active"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One line and what became of it.

    Attributes:
        line: its number in the text.
        fate: refused; staged beside the active one; active at once; or, after its check, promoted.
        connection_id: which connection it was for; None when the line named none.
        tenant_name: whose.
        problem: why it was refused or is still only staged; empty otherwise.
        run_id: the check that carries it.
    """

    line: int
    fate: Fate
    connection_id: int | None = None
    tenant_name: str = ""
    problem: str = ""
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A line that can be stored."""

    line: int
    connection_id: int
    tenant_name: str
    fate: Fate
    material: Material
    key_id: str
    expires_at: datetime | None


class Import:
    """One import. Remembers which connections were named, so that none is given two secrets.

    Args:
        db: the database.
        who: who imports.
        workspace_id: where.
        public_key: the worker's public key.
        ticket: a reference for the audit trail.
    """

    def __init__(
        self, db: Database, who: Principal, workspace_id: int, public_key: bytes, *, ticket: str | None = None
    ) -> None:
        self._db = db
        self._who = who
        self._workspace_id = workspace_id
        self._public_key = public_key
        self._ticket = ticket
        self._named: dict[int, int] = {}

    def preview(self, lines: Iterable[GivenLine | BadLine]) -> Iterator[ImportedLine]:
        """Says what would become of each line; writes nothing."""
        for given in lines:
            found = self._prepare(given)
            if isinstance(found, ImportedLine):
                yield found
            else:
                yield ImportedLine(found.line, found.fate, found.connection_id, found.tenant_name)

    def store(self, lines: Iterable[GivenLine | BadLine]) -> Iterator[ImportedLine]:
        """Stores each line that can be stored, one by one, as they come."""
        for given in lines:
            found = self._prepare(given)
            yield found if isinstance(found, ImportedLine) else self._store(found)

    def store_all_or_none(self, lines: Iterable[GivenLine | BadLine]) -> Iterator[ImportedLine]:
        """Looks at every line before the first is stored, and stores none when one is refused.

        What is stored is kept when somebody changes a connection in the middle of it: that line alone is refused then.
        """
        prepared = [self._prepare(given) for given in lines]
        if any(isinstance(found, ImportedLine) for found in prepared):
            yield from (found for found in prepared if isinstance(found, ImportedLine))
            return
        for found in prepared:
            yield found if isinstance(found, ImportedLine) else self._store(found)

    def _prepare(self, given: GivenLine | BadLine) -> _Ready | ImportedLine:
        if isinstance(given, BadLine):
            return ImportedLine(given.line, Fate.REFUSED, problem=given.problem)
        place: Row[Any] | None = None
        try:
            place = self._find(given.target)
            earlier = self._named.get(place.id)
            if earlier is not None:
                raise Conflict(f"names the same connection as line {earlier}")
            material = credential_material.from_secret(given.value)
            key_id = read_guid("secret id", given.key_id) if given.key_id else ""
            expires_at = _read_end(given.expires)
        except AtlasError as error:
            return _refused(given.line, error, place)
        self._named[place.id] = given.line
        fate = Fate.STAGED if place.has_active else Fate.ACTIVE
        return _Ready(given.line, place.id, place.tenant_name, fate, material, key_id, expires_at)

    def _store(self, ready: _Ready) -> ImportedLine:
        told = ImportedLine(ready.line, ready.fate, ready.connection_id, ready.tenant_name)
        try:
            info = credentials.store(
                self._db,
                self._who,
                CredentialOwner.CONNECTION,
                ready.connection_id,
                ready.material,
                self._public_key,
                expires_at=ready.expires_at,
                client_key_id=ready.key_id,
                ticket=self._ticket,
            )
        except AtlasError as error:
            return replace(told, fate=Fate.REFUSED, problem=error.message)
        return replace(told, fate=Fate.STAGED if info.slot is CredentialSlot.STAGED else Fate.ACTIVE)

    def _find(self, target: str) -> Row[Any]:
        with self._db.read() as tx:
            rights = authority(tx, self._who)
            rows = tx.run(
                select(
                    pc.c.id,
                    pc.c.tenant_id,
                    pc.c.connection_type,
                    pc.c.is_default,
                    tenants.c.name.label("tenant_name"),
                    tenants.c.lifecycle,
                    _ACTIVE,
                )
                .join(tenants, tenants.c.id == pc.c.tenant_id)
                .where(
                    pc.c.workspace_id == self._workspace_id,
                    rights.tenant_clause(self._workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id),
                    _condition(target),
                )
                .order_by(pc.c.id)
                .limit(20)
            ).all()
            if not rows:
                raise NotFound("names no connection here by its number, tenant id or domain")
            chosen = _choose(rows)
            rights.require(
                tx, Capability.PROVIDER_MANAGE, self._workspace_id, chosen.tenant_id, what=f"Connection {chosen.id}"
            )
            refuse_archived(chosen.lifecycle)
            return chosen


_ACTIVE: Final = (
    select(table.c.id)
    .where(table.c.connection_id == pc.c.id, table.c.slot == CredentialSlot.ACTIVE.value)
    .exists()
    .label("has_active")
)


def _condition(target: str) -> Any:
    """Exactly what is named. What is neither a number, a GUID nor a domain is not repeated: it may be a secret in the wrong column."""
    if target.isascii() and target.isdigit() and len(target) <= 18:
        return pc.c.id == int(target)
    for column, read in ((tenants.c.entra_tenant_id, read_guid), (tenants.c.primary_domain, read_domain)):
        try:
            return column == read("connection", target)
        except InvalidInput:
            continue
    raise InvalidInput("connection", "is neither a connection's number, nor a tenant id, nor a domain")


def _choose(rows: Sequence[Row[Any]]) -> Row[Any]:
    if len({row.tenant_id for row in rows}) > 1:
        raise Conflict("names several tenants: use the connection's number or the tenant id")
    dedicated = [row for row in rows if row.connection_type == ConnectionType.DEDICATED]
    if not dedicated:
        raise Conflict("names a connection that signs in with its platform app, whose secret is stored with the app")
    chosen = dedicated if len(dedicated) == 1 else [row for row in dedicated if row.is_default]
    if not chosen:
        raise Conflict("names a tenant with several connections: use the connection's number")
    return chosen[0]


def _read_end(text: str) -> datetime | None:
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        is_over = value <= datetime.now(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("expires", "is not a date such as 2027-03-31") from None
    if is_over:
        raise InvalidInput("expires", "is in the past")
    return value


def _refused(line: int, error: AtlasError, place: Row[Any] | None) -> ImportedLine:
    return ImportedLine(
        line,
        Fate.REFUSED,
        None if place is None else place.id,
        "" if place is None else place.tenant_name,
        error.message,
    )


def start_check(db: Database, who: Principal, stored: ImportedLine, *, ticket: str | None = None) -> ImportedLine:
    """Starts the check that carries a stored line's secret; what the gate answered is added to the line."""
    if stored.connection_id is None or stored.fate is Fate.REFUSED:
        return stored
    try:
        result = credential_changes.start_check(db, who, stored.connection_id, ticket=ticket)
    except AtlasError as error:
        return replace(stored, problem=error.message)
    if isinstance(result, Blocked):
        return replace(stored, problem=f"{result.reason.code}: {result.sentence}")
    if isinstance(result, Started | AlreadyRunning):
        return replace(stored, run_id=result.run.id)
    assert isinstance(result, ScopeBusy)
    return replace(stored, run_id=None if result.waiting is None else result.waiting.id)


def unfinished(db: Database, who: Principal, workspace_id: int, lines: Sequence[ImportedLine]) -> int:
    """Returns how many of the lines' checks have not completed.

    Raises:
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        if not authority(tx, who).may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        return sum(
            row.status != RunStatus.COMPLETED
            for chunk in _chunks(lines)
            for row in _runs(tx, who, workspace_id, chunk).values()
        )


def after_checks(
    db: Database, who: Principal, workspace_id: int, lines: Sequence[ImportedLine]
) -> tuple[ImportedLine, ...]:
    """Returns the lines as they are now: promoted, or still staged with the reason their check ended in.

    Raises:
        NotFound: the principal is no member.
    """
    found: list[ImportedLine] = []
    with db.read() as tx:
        if not authority(tx, who).may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        for chunk in _chunks(lines):
            by_id = _runs(tx, who, workspace_id, chunk)
            owners = [line.connection_id for line in chunk if line.connection_id is not None]
            visible = authority(tx, who).tenant_clause(workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id)
            staged = set(
                tx.run(
                    select(table.c.connection_id)
                    .join(pc, pc.c.id == table.c.connection_id)
                    .where(
                        pc.c.id.in_(owners),
                        pc.c.workspace_id == workspace_id,
                        visible,
                        table.c.slot == CredentialSlot.STAGED.value,
                    )
                ).scalars()
            )
            found += [_now(line, by_id.get(line.run_id or 0), line.connection_id in staged) for line in chunk]
    return tuple(found)


def _now(line: ImportedLine, run: Row[Any] | None, is_staged: bool) -> ImportedLine:
    if line.fate is Fate.REFUSED:
        return line
    fate = Fate.PROMOTED if line.fate is Fate.STAGED and not is_staged else line.fate
    if run is None:
        return replace(line, fate=fate)
    if run.status != RunStatus.COMPLETED:
        return replace(line, fate=fate, problem="its check has not completed")
    return replace(line, fate=fate, problem=run.reason_code or "")


def _chunks(lines: Sequence[ImportedLine]) -> Iterator[Sequence[ImportedLine]]:
    return (lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE))


def _runs(tx: Transaction, who: Principal, workspace_id: int, lines: Sequence[ImportedLine]) -> dict[int, Row[Any]]:
    visible = authority(tx, who).tenant_clause(workspace_id, Capability.RUN_VIEW, operation_runs.c.tenant_id)
    rows = tx.run(
        select(operation_runs.c.id, operation_runs.c.status, operation_runs.c.reason_code).where(
            operation_runs.c.workspace_id == workspace_id,
            visible,
            operation_runs.c.id.in_([line.run_id for line in lines if line.run_id is not None]),
        )
    ).all()
    return {row.id: row for row in rows}
