"""What no run tells of: credentials that expire soon, hosts without a worker, a queue in which nothing moves.

Promise: looked at by every worker now and then, any number of them at once; each subject is told once (`alert_episodes`). Looks at
nothing where no rule listens. What expires is found by its index and in parts. "No worker" is what the surviving workers see of another
host: when the last one of all is gone nobody is left to say so here, which is what the configuration's `heartbeat_url` is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Text, cast, exists, literal, or_, select

from storage.alert_episodes import OVER, SOLVED, UNHEARD, Listener, begin, end, listeners, solve
from storage.alert_gathering import end_outages
from storage.alert_matching import Event, fact_time
from storage.alert_subjects import expiring_credential, is_told_of_owner, of_expiry
from storage.attention_installation import queue_stuck_since
from storage.database import Database, Transaction
from storage.schema import (
    alert_deliveries,
    credentials,
    platform_apps,
    provider_connections,
    tenant_tags,
    tenants,
    workers,
)
from storage.states import AlertEvent, CredentialKind, CredentialSlot, TenantLifecycle

GONE_AFTER: Final = timedelta(seconds=60)
"""A worker that has not beaten for so long and did not say goodbye is gone."""

CHUNK: Final = 200
HOSTS_NAMED: Final = 5
"""So many hosts are named on which the work goes on; of the others it is said how many they are."""

_CODES: Final = {
    (False, False): "secret_expiring",
    (False, True): "secret_expired_local",
    (True, False): "cert_expiring",
    (True, True): "cert_expired",
}
"""By whether it is a certificate, and whether it is over."""

_HOST: Final = "worker:"
_QUEUE: Final = "queue"
_d = alert_deliveries.c


def watch(db: Database, *, with_expiry: bool = True) -> int:
    """Looks once at everything that some rule listens to, and ends outages that went by. Returns how many rules were asked.

    Args:
        db: the database.
        with_expiry: whether credentials are looked at too; that reads as many as have run out, and changes by the day.

    Raises:
        DatabaseError: the database is away.
    """
    with db.read() as tx:
        rules = listeners(tx)
    for rule in rules:
        events = set(rule.conditions.events)
        if with_expiry and AlertEvent.EXPIRING in events:
            _watch_expiry(db, rule)
        if AlertEvent.NO_WORKER in events:
            db.write(lambda tx, rule=rule: _watch_hosts(tx, rule))  # type: ignore[misc]
        if AlertEvent.QUEUE_STUCK in events:
            db.write(lambda tx, rule=rule: _watch_queue(tx, rule))  # type: ignore[misc]
        if AlertEvent.RUN in events:
            db.write(lambda tx, rule=rule: end_outages(tx, rule))  # type: ignore[misc]
    return len(rules)


def _watch_expiry(db: Database, rule: Listener) -> None:
    # Asked in a read first: on SQLite a write keeps everybody else out, and mostly there is nothing new.
    while _any_newly_expiring(db, rule) and db.write(lambda tx: _begin_expiring(tx, rule)) == CHUNK:
        pass
    after: int | None = 0
    while after is not None:
        after = db.write(lambda tx, after=after: _end_expiring(tx, rule, after))  # type: ignore[misc]


def _any_newly_expiring(db: Database, rule: Listener) -> bool:
    with db.read() as tx:
        return tx.run(_newly_expiring(rule, tx.now()).limit(1)).first() is not None


def _begin_expiring(tx: Transaction, rule: Listener) -> int:
    now = tx.now()
    rows = tx.run(_newly_expiring(rule, now).limit(CHUNK)).all()
    for row in rows:
        code = _CODES[row.kind == CredentialKind.CERTIFICATE.value, row.expires_at <= now]
        facts = {
            "expires": fact_time(row.expires_at),
            **({"tenant": row.tenant_name, "connection": row.display_name} if row.tenant_id else {"app": row.app_name}),
        }
        event = Event(
            frozenset({AlertEvent.EXPIRING}),
            of_expiry(row.id),
            code,
            row.tenant_id,
            row.connection_id,
            # The query has asked for the rule's tags already.
            frozenset(rule.conditions.tag_ids),
            facts=facts,
        )
        begin(tx, [rule], event, now)
    return len(rows)


def _newly_expiring(rule: Listener, now: datetime) -> Any:
    c, pc, wanted = credentials.c, provider_connections.c, rule.conditions
    known = exists().where(_d.rule_id == rule.id, _d.subject_key == literal(of_expiry("")) + cast(c.id, Text))
    of_connection = (
        (pc.workspace_id == rule.workspace_id) & pc.is_enabled & (tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value)
    )
    if wanted.tenant_ids or wanted.tag_ids:
        tagged = exists().where(tenant_tags.c.tenant_id == tenants.c.id, tenant_tags.c.tag_id.in_(wanted.tag_ids))
        of_connection &= or_(tenants.c.id.in_(wanted.tenant_ids), tagged)
    return (
        select(
            c.id,
            c.kind,
            c.expires_at,
            c.connection_id,
            pc.tenant_id,
            pc.display_name,
            tenants.c.name.label("tenant_name"),
            platform_apps.c.display_name.label("app_name"),
        )
        .select_from(
            credentials.outerjoin(provider_connections, pc.id == c.connection_id)
            .outerjoin(tenants, tenants.c.id == pc.tenant_id)
            .outerjoin(platform_apps, platform_apps.c.id == c.platform_app_id)
        )
        .where(
            c.slot == CredentialSlot.ACTIVE.value,
            c.expires_at <= now + timedelta(days=wanted.expiring_days),
            or_(of_connection, platform_apps.c.workspace_id == rule.workspace_id),
            ~known,
            ~is_told_of_owner(rule.id, UNHEARD),
        )
        .order_by(c.expires_at, c.id)
    )


def _end_expiring(tx: Transaction, rule: Listener, after: int) -> int | None:
    """Solves what was renewed, part by part. Returns the last row looked at, None when there is no further one."""
    rows = _open_rows(tx, rule, of_expiry(""), after)
    horizon = tx.now() + timedelta(days=rule.conditions.expiring_days)
    ids = {row.id: expiring_credential(row.subject_key) for row in rows}
    still = set(
        tx.run(
            select(credentials.c.id).where(
                credentials.c.id.in_(sorted(ids.values())),
                credentials.c.slot == CredentialSlot.ACTIVE.value,
                credentials.c.expires_at <= horizon,
            )
        ).scalars()
    )
    solve(tx, [rule], [row.subject_key for row in rows if ids[row.id] not in still], tx.now())
    return rows[-1].id if len(rows) == CHUNK else None


def _watch_hosts(tx: Transaction, rule: Listener) -> None:
    now = tx.now()
    hosts = _hosts(tx, now)
    working = sorted(name for name, host in hosts.items() if host.is_alive)
    for name, host in sorted(hosts.items()):
        if not host.is_alive and host.silent is not None:
            facts = {
                "host": name,
                "since": fact_time(host.silent.beat_at),
                "process": host.silent.pid,
                "version": host.silent.version,
                "elsewhere": working[:HOSTS_NAMED],
                "elsewhere_more": len(working[HOSTS_NAMED:]),
            }
            event = Event(frozenset({AlertEvent.NO_WORKER}), _HOST + name, "worker_gone", facts=facts)
            begin(tx, [rule], event, now)
    for row in _open_rows(tx, rule, _HOST, 0):
        known = hosts.get(row.subject_key.removeprefix(_HOST))
        if known is None:
            end(tx, row)  # so long ago that its worker was forgotten
        elif known.is_alive:
            solve(tx, [rule], [row.subject_key], now)


@dataclass(frozen=True, slots=True)
class _Host:
    """A host's standing.

    Attributes:
        is_alive: a worker runs there.
        silent: the last worker of it, when that one is gone and said no goodbye.
    """

    is_alive: bool
    silent: Row[Any] | None


def _hosts(tx: Transaction, now: datetime) -> dict[str, _Host]:
    """How each host stands; a dashboard's own worker does not count, since it ends with the dashboard."""
    found: dict[str, _Host] = {}
    rows = tx.run(select(workers).where(~workers.c.is_local).order_by(workers.c.beat_at)).all()
    for row in rows:
        name = row.host[:200]
        is_alive = row.stopped_at is None and row.beat_at >= now - GONE_AFTER
        before = found.get(name, _Host(False, None))
        found[name] = _Host(before.is_alive or is_alive, None if row.stopped_at is not None or is_alive else row)
    return found


def _watch_queue(tx: Transaction, rule: Listener) -> None:
    now = tx.now()
    after = timedelta(minutes=rule.conditions.queue_minutes)
    since = queue_stuck_since(tx, rule.workspace_id, now, after=after)
    if since is None:
        solve(tx, [rule], [_QUEUE], now)
        return
    event = Event(frozenset({AlertEvent.QUEUE_STUCK}), _QUEUE, "queue_stuck", facts={"since": fact_time(since)})
    begin(tx, [rule], event, now)


def _open_rows(tx: Transaction, rule: Listener, prefix: str, after: int) -> Sequence[Row[Any]]:
    statement = (
        select(alert_deliveries)
        .where(
            _d.rule_id == rule.id,
            _d.id > after,
            _d.subject_key.startswith(prefix),
            *_without(OVER, SOLVED),
        )
        .order_by(_d.id)
        .limit(CHUNK)
    )
    return tx.run(statement).all()


def _without(*marks: str) -> Iterable[Any]:
    return (_d.subject_key.not_like(f"%{mark}%") for mark in marks)
