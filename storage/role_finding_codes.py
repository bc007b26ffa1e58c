"""What a scan of administrator roles may find: the one table of finding codes.

Promise: every finding that is stored has a code of this table, and every code says what it means, why it matters, what to do, and where
that advice comes from. The sentence of one finding is made by the scan; this table is for whoever asks "what is that?".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_BEST_PRACTICES: Final = "https://learn.microsoft.com/entra/identity/role-based-access-control/best-practices"
_EMERGENCY: Final = "https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access"
_GROUPS: Final = "https://learn.microsoft.com/entra/identity/role-based-access-control/groups-concept"
_PIM: Final = "https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-deployment-plan"
_PRIVILEGED: Final = "https://learn.microsoft.com/entra/identity/role-based-access-control/privileged-roles-permissions"


@dataclass(frozen=True, slots=True)
class FindingCode:
    """One kind of finding.

    Attributes:
        code: stable name.
        title: what people read in a list.
        meaning: what was found, and why it matters.
        advice: what to do about it.
        link: Microsoft's page that says so.
    """

    code: str
    title: str
    meaning: str
    advice: str
    link: str


_ALL: Final = (
    FindingCode(
        "global_administrators_too_few",
        "Fewer than two Global Administrators",
        "When the only one leaves or is locked out, nobody can get the tenant back without Microsoft.",
        "Keep two emergency access accounts that are Global Administrators and are used by nobody day by day.",
        _EMERGENCY,
    ),
    FindingCode(
        "global_administrators_too_many",
        "Five or more Global Administrators",
        "Each of them can do anything in the tenant, so each one's phone and password is the tenant's.",
        "Give all but a few of them the narrower roles that their work needs.",
        _BEST_PRACTICES,
    ),
    FindingCode(
        "guest_privileged",
        "Guest in a privileged role",
        "Another organization decides how that account is protected and whether it is closed when its owner leaves.",
        "Give the person an account of this tenant, or delegated access that ends.",
        _BEST_PRACTICES,
    ),
    FindingCode(
        "disabled_privileged",
        "Disabled account in a privileged role",
        "Whoever may enable it again gets its role, and nobody would notice.",
        "Remove the assignment.",
        _BEST_PRACTICES,
    ),
    FindingCode(
        "service_principal_privileged",
        "Application in a privileged role",
        "An application signs in without a second factor; whoever holds its secret holds the role.",
        "Give it only the application permissions it needs, or make sure who holds its credentials.",
        _PRIVILEGED,
    ),
    FindingCode(
        "permanent_privileged",
        "Permanent privileged assignment",
        "The tenant could have the role activated when it is needed (Privileged Identity Management), yet it is always on.",
        "Make the assignment eligible; keep it permanent only for two emergency access accounts.",
        _PIM,
    ),
    FindingCode(
        "group_not_role_assignable",
        "Role held by an unprotected group",
        "Group owners and other administrators can add members, and thereby administrators.",
        "Use a group that was made as role-assignable.",
        _GROUPS,
    ),
    FindingCode(
        "group_members_not_counted",
        "Group whose members are not counted",
        "The group's members hold the role too, but they could not be read, so they are missing from this report.",
        "Grant GroupMember.Read.All, or look at the group in the Microsoft Entra admin center.",
        _GROUPS,
    ),
    FindingCode(
        "principal_unreadable",
        "Assignment of nobody we can name",
        "Microsoft lists the assignment and not whose it is: an account deleted a moment ago, or one that may not be read.",
        "Look at the role's assignments in the Microsoft Entra admin center and remove what belongs to nobody.",
        _BEST_PRACTICES,
    ),
)

CODES: Final[Mapping[str, FindingCode]] = MappingProxyType({entry.code: entry for entry in _ALL})
"""Every code, in the order people read findings."""
