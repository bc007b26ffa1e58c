"""Sign-in answers as Entra does: each natural failure follows from the state, and a token says what it should."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any

import pytest

from simulator.assertions import split_jwt

_DESCRIPTION = re.compile(
    r"^AADSTS\d+: .+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} "
    r"Timestamp: \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z$"
)


def refused(answer: Any, code: int, status: int, error: str) -> None:
    """Check that an answer is Microsoft's refusal with this code."""
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code]), answer.text
    assert _DESCRIPTION.match(body["error_description"]), body["error_description"]
    assert body["error_uri"].endswith(f"/error?code={code}")
    assert {"timestamp", "trace_id", "correlation_id"} <= set(body)


def test_a_token_has_the_claims_of_a_real_app_only_token(microsoft: Any, customer: Any) -> None:
    answer = microsoft.sign_in(customer).json()
    assert (answer["token_type"], answer["expires_in"], answer["ext_expires_in"]) == ("Bearer", 3599, 3599)
    header, claims, _, _ = split_jwt(answer["access_token"])
    assert header["alg"] == "RS256"
    assert (claims["tid"], claims["appid"], claims["idtyp"], claims["ver"]) == (
        customer.id,
        customer.client_id,
        "app",
        "1.0",
    )
    assert claims["aud"] == microsoft.graph()
    assert claims["appidacr"] == "1"
    assert claims["oid"] == claims["sub"]
    assert "Organization.Read.All" in claims["roles"]
    expected = {"aio", "app_displayname", "exp", "iat", "idp", "iss", "nbf", "rh", "tenant_region_scope", "uti", "wids",
                "xms_tcdt"}  # fmt: skip
    assert expected <= set(claims)


def test_a_token_has_no_roles_claim_when_nothing_was_granted(microsoft: Any) -> None:
    customer = microsoft.customer(app={"granted_roles": []})
    assert "roles" not in split_jwt(microsoft.token(customer))[1]


def test_every_answer_carries_entras_headers(microsoft: Any, customer: Any) -> None:
    request_id = str(uuid.uuid4())
    answer = microsoft.sign_in(customer, client_secret="wrong", headers={"client-request-id": request_id})
    assert answer.json()["correlation_id"] == request_id
    for name in ("x-ms-request-id", "x-ms-ests-server", "cache-control", "pragma", "p3p", "date"):
        assert name in answer.headers
    assert answer.headers["set-cookie"].startswith("fpc=")
    assert answer.headers["content-type"].startswith("application/json")


def test_a_wrong_secret_is_7000215(microsoft: Any, customer: Any) -> None:
    refused(microsoft.sign_in(customer, client_secret="wrong"), 7000215, 401, "invalid_client")


def test_the_secrets_id_instead_of_its_value_is_7000215_and_says_so(microsoft: Any, customer: Any) -> None:
    answer = microsoft.sign_in(customer, client_secret=customer.key_id)
    refused(answer, 7000215, 401, "invalid_client")
    assert "not the client secret ID" in answer.json()["error_description"]


def test_an_expired_secret_is_7000222(microsoft: Any, customer: Any) -> None:
    microsoft.change_app(customer, secrets={"expire": [customer.key_id]})
    answer = microsoft.sign_in(customer)
    refused(answer, 7000222, 401, "invalid_client")
    assert customer.client_id in answer.json()["error_description"]


def test_an_unknown_app_is_700016(microsoft: Any, customer: Any) -> None:
    refused(microsoft.sign_in(customer, client_id=str(uuid.uuid4())), 700016, 400, "unauthorized_client")


def test_an_app_without_consent_is_700016_or_7000229(microsoft: Any) -> None:
    home = microsoft.customer(app={"multi_tenant": True})
    other = microsoft.customer(apps=[{"client_id": home.client_id, "multi_tenant": True, "home_tenant": home.id,
                                      "consented": False}])  # fmt: skip
    refused(microsoft.sign_in(home, tenant=other.id), 700016, 400, "unauthorized_client")
    microsoft.change(other, scenarios=["not_consented_as_7000229"])
    refused(microsoft.sign_in(home, tenant=other.id), 7000229, 401, "invalid_client")


def test_a_removed_consent_is_700016_and_a_new_one_works_again(microsoft: Any, customer: Any) -> None:
    microsoft.change_app(customer, consented=False)
    refused(microsoft.sign_in(customer), 700016, 400, "unauthorized_client")
    microsoft.change_app(customer, consented=True)
    assert microsoft.sign_in(customer).status_code == 200


