"""What somebody may not know of reads exactly as what is not there: sentence and hint, so that no number can be tried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage import (
    allowance,
    audit_trail,
    cancelling,
    connection_changes,
    connection_edits,
    connection_removal,
    connections,
    consent_evidence,
    consent_history,
    consent_requests,
    credential_changes,
    credentials,
    offboarding,
    onboarding,
    onboarding_state,
    permissions,
    platform_app_changes,
    platform_apps,
    reports,
    resolver,
    runs,
    starting,
    tenant_archive,
    tenant_changes,
    tenant_detail,
    tenants,
)
from storage.access import Principal
from storage.capabilities import Capability
from storage.credential_material import from_secret
from storage.errors import NotFound
from storage.operations import CONNECTION_CHECK
from storage.pages import Place
from storage.states import CredentialOwner

ABSENT = 987_654_321
Call = Callable[[Any, Principal, int], Any]
OF_CONNECTION = CredentialOwner.CONNECTION

CALLS: dict[str, tuple[str, Call]] = {
    "allowance": ("tenant", lambda f, who, id: allowance.allowance(f.db, who, Capability.PROVIDER_RUN, f.north, id)),
    "archive": ("tenant", lambda f, who, id: tenant_archive.archive(f.db, who, id)),
    "audit of a connection": ("connection", lambda f, who, id: audit_trail.of_connection(f.db, who, id)),
    "begin onboarding": ("tenant", lambda f, who, id: onboarding.begin(f.db, who, id)),
    "cancel": ("run", lambda f, who, id: cancelling.cancel(f.db, who, id)),
    "connection": ("connection", lambda f, who, id: connections.get(f.db, who, id)),
    "consent evidence": ("connection", lambda f, who, id: consent_evidence.evidence(f.db, who, id)),
    "consent link": ("connection", lambda f, who, id: consent_requests.request(f.db, who, id)),
    "consent links": ("connection", lambda f, who, id: consent_history.requests(f.db, who, id)),
    "create connection": ("tenant", lambda f, who, id: connection_changes.create(f.db, who, id)),
    "credentials": ("connection", lambda f, who, id: credentials.of_owner(f.db, who, OF_CONNECTION, id)),
    "credentials of an app": (
        "app",
        lambda f, who, id: credentials.of_owner(f.db, who, CredentialOwner.PLATFORM_APP, id),
    ),
    "delete connection": ("connection", lambda f, who, id: connection_removal.delete_draft(f.db, who, id)),
    "edit app": ("app", lambda f, who, id: platform_app_changes.edit(f.db, who, id, {"display_name": "X"})),
    "edit connection": ("connection", lambda f, who, id: connection_edits.edit(f.db, who, id, {"display_name": "X"})),
    "edit tenant": ("tenant", lambda f, who, id: tenant_changes.edit(f.db, who, id, changes={"name": "X"})),
    "enable": ("connection", lambda f, who, id: connection_changes.set_enabled(f.db, who, id, True)),
    "latest report": ("connection", lambda f, who, id: reports.latest(f.db, who, id)),
    "offboard": ("tenant", lambda f, who, id: offboarding.offboard(f.db, who, id)),
    "onboarding": ("onboarding", lambda f, who, id: onboarding_state.state(f.db, who, id)),
    "onboarding of a tenant": ("tenant", lambda f, who, id: onboarding_state.of_tenant(f.db, who, id)),
    "permissions": ("connection", lambda f, who, id: permissions.of_connection(f.db, who, id)),
    "platform app": ("app", lambda f, who, id: platform_apps.get(f.db, who, id)),
    "promote": ("connection", lambda f, who, id: credential_changes.promote(f.db, who, OF_CONNECTION, id, reason="r")),
    "report of a run": ("run", lambda f, who, id: reports.of_run(f.db, who, id)),
    "resolve": ("tenant", lambda f, who, id: resolver.resolve(f.db, who, id)),
    "retry": ("run", lambda f, who, id: starting.retry(f.db, who, id)),
    "revoke link": ("link", lambda f, who, id: consent_requests.revoke_request(f.db, who, id)),
    "run": ("run", lambda f, who, id: runs.get(f.db, who, id)),
    "set default": ("connection", lambda f, who, id: connection_changes.set_default(f.db, who, id)),
    "start": ("connection", lambda f, who, id: starting.start(f.db, who, id, CONNECTION_CHECK)),
    "store credential": (
        "connection",
        lambda f, who, id: credentials.store(f.db, who, OF_CONNECTION, id, from_secret("another"), f.public_key),
    ),
    "tenant": ("tenant", lambda f, who, id: tenants.get(f.db, who, id)),
    "tenant's page": ("tenant", lambda f, who, id: tenant_detail.get(f.db, who, id)),
    "workspace's connections": (
        "workspace",
        lambda f, who, id: connections.page(f.db, who, connections.ConnectionQuery(id), Place.first()),
    ),
}


@pytest.fixture
def foreign(sqlite_fleet: Any) -> dict[str, int]:
    """One thing of each kind in the workspace north."""
    f = sqlite_fleet
    connection = f.connection["contoso"]
    return {
        "app": f.app,
        "connection": connection,
        "link": consent_requests.request(f.db, f.dana, connection).request_id,
        "onboarding": onboarding.begin(f.db, f.dana, f.tenant["contoso"]).id,
        "run": f.check(connection).id,
        "tenant": f.tenant["contoso"],
        "workspace": f.north,
    }


@pytest.mark.parametrize("called", sorted(CALLS))
def test_a_foreign_number_reads_like_one_that_is_not_there(
    sqlite_fleet: Any, foreign: dict[str, int], called: str
) -> None:
    kind, call = CALLS[called]
    zoe = sqlite_fleet.people["zoe"]

    def said(number: int) -> str:
        with pytest.raises(NotFound) as caught:
            call(sqlite_fleet, zoe, number)
        return str(caught.value).replace(str(number), "N")

    assert said(foreign[kind]) == said(ABSENT)
