"""What an alert is about, as the key by which it is told once: a connection, one of its operations, a platform app, or a credential's end.

Promise: a platform app is the subject only of what is wrong with the app itself, wherever it is met: its credential, its client id, its
registration. Whatever one customer's tenant can cause (consent, permissions, policies, licences, a tenant that is gone, a token that Graph
does not take) is about the connection, and only that connection's next check ends it. One cause in two words is one. Asks no principal.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Text, and_, cast, exists, literal, or_, select

from storage.attention_credentials import EXPIRED_REASONS
from storage.credential_slots import owner_clause
from storage.database import Transaction
from storage.schema import alert_deliveries, credentials
from storage.states import ConnectionType, CredentialSlot

OF_THE_CREDENTIAL: Final = frozenset(
    {
        *EXPIRED_REASONS,
        "cert_key_mismatch",
        "cert_not_registered",
        "cert_not_yet_valid",
        "cert_propagating",
        "cert_signature_invalid",
        "cert_unreadable",
        "credential_undecryptable",
        "secret_invalid",
        "secret_propagating",
    }
)
"""What is wrong with a credential itself, whichever tenant it signs in to."""

OF_THE_APP: Final = OF_THE_CREDENTIAL | {
    "app_not_found",
    "app_not_multitenant",
    "credential_missing",
    "provider_credential_missing",
}
"""What is wrong with a platform app itself. `app_not_found` is that of its client id, which is no GUID; AADSTS700016 and 7000112 say
that one customer's tenant has no such application, or has disabled it, and are about that tenant. Not here: `app_misconfigured`
(AADSTS650056), which Microsoft also answers where a tenant's administrator has not consented.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

_CONNECTION: Final = "connection:"
_EXPIRING: Final = "expiring:"


def cause(code: str) -> str:
    """Returns what a reason is the same as: that a secret has expired is one thing, whether its stored date or Microsoft says so."""
    return "secret_expired" if code == "secret_expired_local" else code


def of_run(run: Row[Any]) -> str:
    """Returns the subject of an operation of a connection."""
    return f"run:{run.connection_id}:{run.type}"


def of_connection(connection_id: int) -> str:
    """Returns the subject of a connection."""
    return f"{_CONNECTION}{connection_id}"


def of_app(app_id: int, code: str) -> str:
    """Returns the subject of one thing that is wrong with a platform app."""
    return f"app:{app_id}:{cause(code)}"


def all_of_app(app_id: int) -> list[str]:
    """Returns the subjects of whatever can be wrong with a platform app: all of it is over once any tenant lets it in."""
    return sorted({of_app(app_id, code) for code in OF_THE_APP})


def of_expiry(credential_id: int | str) -> str:
    """Returns the subject of a credential's end, or what such subjects begin with when it is empty."""
    return f"{_EXPIRING}{credential_id}"


def expiring_credential(subject: str) -> int:
    """Returns the credential that a subject of `of_expiry` is about."""
    return int(subject.removeprefix(_EXPIRING))


def is_of_app(connection: Row[Any], code: str) -> bool:
    """Says whether what is wrong on a connection is wrong with the platform app it signs in with."""
    is_platform = connection.connection_type == ConnectionType.PLATFORM.value
    return is_platform and connection.platform_app_id is not None and code in OF_THE_APP


def failing_credential(tx: Transaction, connection: Row[Any], code: str) -> int | None:
    """Returns the credential in use that a reason on a connection is about; None when it is about none."""
    if code not in OF_THE_CREDENTIAL:
        return None
    in_use = select(credentials.c.id).where(owner_clause(connection), credentials.c.slot == CredentialSlot.ACTIVE.value)
    found: int | None = tx.run(in_use).scalar_one_or_none()
    return found


def is_told_of_owner(rule_id: int, unheard: Collection[str]) -> ColumnElement[bool]:
    """Makes the condition that a rule has told already what is wrong with a credential of the query (`credentials`), beside its end.

    Args:
        rule_id: the rule.
        unheard: the statuses of what was not really told.
    """
    c, d = credentials.c, alert_deliveries.c
    told = (d.rule_id == rule_id, d.reason_code.in_(sorted(OF_THE_CREDENTIAL)), d.status.not_in(sorted(unheard)))
    app = literal("app:") + cast(c.platform_app_id, Text) + literal(":")
    of_app = d.subject_key.in_([app + literal(code) for code in sorted({cause(code) for code in OF_THE_CREDENTIAL})])
    # Apart, so that each is found by its key: most credentials are of no app.
    return or_(
        exists().where(*told, d.subject_key == literal(_CONNECTION) + cast(c.connection_id, Text)),
        and_(c.platform_app_id.is_not(None), exists().where(*told, of_app)),
    )
