"""Whatever JSON arrives with status 200: data, or a reason; never another exception."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import reasons
from storage.sealing import Binding, SealedCredential, SecretMaterial
from storage.states import Cloud, CredentialKind, CredentialOwner, CredentialSlot
from tasks.providers.microsoft import contracts, expiry_step, licences, sanitize
from tasks.providers.microsoft.auth import AccessToken
from tasks.providers.microsoft.batch import BatchRequest, run_batch
from tasks.providers.microsoft.budgets import Budgets
from tasks.providers.microsoft.clouds import hosts_for
from tasks.providers.microsoft.compliance import Device
from tasks.providers.microsoft.discovery import discover
from tasks.providers.microsoft.errors import Circumstances, MicrosoftFailure
from tasks.providers.microsoft.gateway import OpenCredential
from tasks.providers.microsoft.graph import GraphSession
from tasks.providers.microsoft.http import Answer
from tasks.providers.microsoft.patience import Patience
from tasks.providers.microsoft.settings import MicrosoftSettings

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
TELLING = st.sampled_from(
    [
        "value", "id", "@odata.nextLink", "@odata.count", "responses", "status", "headers", "body", "error", "code", "message",
        "servicePlans", "capabilityStatus", "servicePlanId", "passwordCredentials", "endDateTime", "keyId", "hint",
        "issuer", "token_endpoint", "authorization_endpoint", "0", "1",
    ]
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TELLING, inner, max_size=5)),
    max_leaves=20,
)


class OneAnswer:
    """A transport that gives the same answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0

    def send(self, method: str, url: str, *, pinned_to: str, **_: Any) -> Answer:
        self.asked += 1
        assert self.asked < 5_000, "asked for ever"
        return self.answer


class NoSignIn:
    """A sign-in that needs nobody."""

    def token(self, *_: Any, **__: Any) -> AccessToken:
        return AccessToken("token", None, False)


@pytest.fixture
def session_of() -> Callable[[Answer], GraphSession]:
    def make(answer: Answer) -> GraphSession:
        class Waiting:
            def check_running(self) -> None:
                pass

            def wait(self, seconds: float, reason_code: str, phase: str) -> None:
                pass

        patience = Patience(Waiting(), MicrosoftSettings(short_retries=1), lambda: 0.0, 0)  # type: ignore[arg-type]
        return GraphSession(
            OneAnswer(answer),  # type: ignore[arg-type]
            hosts_for(Cloud.GLOBAL),
            NoSignIn(),  # type: ignore[arg-type]
            patience,
            Circumstances,
            lambda: datetime.now(UTC),
            Budgets(lambda: datetime.now(UTC)).of("tenant", "client"),
            new_id=uuid.uuid4,
        )

    return make


def data_or_reason(call: Callable[[], object]) -> None:
    reason = None
    try:
        call()
    except MicrosoftFailure as failure:
        reason = failure.reason_code
    assert reason is None or reason in reasons.catalog()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)
@given(JSON, st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 503]))
def test_any_json_from_graph_is_data_or_a_reason(session_of: Any, content: Any, status: int) -> None:
    session = session_of(Answer(status, {}, msgspec.json.encode(content)))
    data_or_reason(lambda: session.get(contracts.ORGANIZATION))
    data_or_reason(lambda: session.items(contracts.MANAGED_DEVICES))
    data_or_reason(lambda: run_batch(session, [BatchRequest(contracts.ORGANIZATION)] * 2))


def test_a_challenge_that_comes_again_is_answered_once(session_of: Any) -> None:
    claims = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1"}}}').decode()
    challenge = {"www-authenticate": f'Bearer error="insufficient_claims", claims="{claims}"'}
    session = session_of(Answer(401, challenge, b'{"error":{"code":"InvalidAuthenticationToken","message":"x"}}'))
    with pytest.raises(MicrosoftFailure) as failed:
        session.get(contracts.ORGANIZATION)
    assert failed.value.reason_code == "claims_challenge"
    assert session._transport.asked == 2


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body", [DEEP, b'{"value":%b}' % DEEP, b'{"value":[{"id":%b}]}' % DEEP, b'{"error":%b}' % DEEP]
)
def test_json_nested_deep_anywhere_in_an_answer_is_unreadable_and_no_fault_of_ours(
    session_of: Any, body: bytes
) -> None:
    for status in (200, 403):
        session = session_of(Answer(status, {}, body))
        data_or_reason(lambda session=session: session.get(contracts.ORGANIZATION))  # type: ignore[misc]
        data_or_reason(lambda session=session: list(session.pages_of(Device, contracts.MANAGED_DEVICES)))  # type: ignore[misc]
    transport: Any = OneAnswer(Answer(200, {}, body))
    data_or_reason(lambda: discover(transport, hosts_for(Cloud.GLOBAL), "contoso.com", datetime.now(UTC)))


@given(JSON, st.sampled_from([200, 200, 400, 503]))
def test_any_json_from_discovery_is_a_tenant_or_a_reason(content: Any, status: int) -> None:
    transport: Any = OneAnswer(Answer(status, {}, msgspec.json.encode(content)))
    data_or_reason(lambda: discover(transport, hosts_for(Cloud.GLOBAL), "contoso.com", datetime.now(UTC)))


@given(st.dictionaries(TELLING, JSON, max_size=4))
def test_any_list_of_subscriptions_can_be_read(body: dict[str, Any]) -> None:
    assert licences.read(body).enabled <= set(licences.LABELS)


@given(st.dictionaries(TELLING, JSON, max_size=4), st.sampled_from(["", "key"]))
def test_any_application_can_be_searched_for_the_secret(body: dict[str, Any], key_id: str) -> None:
    binding = Binding("d", CredentialOwner.CONNECTION, 1, CredentialKind.SECRET, "k")
    sealed = SealedCredential(1, CredentialSlot.ACTIVE, binding, b"", key_id, None, datetime.now(UTC))
    found = expiry_step._own_secret(body, OpenCredential(sealed, SecretMaterial("secret", secret="abcd")))
    assert found is None or found.end.tzinfo is not None


@given(JSON)
def test_any_value_can_be_evidence(value: Any) -> None:
    assert set(sanitize.evidence({"key": value})) == {"key"}
