"""Symptoms put together into problems: one for each reason, and one of its own for an app that all of them share.

Promise: a connection counts once in a problem however many things show it. What somebody has acknowledged counts apart. Pure: no query,
no clock. Must not know: how symptoms are read, who reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from storage import reasons
from storage.attention_credentials import EXPIRED_REASONS, RunningOut
from storage.attention_sources import COUNTED, Kind, Symptom, Symptoms
from storage.shared_problems import shared_clients
from storage.states import VerificationStatus

Client = int | str | None


@dataclass(frozen=True, slots=True)
class Acked:
    """What is acknowledged now: (connection, reason) and (platform app, reason)."""

    connections: frozenset[tuple[int, str]] = frozenset()
    apps: frozenset[tuple[int, str]] = frozenset()

    def covers(self, connection_id: int, client: Client, reason_code: str) -> bool:
        """Whether a connection's problem is acknowledged, by itself or with its app."""
        if isinstance(client, int) and (client, reason_code) in self.apps:
            return True
        return (connection_id, reason_code) in self.connections


@dataclass(slots=True)
class Group:
    """The connections of one problem.

    Attributes:
        reason_code: what is wrong.
        client: the app that it is, when it is one; else None.
        open: connection → since when; not acknowledged.
        acknowledged: the same, of those that are.
        tenants: connection → tenant.
        is_hard: something is blocked or fails, rather than only warns.
        estimated: how many connections there are about, when only a part was read.
        users: how many connections a credential is for, when it is the app's.
    """

    reason_code: str
    client: Client = None
    open: dict[int, datetime | None] = field(default_factory=dict)
    acknowledged: dict[int, datetime | None] = field(default_factory=dict)
    tenants: dict[int, int] = field(default_factory=dict)
    is_hard: bool = False
    estimated: int | None = None
    users: int = 0
    app_since: datetime | None = None
    app_acknowledged: bool = False

    @property
    def is_of_app(self) -> bool:
        """Whether the app itself is the problem."""
        return self.client is not None

    def times(self) -> list[datetime]:
        """When it began on those that are not acknowledged; on the others when there are none."""
        of_app = [self.app_since] if self.app_since is not None else []
        some = list((self.open or self.acknowledged).values())
        return [*of_app, *(at for at in some if at is not None)]


def group(found: Symptoms, credentials: Iterable[RunningOut], acked: Acked) -> list[Group]:
    """Puts symptoms together.

    Args:
        found: what is wrong on connections.
        credentials: what has run out, or soon will.
        acked: what somebody has acknowledged.
    """
    by_reason: dict[str, dict[int, Symptom]] = {}
    hard: set[tuple[str, int]] = set()
    for symptom in found.rows:
        held = by_reason.setdefault(symptom.reason_code, {})
        before = held.get(symptom.connection_id)
        if before is None or _is_earlier(symptom.since, before.since):
            held[symptom.connection_id] = symptom
        if symptom.kind is not Kind.BADGE or symptom.verification != VerificationStatus.DEGRADED:
            hard.add((symptom.reason_code, symptom.connection_id))
    groups: dict[tuple[str, Client], Group] = {}
    for code, held in by_reason.items():
        shared = shared_by(code, held.values())
        for connection_id, symptom in held.items():
            client = symptom.client if symptom.client in shared else None
            place = groups.setdefault((code, client), Group(code, client))
            side = place.acknowledged if acked.covers(connection_id, symptom.client, code) else place.open
            side[connection_id] = symptom.since
            place.tenants[connection_id] = symptom.tenant_id
            place.is_hard = place.is_hard or (code, connection_id) in hard
        if code in found.sizes:
            _estimate([place for (reason, _), place in groups.items() if reason == code], found.sizes[code], len(held))
    for credential in credentials:
        _add_credential(groups, credential, acked)
    return list(groups.values())


def shared_by(reason_code: str, symptoms: Iterable[Symptom]) -> frozenset[int | str]:
    """Returns the apps that are the problem themselves, of what all has one reason; what passes by itself is no app's."""
    if reasons.find(reason_code).is_transient:
        return frozenset()
    return shared_clients({symptom.connection_id: symptom.client for symptom in symptoms}.values())


def _is_earlier(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one < other)


def _estimate(groups: list[Group], size: int, read: int) -> None:
    for place in groups:
        here = len(place.open) + len(place.acknowledged)
        place.estimated = min(COUNTED, max(here, round(size * here / read)))


def _add_credential(groups: dict[tuple[str, Client], Group], found: RunningOut, acked: Acked) -> None:
    """A credential that has run out is told once: a check that says so already is enough."""
    code = found.reason_code
    if found.connection_id is not None and found.tenant_id is not None:
        if code in EXPIRED_REASONS and _is_told(groups, found.connection_id):
            return
        place = groups.setdefault((code, None), Group(code))
        side = place.acknowledged if acked.covers(found.connection_id, None, code) else place.open
        side[found.connection_id] = found.since
        place.tenants[found.connection_id] = found.tenant_id
        place.is_hard = place.is_hard or code in EXPIRED_REASONS
    elif found.platform_app_id is not None:
        app = found.platform_app_id
        if code in EXPIRED_REASONS and any((reason, app) in groups for reason in EXPIRED_REASONS):
            return
        place = groups.setdefault((code, app), Group(code, app))
        place.users, place.app_since = found.users, found.since
        place.is_hard = place.is_hard or code in EXPIRED_REASONS
        place.app_acknowledged = (app, code) in acked.apps


def _is_told(groups: Mapping[tuple[str, Client], Group], connection_id: int) -> bool:
    return any(
        code in EXPIRED_REASONS and (connection_id in place.open or connection_id in place.acknowledged)
        for (code, _), place in groups.items()
    )
