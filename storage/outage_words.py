"""An outage in words: what it is, how many it hits, what to do. Pure; knows neither tables nor how an outage is found."""

from __future__ import annotations

from typing import Final

from storage import reasons
from storage.outage_signs import OutageKind
from storage.reasons import Category

REACHED_WORDS: Final = {
    "network_dns": "names are not resolved",
    "network_connect": "connections cannot be opened",
    "network_tls": "certificates are not accepted",
    "network_timeout": "answers do not come in time",
    "network_proxy": "the proxy refuses",
    "network_interrupted": "connections break off",
    "response_unreadable": "something else answers in Microsoft's place",
}
"""How the network fails, by reason."""

TIMES: Final = (
    "Since: when five tenants had begun to fail. Last good: the newest success of the affected before that; it began between the two. "
    "It is over when most of the affected answer again, or when nothing fails any more for half an hour."
)
"""What an outage's two times mean, and when it ends."""

_LOOK_AT: Final = {
    "network_dns": "the worker host's DNS",
    "network_connect": "the worker host's line, firewall and proxy",
    "network_tls": "whether a proxy opens TLS, and the CA bundle",
    "network_timeout": "the worker host's line and proxy",
    "network_proxy": "the proxy and its password",
    "network_interrupted": "the worker host's line, firewall and proxy",
    "response_unreadable": "whether a proxy or a sign-in page answers instead",
}


def headline_of(kind: OutageKind, *, anything_answers: bool) -> str:
    """Names an outage in a few words. A network that lets some through need not be ours."""
    if kind is OutageKind.MICROSOFT:
        return "Probable Microsoft problem"
    return "Probable network problem" if anything_answers else "Probable local network problem"


def detail_of(kind: OutageKind, reason_code: str, affected: int, tried: int) -> str:
    """Says how many tenants are affected, and how."""
    of_them = f"all {tried:,} tenants" if affected == tried else f"{affected:,} of {tried:,} tenants"
    if kind is OutageKind.MICROSOFT:
        return f"{of_them} got {_microsofts_word(reason_code)}"
    return f"{REACHED_WORDS.get(reason_code, 'Microsoft is not reached')} for {of_them}"


def _microsofts_word(reason_code: str) -> str:
    if reasons.find(reason_code).category is Category.THROTTLING:
        return "the answer 429, too many requests"
    return "server errors" if reason_code != "identity_service_unavailable" else "server errors at sign-in"


def advice_of(kind: OutageKind, reason_code: str) -> str:
    """Says what to do about it."""
    if kind is OutageKind.MICROSOFT:
        return "Wait, and see Microsoft's service health; badges stay, and checks are tried again by themselves."
    return f"Look at {_LOOK_AT.get(reason_code, 'the network of the worker host')}; badges stay, and checks are tried again by themselves."
