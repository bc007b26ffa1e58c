"""What Microsoft shall answer for one tenant's administrator roles, and short ways to look at what a scan made of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from storage.roles_publishing import CollectedRoles
from tasks.providers.base import OperationResult
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.privileged_roles import GLOBAL_ADMINISTRATOR

GLOBAL, USER_ADMIN, HELPDESK = GLOBAL_ADMINISTRATOR, "fe930be7-5e62-47db-91af-98c3a49a38b1", str(uuid.uuid4())
APP = "#microsoft.graph.servicePrincipal"
ROLES = {GLOBAL: "Global Administrator", USER_ADMIN: "User Administrator", HELPDESK: "Our own helpdesk"}


@dataclass
class Written:
    """What Microsoft shall answer for one tenant, each listing in one page."""

    tenant: Any
    active: list[dict[str, Any]] = field(default_factory=list)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    eligible: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def person(self, name: str, **more: Any) -> dict[str, Any]:
        user = {"@odata.type": "#microsoft.graph.user", "accountEnabled": True, "userType": "Member"}
        return {**user, "id": str(uuid.uuid4()), "displayName": name, "userPrincipalName": f"{name}@x.example", **more}

    def group(self, name: str, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
        made = {"@odata.type": "#microsoft.graph.group", "id": str(uuid.uuid4()), "displayName": name, **more}
        self.members[made["id"]] = list(members)
        return made

    def app(self, name: str) -> dict[str, Any]:
        return {"@odata.type": APP, "id": str(uuid.uuid4()), "displayName": name}

    def assign(
        self, who: Any, role: str = GLOBAL, *, activated: bool = False, ends: str | None = None, **more: Any
    ) -> None:
        row = self._row(who, role, **more)
        self.active.append(row)
        kind = "Activated" if activated else "Assigned"
        self.schedules.append({**row, "assignmentType": kind, "endDateTime": ends})

    def offer(self, who: Any, role: str = GLOBAL) -> None:
        self.eligible.append(self._row(who, role))

    @staticmethod
    def _row(who: Any, role: str, **more: Any) -> dict[str, Any]:
        row = {"id": str(uuid.uuid4()), "principalId": who["id"], "roleDefinitionId": role, "directoryScopeId": "/"}
        return {**row, "principal": who, **more}

    def script(self) -> None:
        roles = [{"id": key, "templateId": key, "displayName": name} for key, name in ROLES.items()]
        listings = {
            contracts.ROLE_DEFINITIONS.path: roles,
            contracts.ROLE_ASSIGNMENTS.path: self.active,
            contracts.ROLE_ASSIGNMENT_INSTANCES.path: self.schedules,
            contracts.ROLE_ELIGIBILITY.path: self.eligible,
        }
        for key, members in self.members.items():
            # v1.0 leaves applications out of the members, and lists them in a cast that does not name their type.
            apps = [
                {k: v for k, v in one.items() if k != "@odata.type"} for one in members if one["@odata.type"] == APP
            ]
            listings[contracts.GROUP_MEMBERS.path.format(group_id=key)] = [
                one for one in members if one["@odata.type"] != APP
            ]
            listings[contracts.GROUP_APPLICATIONS.path.format(group_id=key)] = apps
        for path, found in listings.items():
            self.answer(path, {"status": 200, "body": {"value": found}})

    def answer(self, path: str, *answers: Any) -> None:
        self.tenant.script({"where": "graph", "path": path}, list(answers), then="repeat")


def report_of(result: OperationResult) -> CollectedRoles:
    assert isinstance(result.collected, CollectedRoles)
    return result.collected


def found(result: OperationResult) -> list[str]:
    return [finding.code for finding in report_of(result).findings]


def names(result: OperationResult, assignment: str) -> set[str]:
    return {one.principal_name for one in report_of(result).assignments if one.assignment == assignment}
