"""OpenID configuration and signing keys of a tenant, as Entra publishes them.

Promise: every URL names the tenant's GUID, also when it was asked for by domain, so that a client learns the GUID from a
domain; endpoints, ``cloud_instance_name``, region and sub-region are those of the cloud the tenant really lives in, also when another
cloud's login host was asked. URLs and ``msgraph_host`` are this process's hosts; ``cloud_instance_name`` stays Microsoft's.
Source: entra-docs ``v2-protocols-oidc.md``; that the endpoints are the home cloud's is how Microsoft365DSC tells a tenant's cloud.
Must not know: apps or credentials.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from simulator.model import Tenant
from simulator.world import CLOUD_FACTS, World


def openid_configuration(world: World, login_url: str, cloud: str, tenant: Tenant | str) -> dict[str, Any]:
    """Return the v2.0 document.

    Args:
        world: gives the Graph host.
        login_url: base URL of the login listener that was asked.
        cloud: the cloud of that listener.
        tenant: the tenant, or ``common`` / ``organizations`` / ``consumers``.
    """
    segment = tenant if isinstance(tenant, str) else tenant.id
    issuer_segment = "{tenantid}" if isinstance(tenant, str) else tenant.id
    home = cloud if isinstance(tenant, str) else tenant.cloud
    facts, login_url = CLOUD_FACTS[home], login_url if isinstance(tenant, str) else world.url("login", home)
    base = f"{login_url}/{segment}"
    graph_url = world.url("graph", home)
    document: dict[str, Any] = {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{login_url}/{issuer_segment}/v2.0",
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{graph_url}/oidc/userinfo",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
            "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
            "c_hash", "email",
        ],
        "kerberos_endpoint": f"{base}/kerberos",
        "tenant_region_scope": None if isinstance(tenant, str) else facts.region,
        "cloud_instance_name": facts.instance_name,
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": urlsplit(graph_url).netloc,
        "rbac_url": "https://pas.windows.net",
    }  # fmt: skip
    if facts.sub_region and not isinstance(tenant, str):
        document["tenant_region_sub_scope"] = facts.sub_region
    return document


def signing_keys(world: World, login_url: str, cloud: str, tenant: Tenant | str) -> dict[str, Any]:
    """Return the JWKS that verifies this process's access tokens."""
    segment = "{tenantid}" if isinstance(tenant, str) else tenant.id
    home = cloud if isinstance(tenant, str) else tenant.cloud
    issuer = f"{login_url}/{segment}/v2.0"
    return {"keys": [world.signer.published_key(issuer, CLOUD_FACTS[home].instance_name)]}
