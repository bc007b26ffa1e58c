"""The portal: nobody without its key, every change seen at once by whoever signs in, and a secret's value shown once."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from simulator.assertions import split_jwt
from simulator.permissions import role_id


class Portal:
    """A browser without a screen that has signed in to the portal."""

    def __init__(self, microsoft: Any) -> None:
        self.base = microsoft.endpoints["control"]
        self.http = httpx.Client(
            base_url=self.base, verify=microsoft.trust, timeout=20, follow_redirects=True, trust_env=False
        )
        assert self.http.get(microsoft.endpoints["portal"]).status_code == 200

    def get(self, path: str) -> str:
        answer = self.http.get(f"/portal{path}")
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def post(self, path: str, *, refused: bool = False, files: Any = None, **fields: str) -> str:
        answer = self.http.post(f"/portal{path}", data=fields, files=files, headers={"Origin": self.base})
        assert answer.status_code == (400 if refused else 200), answer.text
        return html.unescape(answer.text)

    def add_secret(self, app: str, days: str = "180") -> tuple[str, str]:
        """Returns the value and the secret's ID."""
        page = self.post(f"{app}/add-secret", days=days)
        once = re.search(r"<dt>Value</dt><dd>([^<]+)</dd><dt>Secret ID</dt><dd>([^<]+)</dd>", page)
        assert once is not None, page
        return once.group(1), once.group(2)


@pytest.fixture(scope="module")
def portal(microsoft: Any) -> Iterator[Portal]:
    opened = Portal(microsoft)
    yield opened
    opened.http.close()


def _tenant(customer: Any) -> str:
    return f"/tenants/{customer.id}"


def _app(customer: Any) -> str:
    return f"/tenants/{customer.id}/registrations/{customer.client_id}"


def _enterprise(customer: Any, tenant: Any = None) -> str:
    return f"/tenants/{(tenant or customer).id}/enterprise/{customer.client_id}"


def _roles(microsoft: Any, customer: Any, **how: Any) -> list[str]:
    token = microsoft.sign_in(customer, **how).json()["access_token"]
    return list(split_jwt(token)[1].get("roles", []))


def _code(answer: httpx.Response) -> int:
    assert answer.status_code == 401 or answer.status_code == 400, answer.text
    return int(answer.json()["error_codes"][0])


@pytest.mark.parametrize(
    "path", ["", "/tenants/{id}", "/tenants/{id}/registrations/{app}", "/tenants/{id}/enterprise/{app}"]
)
def test_without_the_key_a_page_asks_for_it_and_tells_nothing(microsoft: Any, customer: Any, path: str) -> None:
    stranger = microsoft.http.get(
        f"{microsoft.endpoints['control']}/portal{path.format(id=customer.id, app=customer.client_id)}"
    )
    assert stranger.status_code == 401
    assert 'type="password"' in stranger.text
    assert customer.domain not in stranger.text


def test_without_the_key_nothing_is_changed(microsoft: Any, customer: Any) -> None:
    control = microsoft.endpoints["control"]
    for path in (f"{_app(customer)}/delete-secret", f"{_enterprise(customer)}/delete"):
        answer = microsoft.http.post(f"{control}/portal{path}", data={"key_id": customer.key_id})
        assert answer.status_code == 401
    assert microsoft.sign_in(customer).status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", "é", "x" * 5000])
def test_a_wrong_key_opens_nothing(microsoft: Any, key: str) -> None:
    control = microsoft.endpoints["control"]
    by_link = microsoft.http.get(f"{control}/portal", params={"key": key})
    by_form = microsoft.http.post(f"{control}/portal/sign-in", data={"key": key})
    assert [(a.status_code, "set-cookie" in a.headers) for a in (by_link, by_form)] == [(401, False)] * 2


