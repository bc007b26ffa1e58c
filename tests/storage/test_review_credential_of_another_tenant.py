"""A credential that was sealed for another tenant than its connection's is not tried, whatever its row says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import update

from storage.schema import credentials
from storage.sealing import SUITE, SecretMaterial, seal


def test_a_credential_that_was_sealed_for_another_tenant_does_not_open(fleet: Any) -> None:
    fleet.start(fleet.connection["contoso"])
    (claim,) = fleet.take()
    (held,) = claim.credentials
    assert held.binding.entra_tenant_id == claim.entra_tenant_id
    assert SUITE.decrypt(held.sealed, fleet.worker_key, info=held.binding.info())
    fleet.finish(claim)

    # No function does this: the row is right in itself, for another tenant.
    other = replace(held.binding, entra_tenant_id=fleet.guid())
    sealed = seal(SecretMaterial(kind="secret", secret="for~another"), fleet.public_key, other)
    row = update(credentials).where(credentials.c.id == held.id)
    fleet.write(row.values(sealed=sealed, seal_tenant_id=other.entra_tenant_id))
    fleet.start(fleet.connection["contoso"])
    (claim,) = fleet.take()
    (held,) = claim.credentials
    assert held.binding.entra_tenant_id == claim.entra_tenant_id
    with pytest.raises(InvalidTag):
        SUITE.decrypt(held.sealed, fleet.worker_key, info=held.binding.info())
