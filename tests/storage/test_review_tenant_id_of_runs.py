"""A run tells the tenant it really went to, and a token for a tenant id settles it whatever else changed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from storage import connection_changes, connection_edits, tenant_changes
from storage.errors import Conflict
from storage.leases import claim
from storage.schema import tenants


def test_a_queued_run_goes_to_the_tenant_as_it_is_when_it_begins_and_says_so(fleet: Any) -> None:
    tenant, wanted = fleet.tenant["contoso"], fleet.guid()
    run = fleet.start(fleet.connection["contoso"]).run.id
    tenant_changes.edit(fleet.db, fleet.dana, tenant, changes={"entra_tenant_id": wanted, "name": "Corrected"})
    held = claim(fleet.db, "w1", run)
    assert held is not None
    assert held.entra_tenant_id == wanted
    scope = fleet.run_row(run).context["target_scope"]
    assert scope == {"entra_tenant_id": wanted, "entra_tenant_name": "Corrected"}


def test_a_token_settles_the_tenant_id_even_when_its_check_is_superseded(fleet: Any) -> None:
    tenant, connection = fleet.tenant["contoso"], fleet.connection["contoso"]
    first = fleet.begin(connection)
    connection_edits.edit(fleet.db, fleet.dana, connection, {"client_id": fleet.guid()})
    assert fleet.finish(first).reason_code == "superseded"
    assert fleet.one(select(tenants.c.first_token_at).where(tenants.c.id == tenant)) == fleet.clock.time
    with pytest.raises(Conflict, match="so it stays"):
        tenant_changes.edit(fleet.db, fleet.dana, tenant, changes={"entra_tenant_id": fleet.guid()})


def test_a_token_for_an_id_that_was_corrected_meanwhile_settles_nothing(fleet: Any) -> None:
    tenant, connection = fleet.tenant["contoso"], fleet.connection["contoso"]
    first = fleet.begin(connection)
    tenant_changes.edit(fleet.db, fleet.dana, tenant, changes={"entra_tenant_id": fleet.guid()})
    fleet.finish(first)
    assert fleet.one(select(tenants.c.first_token_at).where(tenants.c.id == tenant)) is None
    tenant_changes.edit(fleet.db, fleet.dana, tenant, changes={"entra_tenant_id": fleet.guid()})


def test_another_tenant_id_forgets_all_that_was_known_of_the_consent(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    connection_changes.record_consent(fleet.db, fleet.dana, connection)
    fleet.set_connection(connection, consent_checked_at=fleet.clock.time)
    tenant_changes.edit(fleet.db, fleet.dana, fleet.tenant["contoso"], changes={"entra_tenant_id": fleet.guid()})
    truth = fleet.truth(connection)
    known = (truth.consent_granted_at, truth.consent_checked_at, truth.consent_manifest_version)
    assert (truth.consent_status, known) == ("unknown", (None, None, None))