def test_the_key_is_no_control_key_and_the_control_key_opens_no_portal(microsoft: Any) -> None:
    control, key = microsoft.endpoints["control"], microsoft.endpoints["portal"].split("key=")[1]
    assert microsoft.http.get(f"{control}/fleet", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert microsoft.http.get(f"{control}/portal?key={microsoft.endpoints['control_key']}").status_code == 401


def test_the_cookie_is_for_this_portal_alone(microsoft: Any) -> None:
    answer = microsoft.http.get(microsoft.endpoints["portal"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/portal"):
        assert part in cookie
    microsoft.http.cookies.clear()


@pytest.mark.parametrize("origin", ["https://evil.example", "https://localhost:1", "null"])
def test_a_form_of_another_site_is_refused(microsoft: Any, portal: Portal, customer: Any, origin: str) -> None:
    answer = portal.http.post(f"/portal{_enterprise(customer)}/delete", headers={"Origin": origin})
    assert answer.status_code == 403
    assert microsoft.sign_in(customer).status_code == 200


def test_every_page_forbids_scripts_and_caches(portal: Portal) -> None:
    headers = portal.http.get("/portal").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_the_search_finds_a_tenant_by_name_domain_and_id(microsoft: Any, portal: Portal, customer: Any) -> None:
    microsoft.change(customer, name="Nod Publishers")
    for text in ("nod publ", customer.domain[:9].upper(), customer.id[:20]):
        assert customer.id in portal.get(f"?search={text}")
    assert customer.id not in portal.get("?search=contoso+test")


def test_a_name_is_text_and_nothing_else(microsoft: Any, portal: Portal) -> None:
    sneaky = microsoft.customer(name='<script>alert(1)</script>"', app={"display_name": "<img src=x>"})
    for path in ("", _tenant(sneaky), _app(sneaky), _enterprise(sneaky)):
        page = portal.http.get(f"/portal{path}").text
        assert "<script" not in page
        assert "<img" not in page


def test_a_secret_is_shown_once_and_works_until_it_is_deleted(microsoft: Any, portal: Portal, customer: Any) -> None:
    value, key_id = portal.add_secret(_app(customer))

    assert re.fullmatch(r"[A-Za-z0-9]{3}8Q~[A-Za-z0-9._~-]{34}", value)
    assert microsoft.sign_in(customer, client_secret=value).status_code == 200
    assert _code(microsoft.sign_in(customer, client_secret=key_id)) == 7000215
    page = portal.get(_app(customer))
    assert key_id in page
    assert value not in page

    assert "was deleted" in portal.post(f"{_app(customer)}/delete-secret", key_id=key_id)
    assert _code(microsoft.sign_in(customer, client_secret=value)) == 7000215
    assert microsoft.sign_in(customer).status_code == 200, "the other secret goes on"


def test_a_secret_lives_as_long_as_was_chosen(microsoft: Any, portal: Portal, customer: Any) -> None:
    _, key_id = portal.add_secret(_app(customer), "7")
    shown = microsoft.control("GET", f"/tenants/{customer.id}").json()["apps"][0]["secrets"]
    expires = next(s["expires"] for s in shown if s["key_id"] == key_id)
    left = datetime.fromisoformat(expires) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert "cannot be valid" in portal.post(f"{_app(customer)}/add-secret", refused=True, days="36500")


def _certificate() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Atlas")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return made, key


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_certificate_is_uploaded_as_it_is_in_the_file(portal: Portal, customer: Any, encoding: Encoding) -> None:
    made, _ = _certificate()
    content = made.public_bytes(encoding)
    page = portal.post(f"{_app(customer)}/upload-certificate", files={"certificate": ("atlas.cer", content)})
    thumbprint = made.fingerprint(hashes.SHA1()).hex().upper()
    assert thumbprint in page
    key_id = re.search(r'name="key_id" value="([^"]+)"', page.split("Certificates</h2>")[1])
    assert key_id is not None
    assert thumbprint not in portal.post(f"{_app(customer)}/delete-certificate", key_id=key_id.group(1))


def test_a_private_key_and_what_is_no_certificate_are_refused(portal: Portal, customer: Any) -> None:
    made, key = _certificate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    for content, sentence in (
        (private, "holds a private key"),
        (b"hello", "not a certificate"),
        (b"", "not a certificate"),
    ):
        path = f"{_app(customer)}/upload-certificate"
        assert sentence in portal.post(path, refused=True, files={"certificate": ("x.pem", content)})
    assert "Certificates: none" in portal.get(_app(customer))


def test_permissions_wait_for_consent_and_outlive_their_removal(microsoft: Any, portal: Portal) -> None:
    customer = microsoft.customer(app={"granted_roles": [], "required_roles": []})
    assert _roles(microsoft, customer) == []

    page = portal.post(
        f"{_app(customer)}/add-permissions", permissions="Group.Read.All,\nUser.Read.All  Group.Read.All"
    )
    assert page.count("not granted") == 2
    assert _roles(microsoft, customer) == []

    portal.post(f"{_app(customer)}/grant-consent")
    assert _roles(microsoft, customer) == ["Group.Read.All", "User.Read.All"]

    portal.post(f"{_app(customer)}/remove-permission", permission="User.Read.All")
    assert _roles(microsoft, customer) == ["Group.Read.All", "User.Read.All"], "what was granted stays granted"
    portal.post(f"{_app(customer)}/grant-consent")
    assert _roles(microsoft, customer) == ["Group.Read.All"]


def test_the_manifests_json_can_be_pasted(portal: Portal, microsoft: Any) -> None:
    customer = microsoft.customer(app={"granted_roles": [], "required_roles": []})
    names = ["Organization.Read.All", "RoleManagement.Read.Directory"]
    access = [{"id": role_id(name).upper(), "type": "Role"} for name in names]
    manifest = {
        "requiredResourceAccess": [{"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": access}]
    }
    portal.post(f"{_app(customer)}/add-permissions", permissions=json.dumps(manifest, indent=2))
    portal.post(f"{_app(customer)}/grant-consent")
    assert _roles(microsoft, customer) == names


@pytest.mark.parametrize(
    "given",
    [
        "", "nonsense", "Group.Read.All <b>", "{", "[]", "[1]", '{"requiredResourceAccess": {}}',
        '[{"resourceAppId": "00000002-0000-0000-c000-000000000000", "resourceAccess": []}]',
        '[{"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [1]}]',
        '[{"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",'
        ' "type": "Scope"}]}]',
    ],
)  # fmt: skip
def test_what_is_no_permission_changes_nothing(microsoft: Any, portal: Portal, customer: Any, given: str) -> None:
    before = microsoft.control("GET", f"/tenants/{customer.id}").json()
    portal.post(f"{_app(customer)}/add-permissions", refused=True, permissions=given)
    assert microsoft.control("GET", f"/tenants/{customer.id}").json() == before


def test_revoke_disable_and_delete_are_what_a_sign_in_meets(microsoft: Any, portal: Portal) -> None:
    customer = microsoft.customer(app={"multi_tenant": True})
    here = _enterprise(customer)
    assert "none" in portal.post(f"{here}/revoke").split("Permissions</h2>")[1]
    assert _roles(microsoft, customer) == []

    portal.post(f"{here}/disable")
    assert _code(microsoft.sign_in(customer)) == 7000112
    portal.post(f"{here}/enable")
    assert microsoft.sign_in(customer).status_code == 200

    assert "was deleted" in portal.post(f"{here}/delete")
    assert _code(microsoft.sign_in(customer)) in (700016, 7000229)
    assert "no enterprise application" in portal.http.get(f"/portal{here}").text


def test_an_app_of_another_organization_is_added_by_its_client_id(
    microsoft: Any, portal: Portal, customer: Any
) -> None:
    home = microsoft.customer(app={"multi_tenant": True})
    add = f"{_tenant(customer)}/add-app"
    assert _code(microsoft.sign_in(home, tenant=customer.id)) == 700016

    portal.post(add, client_id=f" {home.client_id.upper()} ")
    assert _roles(microsoft, home, tenant=customer.id) == []
    portal.post(f"{_enterprise(home, customer)}/grant-consent")
    assert len(_roles(microsoft, home, tenant=customer.id)) == 4

    assert "already" in portal.post(add, refused=True, client_id=home.client_id)


def test_an_app_that_cannot_be_used_here_is_not_added(microsoft: Any, portal: Portal, customer: Any) -> None:
    single, elsewhere = microsoft.customer(), microsoft.customer(cloud="usgov", app={"multi_tenant": True})
    for client_id in (single.client_id, elsewhere.client_id, str(uuid.uuid4()), "no guid", ""):
        portal.post(f"{_tenant(customer)}/add-app", refused=True, client_id=client_id)
    apps = microsoft.control("GET", f"/tenants/{customer.id}").json()["apps"]
    assert [app["client_id"] for app in apps] == [customer.client_id]


def test_redirect_uris_are_saved_when_entra_would_take_them(microsoft: Any, portal: Portal, customer: Any) -> None:
    path = f"{_app(customer)}/redirects"
    portal.post(path, redirects="https://atlas.example/consent\nhttp://localhost/atlas-consent\n")
    app = microsoft.control("GET", f"/tenants/{customer.id}").json()["apps"][0]
    assert app["redirect_uris"] == ["https://atlas.example/consent", "http://localhost/atlas-consent"]
    for wrong in ("http://atlas.example/consent", "javascript:alert(1)", "https://", "http://[", "atlas.example"):
        portal.post(path, refused=True, redirects=wrong)


@pytest.mark.parametrize(
    "path", ["{app}/explode", "{enterprise}/explode", "/tenants/{other}/add-app", "{foreign}/add-secret"]
)
def test_what_is_not_there_is_refused_with_a_sentence(microsoft: Any, portal: Portal, customer: Any, path: str) -> None:
    foreign = microsoft.customer()
    places = {
        "app": _app(customer),
        "enterprise": _enterprise(customer),
        "other": uuid.uuid4(),
        "foreign": f"{_tenant(customer)}/registrations/{foreign.client_id}",
    }
    page = portal.post(path.format(**places), refused=True, days="180")
    assert "That was not possible" in page


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n--b--\r\n"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"x=" + b"a" * 300_000),
    ],
)
def test_what_is_no_form_is_refused(portal: Portal, customer: Any, kind: str, body: bytes) -> None:
    path = f"/portal{_app(customer)}/upload-certificate"
    answer = portal.http.post(path, content=body, headers={"Content-Type": kind, "Origin": portal.base})
    assert answer.status_code == 400


def test_a_round_can_be_let_pass_and_the_page_tells_what_it_changed(portal: Portal, microsoft: Any) -> None:
    customer = microsoft.customer(name="Rounds Ltd", size=300)
    before = portal.get(_tenant(customer))
    assert "No round has passed" in before
    after = portal.post(f"{_tenant(customer)}/advance")
    assert "A round passed" in after
    told = microsoft.control("GET", f"/tenants/{customer.id}/differences").json()["inventory"]["mobile_apps"]
    cells = [told["after"], *(len(told[side]) for side in ("added", "changed", "renamed", "removed"))]
    assert '<th scope="row">mobile apps</th>' + "".join(f"<td>{cell}</td>" for cell in cells) in after
    assert "A round passed" in portal.post("/advance")
    assert len(microsoft.control("GET", f"/tenants/{customer.id}").json()["rounds"]) == 2
