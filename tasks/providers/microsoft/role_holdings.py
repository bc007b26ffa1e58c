"""Who holds a role: Microsoft's assignments, read into one shape.

Promise: whatever an assignment looks like, it becomes a holding or, without a role or a principal, nothing; names are cleaned; what
Microsoft did not say (enabled or not, assignable or not) stays unknown instead of being guessed.

Source: `unifiedRoleAssignment`, `unifiedRoleAssignmentScheduleInstance`, `unifiedRoleEligibilityScheduleInstance`, `user`, `group`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from storage.roles_publishing import RoleAssignment
from tasks.providers.microsoft import sanitize
from tasks.providers.microsoft.privileged_roles import PRIVILEGED

ACTIVE: Final = "active"
ACTIVATED: Final = "activated"
ELIGIBLE: Final = "eligible"

TYPE: Final = "@odata.type"
SERVICE_PRINCIPAL: Final = "#microsoft.graph.servicePrincipal"
_KINDS: Final = {"user": "user", "group": "group", "serviceprincipal": "service_principal"}
_GUEST_MARK: Final = "#EXT#"
"""In the sign-in name of whoever was invited from elsewhere; told by `userType` where Microsoft sends it."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Role:
    """A role's definition: its template id (a custom role's own id), its name, and whether Microsoft calls it privileged."""

    template_id: str
    name: str
    is_privileged: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """An assignment, and what is known of its holder.

    Attributes:
        assignment: as it is stored.
        is_enabled: the account may sign in; None when Microsoft did not say.
        is_permanent: it is always on, though it could be activated when needed; None when nobody knows (no P2).
        is_role_assignable: of a group: it was made to hold roles; None when Microsoft did not say, or it is no group.
    """

    assignment: RoleAssignment
    is_enabled: bool | None = None
    is_permanent: bool | None = None
    is_role_assignable: bool | None = None

    @property
    def key(self) -> Key:
        """Role, principal and scope: what the listings have in common."""
        return (self.assignment.role_template_id, self.assignment.principal_id, self.assignment.directory_scope)


def read_roles(items: Iterable[Mapping[str, Any]]) -> dict[str, Role]:
    """Reads role definitions, by the id that assignments name."""
    roles = {}
    for item in items:
        role_id = sanitize.guid(item.get("id"))
        if role_id:
            template = sanitize.guid(item.get("templateId")) or role_id
            name = sanitize.text(item.get("displayName"), sanitize.NAME_LIMIT) or template
            roles[role_id] = Role(template, name, template in PRIVILEGED)
    return roles


def read_assignments(items: Iterable[Mapping[str, Any]], roles: Mapping[str, Role], assignment: str) -> list[Holding]:
    """Reads assignments, each role, principal and scope once.

    Args:
        items: Microsoft's objects, with their principals.
        roles: by id; a role that is not among them is known by its id only.
        assignment: `active` or `eligible`.
    """
    found: dict[Key, Holding] = {}
    for item in items:
        role_id, principal_id = sanitize.guid(item.get("roleDefinitionId")), sanitize.guid(item.get("principalId"))
        if not role_id or not principal_id:
            continue
        role = roles.get(role_id) or Role(role_id, PRIVILEGED.get(role_id, role_id), role_id in PRIVILEGED)
        scope = sanitize.text(item.get("directoryScopeId")) or "/"
        raw = item.get("principal")
        holding = _holding(raw if isinstance(raw, dict) else {}, principal_id, role, assignment, scope)
        found.setdefault(holding.key, holding)
    return list(found.values())


def read_schedules(items: Iterable[Mapping[str, Any]], roles: Mapping[str, Role]) -> dict[Key, tuple[bool, bool]]:
    """Reads how active assignments came about.

    Args:
        items: `unifiedRoleAssignmentScheduleInstance` objects.
        roles: by id.

    Returns:
        By role, principal and scope: whether it is activated, and whether it never ends.
    """
    found: dict[Key, tuple[bool, bool]] = {}
    for item in items:
        role_id, principal_id = sanitize.guid(item.get("roleDefinitionId")), sanitize.guid(item.get("principalId"))
        template = roles[role_id].template_id if role_id in roles else role_id
        key = (template, principal_id, sanitize.text(item.get("directoryScopeId")) or "/")
        activated, endless = found.get(key, (True, False))
        is_activated = item.get("assignmentType") == "Activated"
        # Assigned and activated at once is assigned: that one stays when the activation ends.
        found[key] = (
            activated and is_activated,
            endless or (not is_activated and not item.get("endDateTime")),
        )
    return found


def with_schedules(active: Iterable[Holding], schedules: Mapping[Key, tuple[bool, bool]]) -> list[Holding]:
    """Tells activated from assigned, and permanent from limited. An assignment that has no schedule is left as it is."""
    told = []
    for holding in active:
        known = schedules.get(holding.key)
        if known is None:
            told.append(holding)
            continue
        activated, endless = known
        assignment = replace(holding.assignment, assignment=ACTIVATED) if activated else holding.assignment
        told.append(replace(holding, assignment=assignment, is_permanent=endless))
    return told


def members_as_holders(group: Holding, members: Iterable[Mapping[str, Any]]) -> list[Holding]:
    """Returns what a group's members hold through it."""
    held = []
    for member in members:
        principal_id = sanitize.guid(member.get("id"))
        if principal_id:
            name, kind, enabled, _ = _principal(member)
            assignment = replace(
                group.assignment,
                principal_id=principal_id,
                principal_name=name,
                principal_kind=kind,
                via_group_id=group.assignment.principal_id,
            )
            held.append(Holding(assignment, enabled, group.is_permanent))
    return held


def _holding(raw: Mapping[str, Any], principal_id: str, role: Role, assignment: str, scope: str) -> Holding:
    name, kind, enabled, assignable = _principal(raw)
    stored = RoleAssignment(
        principal_id, name, kind, role.template_id, role.name, role.is_privileged, assignment, None, scope
    )
    return Holding(stored, enabled, None, assignable)


def _principal(raw: Mapping[str, Any]) -> tuple[str, str, bool | None, bool | None]:
    """Returns name, kind, whether it may sign in and, of a group, whether it is role-assignable."""
    kind = _KINDS.get(str(raw.get(TYPE, "")).rpartition(".")[2].lower(), "unknown")
    sign_in_name = raw.get("userPrincipalName")
    if kind == "user" and _is_guest(raw.get("userType"), sign_in_name):
        kind = "guest"
    name = sanitize.text(raw.get("displayName"), sanitize.NAME_LIMIT) or sanitize.text(
        sign_in_name, sanitize.NAME_LIMIT
    )
    return name, kind, _flag(raw.get("accountEnabled")), _flag(raw.get("isAssignableToRole"))


def _is_guest(user_type: object, sign_in_name: object) -> bool:
    if isinstance(user_type, str) and user_type:
        return user_type.lower() == "guest"
    return isinstance(sign_in_name, str) and _GUEST_MARK in sign_in_name.upper()


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
