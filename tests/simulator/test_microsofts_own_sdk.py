"""A client nobody here wrote: Microsoft's Python SDK signs in and pages through the simulator."""

from __future__ import annotations

import uuid
from collections.abc import Callable
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
from msgraph.generated.role_management.directory.role_assignments.role_assignments_request_builder import (
    RoleAssignmentsRequestBuilder,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
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


_READER = [
    "DeviceManagementConfiguration.Read.All", "DeviceManagementApps.Read.All", "DeviceManagementServiceConfig.Read.All",
    "Policy.Read.All", "User.Read.All", "Group.Read.All", "Device.Read.All", "RoleManagement.Read.Directory",
    "RoleEligibilitySchedule.Read.Directory", "RoleAssignmentSchedule.Read.Directory", "Application.Read.All",
]  # fmt: skip
_LISTS: dict[str, Callable[[GraphServiceClient], Any]] = {
    "compliance policies": lambda graph: graph.device_management.device_compliance_policies,
    "configuration profiles": lambda graph: graph.device_management.device_configurations,
    "apps": lambda graph: graph.device_app_management.mobile_apps,
    "enrolment": lambda graph: graph.device_management.device_enrollment_configurations,
    "access policies": lambda graph: graph.identity.conditional_access.policies,
    "named locations": lambda graph: graph.identity.conditional_access.named_locations,
    "users": lambda graph: graph.users,
    "groups": lambda graph: graph.groups,
    "devices": lambda graph: graph.devices,
    "role assignments": lambda graph: graph.role_management.directory.role_assignments,
    "role definitions": lambda graph: graph.role_management.directory.role_definitions,
    "eligible": lambda graph: graph.role_management.directory.role_eligibility_schedule_instances,
    "instances": lambda graph: graph.role_management.directory.role_assignment_schedule_instances,
    "service principals": lambda graph: graph.service_principals,
}


@pytest.fixture(scope="module")
def reader(microsoft: Any) -> Any:
    """A tenant of which everything may be read."""
    return microsoft.customer(
        size=400, amounts={"groups": 9, "users": 12, "devices": 8}, app={"granted_roles": _READER}
    )


@pytest.mark.parametrize("name", _LISTS)
async def test_it_reads_every_list(microsoft: Any, reader: Any, name: str) -> None:
    microsoft.control("DELETE", "/throttling")
    graph = _client(microsoft, reader, _credential(microsoft, reader), "https://graph.microsoft.com/.default")
    found = await _LISTS[name](graph).get()
    assert found.value
    assert len({entity.id for entity in found.value}) == len(found.value)
    named = [getattr(entity, "display_name", "") for entity in found.value]
    assert all(text is not None for text in named)
    if name in ("compliance policies", "configuration profiles", "apps", "enrolment", "named locations"):
        kinds = {type(entity).__name__ for entity in found.value}
        assert len(kinds) > 1, "the SDK makes each entry an object of its derived type"
        assert not kinds & {"DeviceCompliancePolicy", "DeviceConfiguration", "MobileApp", "NamedLocation"}


async def test_it_reads_a_groups_members_and_the_holders_of_roles(microsoft: Any, reader: Any) -> None:
    graph = _client(microsoft, reader, _credential(microsoft, reader), "https://graph.microsoft.com/.default")
    groups = await graph.groups.get()
    assert groups is not None
    assert groups.value is not None
    assignable = next(group for group in groups.value if group.is_assignable_to_role)
    members = await graph.groups.by_group_id(str(assignable.id)).members.get()
    assert members is not None
    assert {type(member).__name__ for member in members.value or []} == {"User"}
    query = RoleAssignmentsRequestBuilder.RoleAssignmentsRequestBuilderGetQueryParameters(expand=["principal"])
    held = await graph.role_management.directory.role_assignments.get(
        request_configuration=RequestConfiguration(query_parameters=query)
    )
    assert held is not None
    assert {type(row.principal).__name__ for row in held.value or []} >= {"User", "Group"}


async def test_it_counts_with_eventual_consistency(microsoft: Any, reader: Any) -> None:
    graph = _client(microsoft, reader, _credential(microsoft, reader), "https://graph.microsoft.com/.default")
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(count=True, top=1, filter="userType eq 'Member'")
    configuration = RequestConfiguration(query_parameters=query)
    configuration.headers.add("ConsistencyLevel", "eventual")
    found = await graph.users.get(request_configuration=configuration)
    assert found is not None
    assert found.odata_count == 12
