"""The expiry horizon: every credential that is signed in with, or is about to be, by the days it has left.

Promise: of which nobody knows the end is a bucket of its own and never counts as fine. Pages are found by the index of end dates: those
that are dated first, the soonest first, then the others. Must not know: what rotating is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from storage import filters
from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import credentials as c
from storage.schema import platform_apps, tenants
from storage.schema import provider_connections as pc
from storage.states import CredentialKind, CredentialOwner, CredentialSlot, TenantLifecycle

COUNTED: Final = 10_000
"""Credentials of one bucket that are counted; beyond it people read "10,000+"."""


class Bucket(StrEnum):
    """How long a credential still has."""

    EXPIRED = "expired"
    DAY = "1"
    WEEK = "7"
    FORTNIGHT = "14"
    MONTH = "30"
    LATER = "later"
    UNKNOWN = "unknown"


_ENDS: Final = {Bucket.DAY: 1, Bucket.WEEK: 7, Bucket.FORTNIGHT: 14, Bucket.MONTH: 30}
"""The longest days of each bucket that has some; a bucket begins where the one before it ends."""

KEYS: Final = {
    "bucket": {bucket.value for bucket in Bucket},
    "kind": {kind.value for kind in CredentialKind},
    "owner": {"connection", "app"},
    "slot": {CredentialSlot.ACTIVE.value, CredentialSlot.STAGED.value},
}
"""The filter line's keys."""


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """A credential.

    Attributes:
        owner, owner_id: who holds it.
        name: the tenant's name, or the app's.
        tenant_id: the tenant, of a connection's.
        days_left: whole days, negative when it is over; None when nobody knows.
    """

    id: int
    bucket: Bucket
    owner: CredentialOwner
    owner_id: int
    name: str
    tenant_id: int | None
    slot: CredentialSlot
    kind: CredentialKind
    client_key_id: str
    expires_at: datetime | None
    days_left: int | None


@dataclass(frozen=True, slots=True)
class HorizonQuery:
    """What shall be shown. `text` is the filter line: words, `bucket:7`, `bucket:unknown`, `kind:`, `owner:`, `slot:`."""

    workspace_id: int
    text: str = ""
    tenant_id: int | None = None


def bucket_of(expires_at: datetime | None, now: datetime) -> Bucket:
    """Returns the bucket of an end date."""
    if expires_at is None:
        return Bucket.UNKNOWN
    if expires_at <= now:
        return Bucket.EXPIRED
    return next((bucket for bucket, days in _ENDS.items() if expires_at <= now + timedelta(days=days)), Bucket.LATER)


def page(db: Database, who: Principal, query: HorizonQuery, place: Place, limit: int = 100) -> Page[HorizonRow]:
    """Returns a page of credentials: what is over, what ends next, and last of which nobody knows.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member.
    """
    wanted = filters.read_filter(query.text, KEYS)
    with db.read() as tx:
        statement = _statement(tx, who, query, wanted)
        return _Halves(tx, statement, limit).page(place)


def counts(db: Database, who: Principal, query: HorizonQuery) -> Mapping[Bucket, int]:
    """Returns how many there are in each bucket, counted up to 10,000 and one; the filter's buckets are not asked.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
    """
    wanted = filters.read_filter(query.text, KEYS)
    rest = {key: values for key, values in wanted.values.items() if key != "bucket"}
    with db.read() as tx:
        statement = _statement(tx, who, query, replace(wanted, values=rest))
        now = tx.now()
        return {
            bucket: int(
                tx.run(
                    select(func.count()).select_from(
                        statement.where(_in_bucket(bucket, now)).limit(COUNTED + 1).subquery()
                    )
                ).scalar_one()
            )
            for bucket in Bucket
        }


class _Halves:
    """One list made of two: what is dated, by its date, then what is not, by its number. Each half is read by keyset."""

    def __init__(self, tx: Transaction, statement: Select[Any], limit: int) -> None:
        self._tx, self._limit = tx, limit
        now = tx.now()
        self._make = lambda row: _row(row, now)
        self._dated = statement.where(c.c.expires_at.is_not(None))
        self._undated = statement.where(c.c.expires_at.is_(None))

    def page(self, place: Place) -> Page[HorizonRow]:
        backwards = place.kind in ("last", "before")
        in_undated = self._is_undated(place)
        inner = place if place.cursor is None else Place(place.kind, place.cursor[1:], place.key)
        if place.kind in ("first", "last"):
            in_undated = backwards
        first = self._read(in_undated, inner, self._limit)
        room = self._limit - len(first.rows)
        if not backwards and not in_undated:
            return self._joined(first, self._read(True, Place.first(), room) if room and not first.has_after else None)
        if backwards and in_undated:
            return self._joined(self._read(False, Place.last(), room) if room and not first.has_before else None, first)
        return self._joined(None, first) if in_undated else self._joined(first, None)

    def _is_undated(self, place: Place) -> bool:
        """Which half a place is in: the row's own, when it is there; else that of its cursor."""
        if place.key is not None:
            found = self._tx.run(select(c.c.expires_at).where(c.c.id == place.key)).first()
            if found is not None:
                return found.expires_at is None
        return place.cursor is not None and place.cursor.startswith("u")

    def _read(self, undated: bool, place: Place, limit: int) -> Page[HorizonRow]:
        keys = [SortKey(c.c.id, "id")]
        if not undated:
            keys.insert(0, SortKey(c.c.expires_at, "expires_at"))
        statement = self._undated if undated else self._dated
        found = read_page(self._tx, statement, keys, place, limit, self._make, c.c.id)
        mark = "u" if undated else "d"
        return replace(found, cursors=tuple(mark + cursor for cursor in found.cursors))

    def _any(self, undated: bool) -> bool:
        statement = self._undated if undated else self._dated
        return self._tx.run(statement.limit(1)).first() is not None

    def _joined(self, dated: Page[HorizonRow] | None, undated: Page[HorizonRow] | None) -> Page[HorizonRow]:
        rows = (*(dated.rows if dated else ()), *(undated.rows if undated else ()))
        cursors = (*(dated.cursors if dated else ()), *(undated.cursors if undated else ()))
        has_before = dated.has_before if dated else bool(undated and undated.has_before) or self._any(False)
        has_after = undated.has_after if undated else bool(dated and dated.has_after) or self._any(True)
        return Page(rows, cursors, has_before, has_after, position=0 if not has_before else None)


