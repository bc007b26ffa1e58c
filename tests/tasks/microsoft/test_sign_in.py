"""Sign-in: secrets and certificates, caches that never lie, one request for many threads."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from storage.sealing import SecretMaterial
from storage.states import CredentialSlot
from tasks.providers.microsoft import auth, contracts
from tasks.providers.microsoft.auth import decode_claims
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.health_check import MicrosoftHealthCheck


@pytest.fixture
def in_threads() -> Callable[[int, Callable[[], Any]], list[Any]]:
    """Calls a function in many threads at the same moment and returns what each got (or raised)."""

    def run(count: int, call: Callable[[], Any]) -> list[Any]:
        barrier, results, guard = threading.Barrier(count), [], threading.Lock()

        def body() -> None:
            barrier.wait(timeout=60)
            try:
                result = call()
            except Exception as error:
                result = error
            with guard:
                results.append(result)

        threads = [threading.Thread(target=body) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run


def _organization(gateway: Any, target: Any, reporter: Any) -> Any:
    return gateway.session(target, reporter).get(contracts.ORGANIZATION)["value"][0]["id"]


def test_a_secret_signs_in(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    assert _organization(gateway, target_for(tenant), reporter) == tenant.id


def test_a_certificate_signs_in(
    new_tenant: Any,
    steady_simulator: Any,
    new_gateway: Any,
    target_for: Any,
    drawer: Any,
    new_certificate: Any,
    new_reporter: Any,
) -> None:
    material = new_certificate()
    tenant = new_tenant(process=steady_simulator, certificates=[material.certificate_pem])
    target = target_for(tenant, credentials=(drawer.put(material),))
    gateway = new_gateway(process=steady_simulator)
    assert _organization(gateway, target, new_reporter(simulator=None)) == tenant.id


def test_a_certificate_passes_the_whole_check(
    new_tenant: Any,
    steady_simulator: Any,
    new_gateway: Any,
    target_for: Any,
    drawer: Any,
    new_certificate: Any,
    new_reporter: Any,
) -> None:
    material = new_certificate()
    tenant = new_tenant(process=steady_simulator, certificates=[material.certificate_pem])
    target = target_for(tenant, credentials=(drawer.put(material),))
    report = MicrosoftHealthCheck(new_gateway(process=steady_simulator)).check(target, new_reporter(simulator=None))
    assert {step.status.value for step in report.steps} == {"pass"}
    assert report.credential_expires_at is not None


def test_a_certificate_that_was_not_uploaded_is_not_known(
    new_tenant: Any,
    steady_simulator: Any,
    new_gateway: Any,
    target_for: Any,
    drawer: Any,
    new_certificate: Any,
    new_reporter: Any,
) -> None:
    tenant = new_tenant(process=steady_simulator)
    target = target_for(tenant, credentials=(drawer.put(new_certificate()),))
    with pytest.raises(MicrosoftFailure) as failed:
        _organization(new_gateway(process=steady_simulator), target, new_reporter(simulator=None))
    assert failed.value.reason_code == "cert_not_registered"


def test_a_certificate_that_was_uploaded_a_moment_ago_is_propagating(
    new_tenant: Any,
    steady_simulator: Any,
    new_gateway: Any,
    target_for: Any,
    drawer: Any,
    new_certificate: Any,
    new_reporter: Any,
) -> None:
    material = new_certificate()
    tenant = new_tenant(process=steady_simulator)
    tenant.scenarios({"name": "propagation_delay", "seconds": 3600})
    tenant.change_app(certificates={"add": [{"key_id": str(uuid.uuid4()), "pem": material.certificate_pem}]})
    target = target_for(tenant, credentials=(drawer.put(material),), credential_changed_at=steady_simulator.now())
    gateway = new_gateway(process=steady_simulator)
    with pytest.raises(MicrosoftFailure) as failed:
        _organization(gateway, target, new_reporter(simulator=None))
    assert (failed.value.reason_code, failed.value.plain_code) == ("cert_propagating", "cert_not_registered")
    tenant.scenarios()
    assert _organization(gateway, target, new_reporter(simulator=None)) == tenant.id


def test_twenty_threads_ask_for_one_token(
    tenant: Any, gateway: Any, target_for: Any, new_reporter: Any, in_threads: Any
) -> None:
    target = target_for(tenant)
    results = in_threads(20, lambda: _organization(gateway, target, new_reporter()))
    assert results == [tenant.id] * 20
    assert len(tenant.requests("/oauth2/v2.0/token")) == 1


def test_a_rotated_secret_is_not_answered_from_the_cache(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, drawer: Any
) -> None:
    target = target_for(tenant)
    assert _organization(gateway, target, reporter) == tenant.id
    wrong = drawer.put(SecretMaterial("secret", secret="wrong"))
    with pytest.raises(MicrosoftFailure) as failed:
        _organization(gateway, replace(target, credentials=(wrong,)), reporter)
    assert failed.value.reason_code == "secret_invalid"


def test_a_value_stored_again_in_the_same_row_is_not_answered_from_the_cache(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, drawer: Any
) -> None:
    target = target_for(tenant)
    _organization(gateway, target, reporter)
    (sealed,) = target.credentials
    drawer.materials[sealed.id] = SecretMaterial("secret", secret="wrong")
    with pytest.raises(MicrosoftFailure):
        _organization(gateway, replace(target, credentials=(replace(sealed, sealed=b"other"),)), reporter)


def test_a_new_consent_is_not_answered_from_the_cache(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, simulator: Any
) -> None:
    target = target_for(tenant)
    _organization(gateway, target, reporter)
    _organization(gateway, replace(target, consent_changed_at=simulator.now()), reporter)
    assert len(tenant.requests("/oauth2/v2.0/token")) == 2


def test_operations_share_a_token_until_a_check_has_passed(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any
) -> None:
    target = target_for(tenant)
    _organization(gateway, target, reporter)
    _organization(gateway, target, reporter)
    assert len(tenant.requests("/oauth2/v2.0/token")) == 1
    MicrosoftHealthCheck(gateway).check(target, reporter)
    _organization(gateway, target, reporter)
    assert len(tenant.requests("/oauth2/v2.0/token")) == 3


def test_a_shared_sign_in_does_not_live_for_ever(tenant: Any, settings_for: Any, simulator: Any) -> None:
    from tasks.providers.microsoft.clouds import hosts_for
    from tasks.providers.microsoft.http import Transport

    settings = settings_for(simulator)
    transport, seconds = Transport(settings), [0.0]
    sign_ins = auth.SignIns(transport, monotonic=lambda: seconds[0])
    hosts = hosts_for(tenant.cloud, settings.clouds)
    material = SecretMaterial("secret", secret=tenant.secret)

    def shared(credential: str = "1") -> auth.SignIn:
        return sign_ins.shared(hosts, tenant.id, tenant.client_id, credential, lambda: material)

    first = shared()
    assert shared() is first
    assert shared("2") is not first
    seconds[0] = auth.SHARED_FOR + 1
    assert shared() is not first
    transport.close()


def test_a_mended_secret_works_at_once(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    """msal repeats an HTTP 400 for a minute and a 429 for its Retry-After without asking; we do not."""
    tenant.script({"where": "token"}, ["app_disabled_in_tenant"])
    target = target_for(tenant)
    with pytest.raises(MicrosoftFailure):
        _organization(gateway, target, reporter)
    assert _organization(gateway, target, reporter) == tenant.id


def test_operations_use_the_active_credential_not_the_staged_one(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, drawer: Any
) -> None:
    staged = drawer.put(SecretMaterial("secret", secret="wrong"), CredentialSlot.STAGED)
    active = drawer.put(SecretMaterial("secret", secret=tenant.secret))
    assert _organization(gateway, target_for(tenant, credentials=(staged, active)), reporter) == tenant.id


@pytest.mark.parametrize(
    ("material", "reason"),
    [
        (SecretMaterial("secret", secret=""), "credential_missing"),
        (SecretMaterial("certificate", certificate_pem="x", private_key_pem="y"), "cert_unreadable"),
    ],
)
def test_an_unusable_credential_never_leaves(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, drawer: Any, material: SecretMaterial, reason: str
) -> None:
    with pytest.raises(MicrosoftFailure) as failed:
        _organization(gateway, target_for(tenant, credentials=(drawer.put(material),)), reporter)
    assert failed.value.reason_code == reason
    assert tenant.requests("/oauth2/v2.0/token") == []


def test_a_connection_without_credential_says_so(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    with pytest.raises(MicrosoftFailure) as failed:
        gateway.session(target_for(tenant, credentials=()), reporter)
    assert failed.value.reason_code == "provider_credential_missing"


def test_nothing_secret_is_logged_or_shown(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("atlas.control").debug("planted %s", tenant.secret)
        session = gateway.session(target_for(tenant), reporter)
        session.get(contracts.ORGANIZATION)
        token = session._sign_in.token(session.circumstances, session.now, reporter.check_running)
    messages = [(record.name, record.getMessage()) for record in caplog.records]
    # The positive control: what is looked for can be found.
    assert [name for name, text in messages if tenant.secret in text] == ["atlas.control"]
    assert not [name for name, text in messages if token.value in text or "https://" in text]
    assert token.value not in repr(token)


@pytest.mark.parametrize("token", ["", "a.b", "a.!.c", "a.bnVsbA.c", "a.W10.c", "opaque", "a." + "e" * 10_000 + ".c"])
def test_a_token_that_cannot_be_read_has_no_claims(token: str) -> None:
    assert decode_claims(token) is None