def test_a_disabled_app_is_7000112(microsoft: Any, customer: Any) -> None:
    microsoft.change_app(customer, enabled=False)
    refused(microsoft.sign_in(customer), 7000112, 400, "unauthorized_client")


def test_an_unknown_tenant_is_90002(microsoft: Any, customer: Any) -> None:
    refused(microsoft.sign_in(customer, tenant=str(uuid.uuid4())), 90002, 400, "invalid_request")
    refused(microsoft.sign_in(customer, tenant="nobody.example"), 90002, 400, "invalid_request")


def test_a_malformed_tenant_is_900023(microsoft: Any, customer: Any) -> None:
    refused(microsoft.sign_in(customer, tenant="not_a_tenant!"), 900023, 400, "invalid_request")


def test_no_credential_is_7000216_and_a_blank_one_7000218(microsoft: Any, customer: Any) -> None:
    refused(microsoft.sign_in(customer, client_secret=None), 7000216, 401, "invalid_client")
    refused(microsoft.sign_in(customer, client_secret=""), 7000218, 401, "invalid_client")


@pytest.mark.parametrize("name", ["grant_type", "client_id", "scope"])
def test_a_missing_parameter_is_900144_and_is_named(microsoft: Any, customer: Any, name: str) -> None:
    answer = microsoft.sign_in(customer, **{name: None})
    refused(answer, 900144, 400, "invalid_request")
    assert f"'{name}'" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("scope", "number", "error"),
    [
        ("https://graph.microsoft.com/User.Read", 1002012, "invalid_scope"),
        ("nonsense", 1002012, "invalid_scope"),
        ("https://vault.azure.net/.default", 500011, "invalid_resource"),
    ],
)
def test_a_scope_that_is_not_the_default_one_of_a_known_resource_is_refused(
    microsoft: Any, customer: Any, scope: str, number: int, error: str
) -> None:
    refused(microsoft.sign_in(customer, scope=scope), number, 400, error)


def test_the_published_scope_of_the_cloud_is_accepted(microsoft: Any, customer: Any) -> None:
    assert microsoft.sign_in(customer, scope="https://graph.microsoft.com/.default").status_code == 200
    government = microsoft.customer(cloud="usgov")
    assert microsoft.sign_in(government, scope="https://graph.microsoft.us/.default").status_code == 200
    refused(
        microsoft.sign_in(government, scope="https://graph.microsoft.com/.default"), 500011, 400, "invalid_resource"
    )


def test_http_basic_is_accepted(microsoft: Any, customer: Any) -> None:
    basic = base64.b64encode(f"{customer.client_id}:{customer.secret}".encode()).decode()
    answer = microsoft.sign_in(
        customer, client_id=None, client_secret=None, headers={"Authorization": f"Basic {basic}"}
    )
    assert answer.status_code == 200


def test_a_malformed_body_is_an_error_not_a_crash(microsoft: Any, customer: Any) -> None:
    url = f"{microsoft.login()}/{customer.id}/oauth2/v2.0/token"
    refused(microsoft.http.post(url, content=b"\xff\xfe\x00" * 10), 9002313, 400, "invalid_request")
    refused(microsoft.http.post(url, content=b"a=" + b"b" * 100_000), 9002313, 400, "invalid_request")
    refused(microsoft.sign_in(customer, claims="{not json"), 9002313, 400, "invalid_request")


def test_no_tenant_can_sign_in_at_another_cloud(microsoft: Any) -> None:
    government = microsoft.customer(cloud="usgov")
    url = f"{microsoft.login('global')}/{government.id}/oauth2/v2.0/token"
    refused(microsoft.http.post(url, data=microsoft.form(government)), 900382, 400, "invalid_request")
    commercial = microsoft.customer()
    url = f"{microsoft.login('usgov')}/{commercial.id}/oauth2/v2.0/token"
    refused(microsoft.http.post(url, data=microsoft.form(commercial)), 90038, 400, "invalid_tenant")
    assert microsoft.sign_in(government).status_code == 200


def test_a_token_of_one_cloud_is_refused_by_the_other(microsoft: Any, customer: Any) -> None:
    government = microsoft.customer(cloud="usgov")
    answer = microsoft.get(government, "/organization", token=microsoft.token(customer))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"


