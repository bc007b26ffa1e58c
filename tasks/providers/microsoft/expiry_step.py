"""The last step of a connection check: when does the credential expire.

Promise: a warning at most. The certificate says for itself; a secret is looked up at its own app registration, where that is in the tenant
that is checked and reading it is permitted; else the date that was entered here is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from storage.states import ConnectionType, CredentialKind, StepStatus
from tasks.providers.base import Target
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.check_steps import Check, Finding, skipped, warned
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import OpenCredential

LONGEST_WARNING: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Validity:
    """When a credential is valid, as Microsoft (or the certificate) has it."""

    start: datetime | None
    end: datetime


def credential_expiry(check: Check) -> Finding:
    """Says when the used credential expires, and warns in good time."""
    used = check.credential
    assert used is not None, "expiry follows sign-in"
    if not _registered_here(check.target):
        return skipped(None, "The application is registered in another tenant; its credential is watched there.")
    certificate = check.certificates.get(used.sealed.id)
    if certificate is not None:
        check.expires_at = certificate.not_after
        return _judge(check, used, Validity(certificate.not_before, certificate.not_after), "certificate")
    if contracts.APPLICATION.is_allowed(check.granted):
        try:
            body = check.graph.get(contracts.APPLICATION, client_id=check.target.client_id)
        except MicrosoftFailure as failure:
            return warned(failure)
        found = _own_secret(body, used)
        if found is not None:
            check.expires_at = found.end
            return _judge(check, used, found, "Microsoft")
    if used.sealed.expires_at is not None:
        return _judge(check, used, Validity(None, used.sealed.expires_at), "entered here")
    sentence = (
        "Nobody knows when the secret expires. Enter its date, or grant Application.Read.All so that it can be read."
    )
    return Finding(StepStatus.WARN, sentence, "expiry_unknown")


def _registered_here(target: Target) -> bool:
    home = (target.home_tenant_id or "").lower()
    return target.connection_type is ConnectionType.DEDICATED or home == target.entra_tenant_id.lower()


def _judge(check: Check, used: OpenCredential, validity: Validity, source: str) -> Finding:
    left = validity.end - check.gateway.now()
    warn_at = LONGEST_WARNING
    if validity.start is not None:
        warn_at = min(warn_at, (validity.end - validity.start) / 4)
    is_secret = used.sealed.binding.kind is CredentialKind.SECRET
    what = "client secret" if is_secret else "certificate"
    evidence: dict[str, object] = {
        "expires": validity.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": left.days,
        "source": source,
    }
    if left > warn_at:
        return Finding(StepStatus.PASS, f"The {what} is valid until {validity.end:%Y-%m-%d}.", None, evidence)
    if left <= timedelta(0):
        # Microsoft has just accepted it: the date we have is older than the credential.
        sentence = (
            f"The {what} should have expired on {validity.end:%Y-%m-%d}, yet Microsoft accepts it. Correct the date."
        )
    else:
        sentence = f"The {what} expires on {validity.end:%Y-%m-%d}. Create a new one, stage it here, then check."
    return Finding(StepStatus.WARN, sentence, "secret_expiring" if is_secret else "cert_expiring", evidence)


def _own_secret(body: Mapping[str, Any], used: OpenCredential) -> Validity | None:
    """Finds the secret that was used: by its key id, else by the three characters Microsoft shows, else the only one there is."""
    listed = body.get("passwordCredentials")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    key_id = used.sealed.client_key_id.lower()
    if key_id:
        matching = [entry for entry in entries if str(entry.get("keyId", "")).lower() == key_id]
    else:
        matching = [entry for entry in entries if entry.get("hint") == used.material.secret[:3]]
    chosen = matching if matching else entries
    if len(chosen) != 1:
        return None
    end = _moment(chosen[0].get("endDateTime"))
    return Validity(_moment(chosen[0].get("startDateTime")), end) if end is not None else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
