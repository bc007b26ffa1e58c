"""What a scan finds worth a look: rules over who holds which role.

Promise: a rule speaks only of what is known: an account whose state Microsoft did not say is not called disabled, and where a group's
members could not be read nobody claims that there are too few. Each code and subject once; codes are those of `storage.role_finding_codes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from storage.role_finding_codes import CODES
from storage.roles_publishing import MEMBERS_NOT_COUNTED, MOST_FINDINGS, RoleFinding
from tasks.providers.microsoft.privileged_roles import GLOBAL_ADMINISTRATOR
from tasks.providers.microsoft.role_holdings import ELIGIBLE, Holding

TOO_MANY: Final = 5
"""Microsoft: "fewer than five" (Best practices for Microsoft Entra roles)."""

TOO_FEW: Final = 2
EMERGENCY_ACCOUNTS: Final = 2
"""Permanent Global Administrators that nobody is told off for (Manage emergency access accounts)."""

_PEOPLE: Final = ("user", "guest")
_MOST_ROLES_NAMED: Final = 4


def find(holdings: Sequence[Holding], not_counted: Iterable[str]) -> list[RoleFinding]:
    """Returns the findings, the weightiest kind first.

    Args:
        holdings: every assignment, those through groups among them.
        not_counted: ids of groups whose members could not be read.
    """
    uncounted = set(not_counted)
    found = [
        *_number_of_global_administrators(holdings, uncounted),
        *_each(holdings, "guest_privileged", lambda h: h.assignment.principal_kind == "guest", "is a guest and"),
        *_each(holdings, "disabled_privileged", lambda h: h.is_enabled is False, "is disabled and"),
        *_each(
            holdings,
            "service_principal_privileged",
            lambda h: h.assignment.principal_kind == "service_principal",
            "is an application and",
        ),
        *_each(_permanent(holdings), "permanent_privileged", lambda h: True, "permanently"),
        *_each(
            holdings,
            "group_not_role_assignable",
            lambda h: h.is_role_assignable is False,
            "is unprotected and",
            any_role=True,
        ),
        *_groups_not_counted(holdings, uncounted),
        *_nobodies(holdings),
    ]
    order = list(CODES)
    return sorted(found, key=lambda one: order.index(one.code))[:MOST_FINDINGS]


def _number_of_global_administrators(holdings: Sequence[Holding], uncounted: set[str]) -> Iterator[RoleFinding]:
    """Active or eligible: who may become one counts as one."""
    theirs = [h for h in holdings if h.assignment.role_template_id == GLOBAL_ADMINISTRATOR]
    people = {h.assignment.principal_id for h in theirs if h.assignment.principal_kind in _PEOPLE}
    if len(people) >= TOO_MANY:
        sentence = f"{len(people)} people are, or can become, Global Administrator; Microsoft advises fewer than five."
        yield RoleFinding("global_administrators_too_many", "tenant", sentence)
    able = people - {h.assignment.principal_id for h in theirs if h.is_enabled is False}
    unread = any(h.assignment.principal_id in uncounted or h.assignment.principal_kind == "unknown" for h in theirs)
    if len(able) < TOO_FEW and not unread:
        who = "Nobody" if not able else "Only one person"
        sentence = f"{who} can sign in as Global Administrator; keep at least two."
        yield RoleFinding("global_administrators_too_few", "tenant", sentence)


def _permanent(holdings: Sequence[Holding]) -> list[Holding]:
    """People with a privileged role that is always on though it need not be; not two Global Administrators for emergencies."""
    found = [
        h
        for h in holdings
        if h.is_permanent and h.assignment.assignment != ELIGIBLE and h.assignment.principal_kind in _PEOPLE
    ]
    top = {h.assignment.principal_id for h in found if h.assignment.role_template_id == GLOBAL_ADMINISTRATOR}
    spared = len(top) <= EMERGENCY_ACCOUNTS
    return [h for h in found if not (spared and h.assignment.role_template_id == GLOBAL_ADMINISTRATOR)]


def _each(
    holdings: Iterable[Holding], code: str, rule: Callable[[Holding], bool], how: str, *, any_role: bool = False
) -> Iterator[RoleFinding]:
    """One finding for each principal, naming its roles."""
    roles: dict[str, dict[str, None]] = {}
    names: dict[str, str] = {}
    for holding in holdings:
        one = holding.assignment
        if (one.is_privileged or any_role) and rule(holding):
            roles.setdefault(one.principal_id, {})[one.role_name] = None
            names[one.principal_id] = one.principal_name or one.principal_id
    for principal_id, held in roles.items():
        yield RoleFinding(code, principal_id, f"{names[principal_id]} {how} holds {_enumerated(list(held))}.")


def _groups_not_counted(holdings: Sequence[Holding], uncounted: set[str]) -> Iterator[RoleFinding]:
    groups = [h for h in holdings if h.assignment.principal_id in uncounted]
    for finding in _each(groups, MEMBERS_NOT_COUNTED, lambda h: True, "is a group that", any_role=True):
        sentence = f"{finding.sentence.removesuffix('.')}; its members are not counted."
        yield RoleFinding(finding.code, finding.subject, sentence)


def _nobodies(holdings: Sequence[Holding]) -> Iterator[RoleFinding]:
    return _each(
        (h for h in holdings if h.assignment.via_group_id is None),
        "principal_unreadable",
        lambda h: h.assignment.principal_kind == "unknown",
        "cannot be read and",
        any_role=True,
    )


def _enumerated(roles: list[str]) -> str:
    more = len(roles) - _MOST_ROLES_NAMED
    named = ", ".join(sorted(roles)[:_MOST_ROLES_NAMED])
    return f"{named} and {more} more" if more > 0 else named
