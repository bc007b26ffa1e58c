"""A client nobody here wrote: Microsoft's Python SDK signs in and pages through the simulator."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import CertificateCredential, ClientSecretCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphServiceClient
from msgraph.generated.device_management.managed_devices.managed_devices_request_builder import (
    ManagedDevicesRequestBuilder,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph_core import GraphClientFactory
from msgraph_core.tasks.page_iterator import PageIterator

# The SDK warns about its own generated classes.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _no_proxy_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The requests library would prefer these variables to the certificate it is given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def _credential(microsoft: Any, customer: Any, secret: str | None = None) -> ClientSecretCredential:
    return ClientSecretCredential(
        customer.id,
        customer.client_id,
        secret or customer.secret,
        authority=microsoft.login(customer.cloud),
        disable_instance_discovery=True,
        transport=RequestsTransport(connection_verify=microsoft.endpoints["ca"]),
    )


def _client(microsoft: Any, customer: Any, credential: Any, scope: str) -> GraphServiceClient:
    http = GraphClientFactory.create_with_default_middleware(
        options=options, client=httpx.AsyncClient(verify=microsoft.trust, timeout=30)
    )
    auth = AzureIdentityAuthenticationProvider(credential, scopes=[scope], allowed_hosts=["localhost"])
    adapter = GraphRequestAdapter(auth, client=http)
    adapter.base_url = f"{microsoft.graph(customer.cloud)}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


@pytest.mark.parametrize(
    ("cloud", "scope"),
    [("global", "https://graph.microsoft.com/.default"), ("usgov", "https://graph.microsoft.us/.default")],
)
async def test_it_signs_in_and_reads_the_organization(microsoft: Any, cloud: str, scope: str) -> None:
    customer = microsoft.customer(cloud=cloud)
    found = await _client(microsoft, customer, _credential(microsoft, customer), scope).organization.get()
    assert found is not None
    assert found.value is not None
    assert [(o.id, o.display_name) for o in found.value] == [(customer.id, "Contoso Test")]
    domains = found.value[0].verified_domains
    assert domains is not None
    assert domains[0].name == customer.domain


async def test_it_pages_through_the_devices(microsoft: Any) -> None:
    customer = microsoft.customer(devices=23)
    graph = _client(microsoft, customer, _credential(microsoft, customer), "https://graph.microsoft.com/.default")
    query = ManagedDevicesRequestBuilder.ManagedDevicesRequestBuilderGetQueryParameters(
        top=5, select=["id", "complianceState"]
    )
    first = await graph.device_management.managed_devices.get(
        request_configuration=RequestConfiguration(query_parameters=query)
    )
    assert first is not None
    seen: list[Any] = []

    def keep(device: Any) -> bool:
        seen.append(device)
        return True

    await PageIterator(first, graph.request_adapter).iterate(keep)
    assert len({device.id for device in seen}) == 23
    assert all(device.compliance_state is not None for device in seen), "enum members are the SDK's own"


async def test_it_understands_the_errors(microsoft: Any) -> None:
    customer = microsoft.customer(app={"granted_roles": []})
    graph = _client(microsoft, customer, _credential(microsoft, customer), "https://graph.microsoft.com/.default")
    with pytest.raises(ODataError) as caught:
        await graph.organization.get()
    assert caught.value.response_status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "Authorization_RequestDenied"


async def test_it_answers_a_claims_challenge_by_itself(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["claims_challenge"])
    graph = _client(microsoft, customer, _credential(microsoft, customer), "https://graph.microsoft.com/.default")
    found = await graph.organization.get()
    assert found is not None
    graph_calls = [r["status"] for r in microsoft.requests(customer) if r["listener"] == "global.graph"]
    assert graph_calls == [401, 200]


def test_azure_identity_reports_a_wrong_secret(microsoft: Any, customer: Any) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        _credential(microsoft, customer, "wrong").get_token("https://graph.microsoft.com/.default")


def test_azure_identity_signs_in_with_a_certificate(microsoft: Any) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    customer = microsoft.customer(app={"certificates": [{"key_id": str(uuid.uuid4()), "pem": certificate.decode()}]})
    credential = CertificateCredential(
        customer.id,
        customer.client_id,
        certificate_data=private + certificate,
        authority=microsoft.login(),
        disable_instance_discovery=True,
        transport=RequestsTransport(connection_verify=microsoft.endpoints["ca"]),
    )
    token = credential.get_token("https://graph.microsoft.com/.default").token
    assert microsoft.get(customer, "/organization", token=token).status_code == 200
