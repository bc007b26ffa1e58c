"""The next step about a problem, in few words, and whether the reader may take it or whom to ask.

Promise: what somebody may not do is never offered as their own step. The words are short enough for a list; the whole sentence is the
reason's own. Knows no screen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from storage.access import Authority, who_may
from storage.capabilities import Capability
from storage.database import Transaction
from storage.reasons import Category, FixBy, Reason

_ASKED_FOR_MOST: Final = 200
"""Tenants of one problem that are looked at to find whether all of them are within the reader's reach."""

_BY_CODE: Final = {
    "provider_connection_missing": "add a connection",
    "provider_connection_disabled": "enable it",
    "provider_credential_missing": "store a credential",
    "provider_permission_missing": "consent again",
    "provider_verification_blocked": "read the report",
    "platform_app_missing": "register the app",
    "breaker_open": "mend it, then probe",
    "tenant_archived": "restore the tenant",
    "credential_undecryptable": "store it anew",
    "key_missing": "bring the key back",
    "secret_expiring": "rotate the secret",
    "cert_expiring": "rotate the certificate",
    "cert_not_yet_valid": "look at the clock",
    "cert_unreadable": "store it anew",
    "cert_key_mismatch": "store it anew",
    "cert_signature_invalid": "store it anew",
    "cert_not_registered": "upload the certificate",
    "expiry_unknown": "enter the expiry",
    "app_not_found": "check the client id",
    "app_mismatch": "check the client id",
    "app_disabled_in_tenant": "ask the customer",
    "app_misconfigured": "mend the app",
    "app_not_multitenant": "mend the app",
    "resource_not_found": "check the cloud",
    "wrong_cloud": "correct the cloud",
    "token_invalid": "check the cloud",
    "tenant_unavailable": "ask the customer",
    "tenant_not_found": "check the tenant id",
    "tenant_identifier_invalid": "check the tenant id",
    "tenant_mismatch": "check the tenant id",
    "tenant_domain_mismatch": "check id and domain",
    "primary_domain_unknown": "enter the domain",
    "domain_not_verified": "correct the domain",
    "assignment_required": "ask the customer",
    "clock_skew": "set the clock",
    "credential_missing": "store a credential",
    "missing_permission": "consent again",
    "suspicious_empty": "look in the portal",
    "next_link_refused": "check the proxy",
    "response_unreadable": "check the proxy",
    "prerequisite_failed": "look at the run",
    "unknown_token_error": "look the number up",
    "unknown_graph_error": "look at the run",
    "unknown_error": "look at the run",
    "internal_error": "look at the log",
    "request_malformed": "report it",
    "query_unsupported": "report it",
    "response_too_large": "report it",
    "consent_service_not_subscribed": "ask for less",
    "cancelled": "start it again",
    "run_lost": "retry",
    "attempts_exhausted": "retry",
    "deadline_exceeded": "retry",
    "operation_unavailable": "update the worker",
    "no_worker_running": "start a worker",
    "queue_stuck": "look at the workers",
    "worker_gone": "look at the worker",
    "alert_channel_unusable": "edit the channel",
    "alert_channel_refused": "edit the channel",
}
_BY_CATEGORY: Final = {
    Category.CREDENTIAL: "new credential",
    Category.CONSENT: "send consent link",
    Category.PERMISSION: "ask the customer",
    Category.LICENCE: "ask the customer",
    Category.THROTTLING: "wait",
    Category.OUTAGE: "wait",
    Category.NETWORK: "check the network",
    Category.DATA: "look at the tenant",
    Category.INTERNAL: "check again",
}

_WAITING: Final = {FixBy.WAIT: "wait", FixBy.MICROSOFT: "wait for Microsoft"}


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do about a problem.

    Attributes:
        words: for a list: `send consent link`, or `ask dana: new credential`.
        sentence: the whole of it, naming who may when the reader may not.
        is_mine: whether the reader may do it.
    """

    words: str
    sentence: str
    is_mine: bool


def short(reason: Reason) -> str:
    """Returns what to do about a reason in the few words that a list has room for, whoever may do it.

    The reason's own words first, then what one waits for, then its category's: a category has reasons that are mended differently.
    """
    return _BY_CODE.get(reason.code) or _WAITING.get(reason.fix_by) or _BY_CATEGORY[reason.category]


class Steps:
    """Next steps for one reader; who may do what is read once for each capability.

    Args:
        tx: a read transaction.
        rights: the reader's.
        workspace_id: where.
    """

    def __init__(self, tx: Transaction, rights: Authority, workspace_id: int) -> None:
        self._tx, self._rights, self._workspace_id = tx, rights, workspace_id
        self._others: dict[Capability, str] = {}

    def of(self, reason: Reason, tenant_ids: Collection[int]) -> NextStep:
        """Returns the next step.

        Args:
            reason: what is wrong.
            tenant_ids: the tenants it is wrong on; empty when it belongs to none.
        """
        words = short(reason)
        if reason.code not in _BY_CODE and reason.fix_by in _WAITING:
            return NextStep(words, reason.next_step, True)
        needed = Capability.PROVIDER_MANAGE if reason.needs_management else Capability.PROVIDER_RUN
        if self._may(needed, tenant_ids):
            return NextStep(words, reason.next_step, True)
        asked = self._whom_to_ask(needed)
        return NextStep(f"ask {_first_name(asked)}: {words}", f"{asked} {reason.next_step}", False)

    def may_acknowledge(self, tenant_ids: Collection[int]) -> str:
        """Says why the reader may not acknowledge a problem, and whom to ask; empty when they may."""
        if self._may(Capability.PROVIDER_RUN, tenant_ids):
            return ""
        return f"Your role may not. {self._whom_to_ask(Capability.PROVIDER_RUN)}"

    def _may(self, needed: Capability, tenant_ids: Collection[int]) -> bool:
        if self._rights.reaches_whole(self._workspace_id, needed):
            return True
        some = list(tenant_ids)[:_ASKED_FOR_MOST]
        return bool(some) and self._rights.may_each(self._tx, needed, self._workspace_id, some) == frozenset(some)

    def _whom_to_ask(self, needed: Capability) -> str:
        if needed not in self._others:
            self._others[needed] = who_may(self._tx, needed, self._workspace_id)
        return self._others[needed]


def _first_name(sentence: str) -> str:
    """The first login of "Ask dana (Manager), otto (Owner)."; the owner of the database when nobody may."""
    named = sentence.removeprefix("Ask ")
    return named.split(" (")[0] if " (" in named else "the owner"
