"""How much a permission that nobody needs here could do: why it is worth taking away, the worst first.

Promise: pure; a rule by name, so that a permission that Microsoft adds tomorrow is judged too. What is needed is never asked here.

Source: the administrator descriptions in "Microsoft Graph permissions reference"; for `takeover` also "Privileged roles and permissions in
Microsoft Entra ID". A test holds the names against Microsoft's own permission table.
"""

from __future__ import annotations

import re
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Risk(StrEnum):
    """What the worst use of a permission is. In this order people read them."""

    TAKEOVER = "takeover"
    """Leads to control of the tenant or of its devices."""
    CONTENT = "content"
    """Reads or sends what people write to each other, or keys that protect it."""
    CHANGE = "change"
    """Changes something."""
    READ = "read"
    """Only reads more than is needed."""


TAKEOVER: Final = MappingProxyType(
    {
        "RoleManagement.ReadWrite.Directory": "can make anybody a Global Administrator",
        "RoleAssignmentSchedule.ReadWrite.Directory": "can make anybody a Global Administrator",
        "RoleEligibilitySchedule.ReadWrite.Directory": "can make anybody eligible for any role",
        "RoleAssignmentSchedule.Remove.Directory": "can take every administrator's role away",
        "PrivilegedAccess.ReadWrite.AzureADGroup": "can put anybody into groups that hold roles",
        "AppRoleAssignment.ReadWrite.All": "can grant itself every other permission",
        "DelegatedPermissionGrant.ReadWrite.All": "can consent for every user",
        "Application.ReadWrite.All": "can add a secret to any application and act as it",
        "Directory.ReadWrite.All": "can change users, groups and applications",
        "Domain.ReadWrite.All": "can add a federated domain and sign in as anybody",
        "UserAuthenticationMethod.ReadWrite.All": "can replace anybody's sign-in methods",
        "User-PasswordProfile.ReadWrite.All": "can reset passwords",
        "User.ReadWrite.All": "can change every user",
        "User.EnableDisableAccount.All": "can lock everybody out",
        "Group.ReadWrite.All": "can change every group's members",
        "GroupMember.ReadWrite.All": "can change every group's members",
        "Policy.ReadWrite.ConditionalAccess": "can switch conditional access off",
        "Policy.ReadWrite.AuthenticationMethod": "can weaken how people sign in",
        "Policy.ReadWrite.PermissionGrant": "can let applications consent to themselves",
        "DeviceManagementConfiguration.ReadWrite.All": "can run scripts on every managed device",
        "DeviceManagementScripts.ReadWrite.All": "can run scripts on every managed device",
        "DeviceManagementApps.ReadWrite.All": "can install software on every managed device",
        "DeviceManagementManagedDevices.PrivilegedOperations.All": "can wipe every managed device",
        "DeviceManagementRBAC.ReadWrite.All": "can make anybody an Intune administrator",
    }
)
"""Permissions by which the tenant or its devices can be taken over, and how."""

_CONTENT: Final = (
    ("Mail", "reads or sends people's mail"),
    ("MailboxSettings", "reads or changes people's mailboxes"),
    ("Files", "reaches everybody's files"),
    ("Sites", "reaches every SharePoint site"),
    ("Chat", "reaches people's chats"),
    ("ChatMessage", "reaches people's chats"),
    ("ChannelMessage", "reaches messages in teams"),
    ("Calendars", "reaches people's calendars"),
    ("Contacts", "reaches people's contacts"),
    ("Notes", "reaches people's notebooks"),
    ("OnlineMeetings", "reaches people's meetings"),
    ("OnlineMeetingTranscript", "reads what was said in meetings"),
    ("OnlineMeetingRecording", "sees recordings of meetings"),
    ("BitlockerKey", "reads the keys of encrypted disks"),
    ("DeviceLocalCredential", "reads local administrators' passwords"),
    ("eDiscovery", "searches everybody's content"),
)
_CHANGES: Final = re.compile(
    r"\.(ReadWrite|Write|Manage|FullControl|Send|Create|Update|Delete|Remove|Invite|Privileged\w*)(\.|$)"
)
_ORDER: Final = {risk: position for position, risk in enumerate(Risk)}


def judge(permission: str) -> tuple[Risk, str]:
    """Returns how much a permission could do, and what, in a few words."""
    if permission in TAKEOVER:
        return Risk.TAKEOVER, TAKEOVER[permission]
    area = permission.split(".", 1)[0]
    for name, why in _CONTENT:
        if area == name:
            return Risk.CONTENT, why
    if _CHANGES.search(permission):
        return Risk.CHANGE, "can change something, and nothing here changes anything"
    return Risk.READ, "reads more than any operation here needs"


def rank(risk: Risk) -> int:
    """Returns where a risk stands in the order that people read: the worst is 0."""
    return _ORDER[risk]
