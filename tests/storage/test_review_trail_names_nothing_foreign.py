"""The trail of a workspace never names what belongs to another one, whatever number somebody got into an entry."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from storage import audit_export, audit_trail, credential_import, member_changes
from storage.audit_filters import AuditQuery
from storage.capabilities import Role
from storage.credential_import import Fate, ImportedLine
from storage.credential_material import from_secret
from storage.credentials import store
from storage.errors import Forbidden, NotFound
from storage.pages import Place
from storage.schema import memberships
from storage.schema import tenants as tenant_table
from storage.states import CredentialOwner


def _newest(fleet: Any, login: str) -> Any:
    return audit_trail.page(fleet.db, fleet.people[login], AuditQuery(fleet.north), Place.first(), 1).rows[0]


def test_a_refusal_about_a_foreign_membership_does_not_name_its_person(fleet: Any) -> None:
    foreign = fleet.one(select(memberships.c.id).where(memberships.c.user_id == fleet.people["zoe"].user_id))
    with pytest.raises(Forbidden):
        member_changes.change_role(fleet.db, fleet.people["omar"], fleet.north, foreign, Role.READONLY)
    entry = _newest(fleet, "omar")
    assert (entry.action, entry.outcome, entry.target_name) == ("member.role", "refused", f"member {foreign}")


def test_an_export_about_a_foreign_tenant_is_refused_and_names_nothing(fleet: Any) -> None:
    from storage import tenants

    foreign = tenants.create(
        fleet.db, fleet.people["zoe"], fleet.south, entra_tenant_id=fleet.guid(), name="Secret Customer"
    ).id
    with pytest.raises(NotFound):
        audit_export.begin(fleet.db, fleet.people["tina"], AuditQuery(fleet.north, tenant_id=foreign), format="csv")
    assert "Secret" not in repr(_newest(fleet, "dana"))
    assert fleet.count(tenant_table, tenant_table.c.id == foreign) == 1


def test_what_became_of_an_import_is_told_only_about_connections_within_reach(fleet: Any) -> None:
    connection = fleet.connection["fabrikam"]
    store(fleet.db, fleet.dana, CredentialOwner.CONNECTION, connection, from_secret("newer"), fleet.public_key)
    lines = [ImportedLine(1, Fate.STAGED, connection)]
    for login in ("gina", "tina"):  # they reach contoso only
        (told,) = credential_import.after_checks(fleet.db, fleet.people[login], fleet.north, lines)
        (absent,) = credential_import.after_checks(
            fleet.db, fleet.people[login], fleet.north, [ImportedLine(1, Fate.STAGED, 987_654_321)]
        )
        assert told.fate is absent.fate
    (mine,) = credential_import.after_checks(fleet.db, fleet.people["fred"], fleet.north, lines)
    assert mine.fate is Fate.STAGED
