"""A run of the gateway without a worker around it: no database, no queue, nobody who watches or stops it.

Knows no benchmark.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bench.installation import App
from storage.sealing import Binding, SealedCredential, SecretMaterial
from storage.states import Cloud, ConnectionType, CredentialKind, CredentialOwner, CredentialSlot
from storage.verification import ReportStep
from tasks.providers.base import Target


class Drawer:
    """A keyring that holds one secret: opening sealed ones is not what is measured here."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def open(self, sealed: SealedCredential) -> SecretMaterial:
        return SecretMaterial("secret", secret=self._secret)


class Unwatched:
    """A run that nobody stops or watches."""

    def check_running(self) -> None:
        return

    def begin_step(self, key: str, label: str) -> None:
        return

    def end_step(self, step: ReportStep) -> None:
        return

    def progress(self, done: int, total: int | None, phase: str) -> None:
        return

    def wait(self, seconds: float, reason_code: str, phase: str) -> None:
        raise RuntimeError(f"the simulator asked to wait ({reason_code})")


def target_of(app: App) -> Target:
    """Makes the target of a run that nobody started."""
    binding = Binding("bench", CredentialOwner.CONNECTION, 1, CredentialKind.SECRET, "bench")
    sealed = SealedCredential(1, CredentialSlot.ACTIVE, binding, b"sealed", "", None, datetime.now(UTC))
    return Target(
        run_id=1,
        attempt=1,
        deferrals=0,
        connection_id=1,
        entra_tenant_id=app.tenant_id,
        tenant_name="Bench",
        primary_domain=app.domain,
        cloud=Cloud.GLOBAL,
        connection_type=ConnectionType.DEDICATED,
        client_id=app.client_id,
        credentials=(sealed,),
        credential_changed_at=None,
        consent_changed_at=None,
        consent_granted_before=True,
        is_enabled=True,
        waited_for=True,
        home_tenant_id=app.tenant_id,
    )
