"""Role table: consent links, answers and evidence."""

from __future__ import annotations

from typing import Any

from storage import consent_evidence, consent_history, consent_requests


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _link(fleet: Any) -> Any:
    return consent_requests.request(fleet.db, fleet.dana, _contoso(fleet))


CASES = {
    "consent_evidence.evidence": (
        "provider.view", "contoso", lambda f, who, _: consent_evidence.evidence(f.db, who, _contoso(f))
    ),
    "consent_history.open_requests": (
        "provider.view", "contoso", lambda f, who, _: consent_history.open_requests(f.db, who, _contoso(f))
    ),
    "consent_history.requests": (
        "provider.view", "contoso", lambda f, who, _: consent_history.requests(f.db, who, _contoso(f))
    ),
    "consent_requests.request": (
        "provider.manage", "contoso", lambda f, who, _: consent_requests.request(f.db, who, _contoso(f))
    ),
    "consent_requests.revoke_request": (
        "provider.manage",
        "contoso",
        lambda f, who, link: consent_requests.revoke_request(f.db, who, link.request_id),
        _link,
    ),
}  # fmt: skip

ONCE = {"consent_requests.revoke_request"}

OWN = {"consent_answers.answer": "is refused by what the address says as well: tests/storage/test_consent_answers.py"}
