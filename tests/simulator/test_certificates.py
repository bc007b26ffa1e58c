"""Certificates: assertions are really verified, in every form Entra accepts, and msal's own ones are among them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from simulator.assertions import ASSERTION_TYPE, encode, split_jwt, thumbprints


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(key: rsa.RSAPrivateKey, days: int = 90) -> x509.Certificate:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=200))
    return builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    return _certificate(key)


@pytest.fixture(scope="module")
def holder(microsoft: Any, certificate: x509.Certificate) -> Any:
    """A tenant whose app has the certificate registered."""
    return microsoft.customer(app={"certificates": [{"key_id": str(uuid.uuid4()), "pem": _pem(certificate)}]})


def _assertion(
    microsoft: Any, holder: Any, key: rsa.RSAPrivateKey, header: dict[str, str], *, alg: str = "PS256", **claims: Any
) -> str:
    now = time.time()
    content = {
        "aud": f"{microsoft.login()}/{holder.id}/oauth2/v2.0/token",
        "iss": holder.client_id,
        "sub": holder.client_id,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    signed = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": alg, "typ": "JWT", **header}, content))
    scheme: Any = padding.PKCS1v15() if alg == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return f"{signed}.{encode(key.sign(signed.encode(), scheme, hashes.SHA256()))}"


def _sign_in(microsoft: Any, holder: Any, assertion: str) -> Any:
    return microsoft.sign_in(
        holder, client_secret=None, client_assertion=assertion, client_assertion_type=ASSERTION_TYPE
    )


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
@pytest.mark.parametrize("form", ["x5t", "x5t padded", "x5t#S256"])
def test_an_assertion_is_accepted_by_either_thumbprint(
    microsoft: Any, holder: Any, key: rsa.RSAPrivateKey, certificate: x509.Certificate, alg: str, form: str
) -> None:
    prints = thumbprints(certificate)
    header = {"x5t#S256": prints.sha256} if form == "x5t#S256" else {"x5t": prints.sha1 + "=" * (form == "x5t padded")}
    answer = _sign_in(microsoft, holder, _assertion(microsoft, holder, key, header, alg=alg))
    assert answer.status_code == 200, answer.text
    assert split_jwt(answer.json()["access_token"])[1]["appidacr"] == "2"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://login.example/token"}, 700023),
        ({"iss": "someone-else"}, 700021),
        ({"iat": 1, "exp": 2}, 700024),
        ({"nbf": time.time() + 3600, "exp": time.time() + 7200}, 700024),
        ({"exp": "tomorrow"}, 50027),
    ],
)
def test_an_assertion_with_wrong_claims_is_refused(
    microsoft: Any,
    holder: Any,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    claims: dict[str, Any],
    code: int,
) -> None:
    header = {"x5t#S256": thumbprints(certificate).sha256}
    answer = _sign_in(microsoft, holder, _assertion(microsoft, holder, key, header, **claims))
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [code])


def test_an_unregistered_certificate_is_700027_with_its_thumbprint(microsoft: Any, holder: Any) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    prints = thumbprints(_certificate(stranger))
    answer = _sign_in(microsoft, holder, _assertion(microsoft, holder, stranger, {"x5t": prints.sha1}))
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [700027])
    assert "The key was not found" in answer.json()["error_description"]
    assert prints.sha1_hex in answer.json()["error_description"]


def test_an_expired_certificate_is_700027_with_that_reason(microsoft: Any, key: rsa.RSAPrivateKey) -> None:
    old = _certificate(key, days=-1)
    holder = microsoft.customer(app={"certificates": [{"key_id": str(uuid.uuid4()), "pem": _pem(old)}]})
    answer = _sign_in(microsoft, holder, _assertion(microsoft, holder, key, {"x5t": thumbprints(old).sha1}))
    assert answer.json()["error_codes"] == [700027]
    assert "The key used is expired" in answer.json()["error_description"]


def test_a_signature_by_another_key_is_50012(microsoft: Any, holder: Any, certificate: x509.Certificate) -> None:
    thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    answer = _sign_in(microsoft, holder, _assertion(microsoft, holder, thief, {"x5t": thumbprints(certificate).sha1}))
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [50012])


@pytest.mark.parametrize("assertion", ["nonsense", "a.b.c", "e30.e30.e30", "e30.e30.****"])
def test_a_malformed_assertion_is_refused(microsoft: Any, holder: Any, assertion: str) -> None:
    assert _sign_in(microsoft, holder, assertion).status_code == 401


def test_the_certificate_can_be_removed(microsoft: Any, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
    key_id = str(uuid.uuid4())
    holder = microsoft.customer(app={"certificates": [{"key_id": key_id, "pem": _pem(certificate)}]})
    header = {"x5t#S256": thumbprints(certificate).sha256}
    assert _sign_in(microsoft, holder, _assertion(microsoft, holder, key, header)).status_code == 200
    microsoft.change_app(holder, certificates={"remove": [key_id]})
    assert _sign_in(microsoft, holder, _assertion(microsoft, holder, key, header)).json()["error_codes"] == [700027]


def _msal(microsoft: Any, holder: Any, credential: Any) -> Any:
    import requests

    session = requests.Session()
    session.verify, session.trust_env = microsoft.endpoints["ca"], False
    return msal.ConfidentialClientApplication(
        holder.client_id,
        client_credential=credential,
        authority=f"{microsoft.login()}/{holder.domain}",
        instance_discovery=False,
        http_client=session,
    )


@pytest.mark.parametrize("form", ["secret", "thumbprint", "thumbprint and x5c", "public certificate"])
def test_msal_signs_in(
    microsoft: Any, holder: Any, key: rsa.RSAPrivateKey, certificate: x509.Certificate, form: str
) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    credentials: dict[str, Any] = {
        "secret": holder.secret,
        "thumbprint": {"private_key": private, "thumbprint": thumbprints(certificate).sha1_hex},
        "thumbprint and x5c": {
            "private_key": private,
            "thumbprint": thumbprints(certificate).sha1_hex,
            "public_certificate": _pem(certificate),
        },
        "public certificate": {"private_key": private, "public_certificate": _pem(certificate)},
    }
    answer = _msal(microsoft, holder, credentials[form]).acquire_token_for_client(
        ["https://graph.microsoft.com/.default"]
    )
    assert "access_token" in answer, answer
    assert split_jwt(answer["access_token"])[1]["tid"] == holder.id


def test_msal_accepts_the_issuer_of_the_tenants_own_oidc_authority(microsoft: Any, holder: Any) -> None:
    import requests

    session = requests.Session()
    session.verify, session.trust_env = microsoft.endpoints["ca"], False
    app = msal.ConfidentialClientApplication(
        holder.client_id,
        client_credential=holder.secret,
        oidc_authority=f"{microsoft.login()}/{holder.id}/v2.0",
        http_client=session,
    )
    assert "access_token" in app.acquire_token_for_client([f"{microsoft.graph()}/.default"])


def test_msal_reports_the_code_of_a_wrong_secret(microsoft: Any, holder: Any) -> None:
    answer = _msal(microsoft, holder, "wrong").acquire_token_for_client([f"{microsoft.graph()}/.default"])
    assert answer["error_codes"] == [7000215]


def test_padding_is_tolerated_and_base64_is_not_confused_with_base64url() -> None:
    from simulator.assertions import decode

    content = bytes(range(250, 256)) + b"?>~"
    text = base64.urlsafe_b64encode(content).decode()
    assert decode(text) == decode(text.rstrip("=")) == decode(text + "=") == content
    with pytest.raises(ValueError, match="base64url"):
        decode("a")