def _statement(tx: Transaction, who: Principal, query: HorizonQuery, wanted: filters.Filter) -> Select[Any]:
    rights = authority(tx, who)
    if not rights.may_enter(query.workspace_id):
        raise NotFound(f"Workspace {query.workspace_id} does not exist.")
    now = tx.now()
    statement = (
        select(
            c.c.id.label("id"),
            c.c.expires_at.label("expires_at"),
            c.c.slot,
            c.c.kind,
            c.c.client_key_id,
            c.c.connection_id,
            c.c.platform_app_id,
            pc.c.tenant_id,
            tenants.c.name.label("tenant_name"),
            platform_apps.c.display_name.label("app_name"),
        )
        .select_from(c)
        .outerjoin(pc, pc.c.id == c.c.connection_id)
        .outerjoin(tenants, tenants.c.id == pc.c.tenant_id)
        .outerjoin(platform_apps, platform_apps.c.id == c.c.platform_app_id)
        .where(_visible(rights, query), c.c.slot.in_([CredentialSlot.ACTIVE.value, CredentialSlot.STAGED.value]))
    )
    conditions = [_matches(key, values, now) for key, values in wanted.values.items()]
    conditions += [~_matches(key, values, now) for key, values in wanted.not_values.items()]
    conditions += [_mentions(word) for word in wanted.words]
    conditions += [~_mentions(word) for word in wanted.not_words]
    return statement.where(*conditions)


def _visible(rights: Authority, query: HorizonQuery) -> ColumnElement[bool]:
    of_connections = and_(
        c.c.connection_id.is_not(None),
        pc.c.workspace_id == query.workspace_id,
        tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value,
        rights.tenant_clause(query.workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id),
    )
    if query.tenant_id is not None:
        return and_(of_connections, pc.c.tenant_id == query.tenant_id)
    if rights.reaches_whole(query.workspace_id, Capability.PROVIDER_VIEW):
        return or_(of_connections, platform_apps.c.workspace_id == query.workspace_id)
    return of_connections


def _matches(key: str, values: tuple[str, ...], now: datetime) -> ColumnElement[bool]:
    if key == "bucket":
        return or_(*(_in_bucket(Bucket(value), now) for value in values))
    if key == "owner":
        return or_(
            *((c.c.connection_id if value == "connection" else c.c.platform_app_id).is_not(None) for value in values)
        )
    return {"kind": c.c.kind, "slot": c.c.slot}[key].in_(values)


def _in_bucket(bucket: Bucket, now: datetime) -> ColumnElement[bool]:
    if bucket is Bucket.UNKNOWN:
        return c.c.expires_at.is_(None)
    if bucket is Bucket.EXPIRED:
        return and_(c.c.expires_at.is_not(None), c.c.expires_at <= now)
    begin = timedelta(days=max((days for days in _ENDS.values() if days < _ENDS.get(bucket, 10**6)), default=0))
    after = and_(c.c.expires_at.is_not(None), c.c.expires_at > now + begin)
    return after if bucket is Bucket.LATER else and_(after, c.c.expires_at <= now + timedelta(days=_ENDS[bucket]))


def _mentions(word: str) -> ColumnElement[bool]:
    pattern = filters.like(word)
    return or_(
        func.coalesce(pc.c.sort_name, "").like(pattern, escape="\\"),
        func.lower(func.coalesce(platform_apps.c.display_name, "")).like(pattern, escape="\\"),
    )


def _row(row: Any, now: datetime) -> HorizonRow:
    of_connection = row.connection_id is not None
    return HorizonRow(
        row.id,
        bucket_of(row.expires_at, now),
        CredentialOwner.CONNECTION if of_connection else CredentialOwner.PLATFORM_APP,
        row.connection_id if of_connection else row.platform_app_id,
        row.tenant_name if of_connection else row.app_name,
        row.tenant_id,
        CredentialSlot(row.slot),
        CredentialKind(row.kind),
        row.client_key_id,
        row.expires_at,
        None if row.expires_at is None else (row.expires_at - now).days,
    )
