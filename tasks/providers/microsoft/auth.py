"""Signing in: access tokens for one application in one tenant, through msal.

Promise: a connection check always signs in afresh; the other operations share a sign-in per tenant, client and credential, so that a
rotated credential is never answered from the cache. Threads that want the same token ask Microsoft once. Tokens and credentials stay in
memory, and appear in no representation, log or message. What a token claims is read for diagnosis, never trusted for a decision on rights.

Source: MSAL for Python 1.39; Microsoft, "OAuth 2.0 client credentials flow" and "Continuous access evaluation".
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
import msal  # type: ignore[import-untyped]

from storage.sealing import SecretMaterial
from storage.states import CredentialKind
from tasks.providers.microsoft import certificates, errors, token_errors
from tasks.providers.microsoft.claims import Claims, decode_claims
from tasks.providers.microsoft.clouds import CloudHosts
from tasks.providers.microsoft.errors import Circumstances, MicrosoftFailure
from tasks.providers.microsoft.http import Answer, HostRefused, MsalHttp, Transport

SHARED_FOR: Final = 1800.0
"""Seconds a shared sign-in lives. Tokens that announce continuous access evaluation live up to 28 hours, and a permission that was granted
meanwhile would not be seen for as long."""

_MOST_SHARED: Final = 512
_CAPABILITIES: Final = ("CP1",)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, ready for use.

    Attributes:
        value: the bearer token; not shown in representations.
        claims: what it says; None when it is not readable (Microsoft may encrypt it).
        may_lag: another operation had it earlier, so it may lag behind consent.
    """

    value: str = field(repr=False)
    claims: Claims | None
    may_lag: bool


class SignIn:
    """One application's sign-in to one tenant with one credential. Safe to share between threads.

    Args:
        transport: the way out.
        hosts: the cloud.
        entra_tenant_id: the tenant.
        client_id: the application.
        material: the opened credential.
        lock: shared by all sign-ins of the same tenant and client.
        known: discovery answers that need not be asked for again, by URL.
        is_shared: several operations use it, one after the other.
    """

    def __init__(
        self,
        transport: Transport,
        hosts: CloudHosts,
        entra_tenant_id: str,
        client_id: str,
        material: SecretMaterial,
        lock: threading.Lock,
        known: Mapping[str, Answer] | None = None,
        is_shared: bool = False,
    ) -> None:
        self._http = MsalHttp(transport, hosts.login_url, known)
        self._hosts = hosts
        self._entra_tenant_id = entra_tenant_id
        self._client_id = client_id
        self._material = material
        self._lock = lock
        self._is_shared = is_shared
        self._app: Any = None

    def token(
        self,
        circumstances: Circumstances,
        now: datetime,
        check_running: Callable[[], None],
        *,
        renew: bool = False,
        claims: str = "",
    ) -> AccessToken:
        """Returns a token, from this sign-in's own cache where it has one.

        Args:
            circumstances: how recent the last changes are.
            now: our clock.
            check_running: asked while another thread signs in; raises when the run must stop.
            renew: forget what is cached.
            claims: claims JSON of a continuous-access-evaluation challenge; always asks Microsoft.

        Raises:
            MicrosoftFailure: sign-in failed; the reason says why.
        """
        with _held(self._lock, check_running):
            if renew:
                self._app = None
            self._http.last_answer = self._http.last_error = None
            try:
                result = self._acquire(claims)
            except MicrosoftFailure:
                raise
            except Exception as error:
                # msal keeps answers back for a while after a failure and would repeat them without asking: begin anew next time.
                self._app = None
                raise self._read(circumstances, now, type(error).__name__) from None
            value = result.get("access_token")
            if not isinstance(value, str) or not value:
                self._app = None
                raise self._read(circumstances, now)
            return AccessToken(value, decode_claims(value), self._is_shared and result.get("token_source") == "cache")

    def _acquire(self, claims: str) -> dict[str, Any]:
        if self._app is None:
            self._app = msal.ConfidentialClientApplication(
                self._client_id,
                authority=self._hosts.authority(self._entra_tenant_id),
                client_credential=_msal_credential(self._material),
                http_client=self._http,
                # Never asks another host whether this one is genuine: the hosts are configuration.
                instance_discovery=False,
                # Immune to an environment variable that would change the host.
                azure_region=False,
                client_capabilities=list(_CAPABILITIES),
            )
        result = self._app.acquire_token_for_client(
            [self._hosts.scope],
            claims_challenge=claims or None,
            # A token that is due for renewal but still good is used when the renewal fails.
            http_exceptions=(httpx.HTTPError, msal.exceptions.MsalServiceError),
        )
        return result if isinstance(result, dict) else {}

    def _read(self, circumstances: Circumstances, now: datetime, error: str = "") -> MicrosoftFailure:
        """Reads a failure from the answer or the network error that was kept, because msal loses them.

        When there was neither, the fault is ours, and the exception's name is all that is kept of it.
        """
        if isinstance(self._http.last_error, HostRefused):
            return MicrosoftFailure("wrong_cloud")
        if self._http.last_error is not None:
            return errors.read_exception(self._http.last_error)
        answer = self._http.last_answer
        if answer is not None and answer.status != 200:
            return token_errors.read_token_answer(answer, circumstances, now)
        if answer is not None:
            return MicrosoftFailure("response_unreadable", request_id=errors.request_id(answer), http_status=200)
        return MicrosoftFailure("internal_error", provider_code=error)