@pytest.mark.parametrize(("name", "code"), [("common", 9001023), ("consumers", 9001023), ("organizations", 50059)])
def test_the_shared_endpoints_give_no_app_token(microsoft: Any, customer: Any, name: str, code: int) -> None:
    refused(microsoft.sign_in(customer, tenant=name), code, 400, "invalid_request")


def test_discovery_by_domain_and_by_guid_name_the_same_guid(microsoft: Any, customer: Any) -> None:
    found = [
        microsoft.http.get(f"{microsoft.login()}/{name}/v2.0/.well-known/openid-configuration").json()
        for name in (customer.id, customer.domain, customer.domain.upper())
    ]
    assert {d["issuer"] for d in found} == {f"{microsoft.login()}/{customer.id}/v2.0"}
    assert {d["token_endpoint"] for d in found} == {f"{microsoft.login()}/{customer.id}/oauth2/v2.0/token"}
    assert found[0]["cloud_instance_name"] == "microsoftonline.com"
    assert "tenant_region_sub_scope" not in found[0]


@pytest.mark.parametrize("asked", ["global", "usgov"])
def test_discovery_says_where_a_government_tenant_lives_whoever_is_asked(microsoft: Any, asked: str) -> None:
    government = microsoft.customer(cloud="usgov")
    url = f"{microsoft.login(asked)}/{government.domain}/v2.0/.well-known/openid-configuration"
    document = microsoft.http.get(url).json()
    assert document["cloud_instance_name"] == "microsoftonline.us"
    assert (document["tenant_region_scope"], document["tenant_region_sub_scope"]) == ("USGov", "DODCON")
    assert document["msgraph_host"] == microsoft.graph("usgov").removeprefix("https://")


def test_discovery_of_an_unknown_tenant_is_90002(microsoft: Any) -> None:
    url = f"{microsoft.login()}/{uuid.uuid4()}/v2.0/.well-known/openid-configuration"
    refused(microsoft.http.get(url), 90002, 400, "invalid_tenant")


def test_the_published_keys_verify_the_token(microsoft: Any, customer: Any) -> None:
    from jwt import PyJWK, decode

    document = microsoft.http.get(f"{microsoft.login()}/{customer.id}/v2.0/.well-known/openid-configuration").json()
    keys = microsoft.http.get(document["jwks_uri"]).json()["keys"]
    token = microsoft.token(customer)
    claims = decode(token, PyJWK(keys[0]).key, algorithms=["RS256"], audience=microsoft.graph())
    assert claims["tid"] == customer.id


def test_lines_can_be_joined_as_they_were_until_2023(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["legacy_error_format"])
    description = microsoft.sign_in(customer, client_secret="wrong").json()["error_description"]
    assert re.match(r"AADSTS7000215: .+\r\nTrace ID: .+\r\nCorrelation ID: .+\r\nTimestamp: .+", description)


def test_a_new_secret_and_a_new_consent_take_their_time(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "propagation_delay", "seconds": 3600}])
    added = {"key_id": str(uuid.uuid4()), "value": "new8Q~secret", "starts": "2025-01-01T00:00:00Z",
             "expires": "2099-01-01T00:00:00Z"}  # fmt: skip
    microsoft.change_app(customer, secrets={"add": [added]}, granted_roles=["Organization.Read.All", "Group.Read.All"])
    refused(microsoft.sign_in(customer, client_secret="new8Q~secret"), 7000215, 401, "invalid_client")
    token = microsoft.token(customer)
    assert "roles" not in split_jwt(token)[1]
    early = microsoft.get(customer, "/organization", token=token)
    assert (early.status_code, early.json()["error"]["code"]) == (401, "Authorization_IdentityNotFound")
    microsoft.change(customer, scenarios=[{"name": "propagation_delay", "seconds": 0}])
    token = microsoft.token(customer, client_secret="new8Q~secret")
    assert "Group.Read.All" in split_jwt(token)[1]["roles"]
    assert microsoft.get(customer, "/organization", token=token).status_code == 200


def test_claims_that_only_declare_capabilities_are_echoed(microsoft: Any, customer: Any) -> None:
    claims = json.dumps({"access_token": {"xms_cc": {"values": ["CP1"]}}})
    assert split_jwt(microsoft.token(customer, claims=claims))[1]["xms_cc"] == ["CP1"]
