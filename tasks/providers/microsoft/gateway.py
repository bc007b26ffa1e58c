"""The gateway: opens a credential and gives an authenticated session for a target.

Promise: the only place where a sealed credential is opened; what it holds lives no longer than the sign-in that uses it. One gateway per
process, safe to share between threads. Must not know SQL or the queue.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from storage.errors import KeyMissing, KeyWrong
from storage.sealing import SealedCredential, SecretMaterial
from storage.states import ConnectionType, CredentialSlot
from tasks.providers.base import Reporter, Target
from tasks.providers.microsoft import clouds
from tasks.providers.microsoft.auth import SignIn, SignIns
from tasks.providers.microsoft.budgets import Budgets
from tasks.providers.microsoft.clouds import CloudHosts
from tasks.providers.microsoft.errors import Circumstances, MicrosoftFailure
from tasks.providers.microsoft.graph import GraphSession
from tasks.providers.microsoft.http import Answer, Transport
from tasks.providers.microsoft.patience import FIRST_CALLS_WITHIN, Patience
from tasks.providers.microsoft.settings import MicrosoftSettings


class Keyring(Protocol):
    """Opens sealed credentials. Implemented where the worker's private key is."""

    def open(self, sealed: SealedCredential) -> SecretMaterial:
        """Opens one.

        Raises:
            KeyMissing: there is no key.
            KeyWrong: the key does not fit.
        """


@dataclass(frozen=True, slots=True)
class OpenCredential:
    """A credential that was opened for use.

    Attributes:
        sealed: as it is stored.
        material: what was inside; shows nothing in representations.
    """

    sealed: SealedCredential
    material: SecretMaterial


def utc_now() -> datetime:
    """Returns the current time, aware, in UTC."""
    return datetime.now(UTC)


class MicrosoftGateway:
    """The way to Microsoft for a worker process.

    Args:
        settings: hosts, trust, limits.
        keyring: opens credentials.
        now: our clock, aware; replaceable in tests.
        jitter: a number from 0 to 1, evenly scattered; replaceable in tests.
        transport: the shared HTTP client; made from the settings when not given.

    Raises:
        InvalidInput: the settings name a CA bundle that cannot be read.
    """

    def __init__(
        self,
        settings: MicrosoftSettings,
        keyring: Keyring,
        *,
        now: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = random.random,
        transport: Transport | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.transport = transport or Transport(settings)
        self.sign_ins = SignIns(self.transport)
        self.budgets = Budgets(now, settings.requests_per_second)
        self._keyring = keyring
        self._jitter = jitter

    def hosts(self, target: Target) -> CloudHosts:
        """Returns the hosts of a target's cloud."""
        return clouds.hosts_for(target.cloud, self.settings.clouds)

    def patience(self, target: Target, reporter: Reporter) -> Patience:
        """Returns how calls of this run are repeated, from its first call on."""
        within = 0.0 if target.waited_for else FIRST_CALLS_WITHIN
        return Patience(reporter, self.settings, self._jitter, target.deferrals, within)

    def circumstances(self, target: Target) -> Circumstances:
        """Judges, now, how recent the target's last changes are."""
        return Circumstances.of(
            credential_changed_at=target.credential_changed_at,
            consent_changed_at=target.consent_changed_at,
            is_dedicated=target.connection_type is ConnectionType.DEDICATED,
            now=self.now(),
        )

    def open_credential(self, sealed: SealedCredential) -> OpenCredential:
        """Opens a sealed credential.

        Raises:
            MicrosoftFailure: `key_missing` or `credential_undecryptable`.
        """
        try:
            return OpenCredential(sealed, self._keyring.open(sealed))
        except KeyMissing:
            raise MicrosoftFailure("key_missing") from None
        except KeyWrong:
            raise MicrosoftFailure("credential_undecryptable") from None

    def fresh_sign_in(
        self, target: Target, credential: OpenCredential, known: Mapping[str, Answer] | None = None
    ) -> SignIn:
        """Returns a sign-in with an empty cache, for a connection check.

        Args:
            target: the connection.
            credential: the opened credential to use.
            known: discovery answers had a moment ago, by URL.
        """
        return self.sign_ins.fresh(
            self.hosts(target), target.entra_tenant_id, target.client_id, credential.material, known
        )

    def session_with(self, target: Target, sign_in: SignIn, patience: Patience) -> GraphSession:
        """Returns a Graph session that signs in in the given way, and repeats calls as the run does."""
        return GraphSession(
            self.transport,
            self.hosts(target),
            sign_in,
            patience,
            lambda: self.circumstances(target),
            self.now,
            self.budgets.of(target.entra_tenant_id, target.client_id),
            waited_for=target.waited_for,
        )

    def session(self, target: Target, reporter: Reporter) -> GraphSession:
        """Returns a Graph session for an operation other than the check: active credential, shared sign-in.

        Raises:
            MicrosoftFailure: there is no credential, or it cannot be opened.
        """
        sealed = next((c for c in target.credentials if c.slot is CredentialSlot.ACTIVE), None) or next(
            iter(target.credentials), None
        )
        if sealed is None:
            raise MicrosoftFailure("provider_credential_missing")
        sign_in = self.sign_ins.shared(
            self.hosts(target),
            target.entra_tenant_id,
            target.client_id,
            f"{sealed.id} {hashlib.sha256(sealed.sealed).hexdigest()} {target.consent_changed_at}",
            lambda: self.open_credential(sealed).material,
        )
        return self.session_with(target, sign_in, self.patience(target, reporter))

    def close(self) -> None:
        """Closes the connections. The gateway cannot be used afterwards."""
        self.transport.close()