class SignIns:
    """All sign-ins of a process.

    Args:
        transport: the way out.
        monotonic: seconds from any start; replaceable in tests.
    """

    def __init__(self, transport: Transport, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._shared: OrderedDict[tuple[str, str, str, str], tuple[float, SignIn]] = OrderedDict()

    def fresh(
        self,
        hosts: CloudHosts,
        entra_tenant_id: str,
        client_id: str,
        material: SecretMaterial,
        known: Mapping[str, Answer] | None = None,
    ) -> SignIn:
        """Returns a sign-in with an empty cache, for a connection check."""
        lock = self._lock_for(entra_tenant_id, client_id)
        return SignIn(self._transport, hosts, entra_tenant_id, client_id, material, lock, known)

    def shared(
        self,
        hosts: CloudHosts,
        entra_tenant_id: str,
        client_id: str,
        credential: str,
        open_material: Callable[[], SecretMaterial],
    ) -> SignIn:
        """Returns the sign-in that all operations with the same credential share, for half an hour at most.

        Args:
            hosts: the cloud.
            entra_tenant_id: the tenant.
            client_id: the application.
            credential: identifies the credential's value and the consent it was used under; another one never shares.
            open_material: opens the credential when a new sign-in must be made.
        """
        key = (f"{hosts.login_url} {hosts.graph_url}", entra_tenant_id, client_id, credential)
        now = self._monotonic()
        with self._guard:
            known = self._shared.get(key)
            if known is not None and now - known[0] < SHARED_FOR:
                self._shared.move_to_end(key)
                return known[1]
        made = SignIn(
            self._transport,
            hosts,
            entra_tenant_id,
            client_id,
            open_material(),
            self._lock_for(entra_tenant_id, client_id),
            is_shared=True,
        )
        with self._guard:
            # Another thread may have been quicker: everybody gets the first one.
            known = self._shared.get(key)
            if known is not None and now - known[0] < SHARED_FOR:
                return known[1]
            self._shared[key] = (now, made)
            self._shared.move_to_end(key)
            while len(self._shared) > _MOST_SHARED:
                self._shared.popitem(last=False)
            return made

    def forget(self, entra_tenant_id: str, client_id: str) -> None:
        """Drops every shared sign-in of an application in a tenant, so that the next operation signs in afresh."""
        with self._guard:
            for key in [key for key in self._shared if key[1:3] == (entra_tenant_id, client_id)]:
                del self._shared[key]

    def _lock_for(self, entra_tenant_id: str, client_id: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault((entra_tenant_id, client_id), threading.Lock())


def _msal_credential(material: SecretMaterial) -> str | dict[str, str]:
    """Certificate and key without a thumbprint: msal then signs with PS256 and names the certificate by SHA-256.

    An empty secret would be left out of the request; an unusable certificate would raise whatever the library raises.
    """
    if material.kind == CredentialKind.CERTIFICATE:
        certificates.read(material)
        return {"private_key": material.private_key_pem, "public_certificate": material.certificate_pem}
    if not material.secret:
        raise MicrosoftFailure("credential_missing")
    return material.secret


@contextmanager
def _held(lock: threading.Lock, check_running: Callable[[], None]) -> Iterator[None]:
    while not lock.acquire(timeout=0.5):
        check_running()
    try:
        yield
    finally:
        lock.release()
