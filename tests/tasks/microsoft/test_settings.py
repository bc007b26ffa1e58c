"""Settings, clouds and the registry: what an installation may decide, and how a wrong decision is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage.errors import AtlasError, InvalidInput
from storage.states import Cloud
from tasks.providers import registry
from tasks.providers.microsoft import clouds
from tasks.providers.microsoft.settings import MicrosoftSettings

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"clouds": {"mars": {}}}, "clouds.mars"),
        ({"clouds": {"global": {"loginn": "https://a"}}}, "clouds.global.loginn"),
        ({"clouds": {"global": {"login": "http://a"}}}, "clouds.global.login"),
        ({"clouds": {"global": {"graph": "https://a/v1.0"}}}, "clouds.global.graph"),
        ({"clouds": {"global": {"graph": "https://user@a"}}}, "clouds.global.graph"),
        ({"clouds": {"global": {"graph": "https://a:port"}}}, "clouds.global.graph"),
        ({"clouds": {"global": {"graph": ""}}}, "clouds.global.graph"),
        ({"proxy": "proxy:8080"}, "proxy"),
        ({"proxy": "socks5://proxy"}, "proxy"),
        ({"ca_bundle": Path("/nowhere/ca.pem")}, "ca_bundle"),
        ({"connect_timeout": 0.0}, "connect_timeout"),
        ({"read_timeout": -1.0}, "read_timeout"),
        ({"max_answer_bytes": 0}, "max_answer_bytes"),
        ({"max_connections": 0}, "max_connections"),
        ({"requests_per_second": 0}, "requests_per_second"),
        ({"short_retries": -1}, "short_retries"),
    ],
)
def test_a_setting_that_cannot_work_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        MicrosoftSettings(**changes)
    assert refused.value.field == field


def test_the_real_hosts_are_the_default() -> None:
    hosts = clouds.hosts_for(Cloud.GLOBAL, MicrosoftSettings().clouds)
    assert clouds.egress_hosts(hosts) == ("login.microsoftonline.com:443", "graph.microsoft.com:443")
    assert hosts.scope == "https://graph.microsoft.com/.default"


@pytest.mark.parametrize(
    ("cloud", "scope"),
    [
        (Cloud.USGOV, "https://graph.microsoft.us/.default"),
        (Cloud.DOD, "https://dod-graph.microsoft.us/.default"),
        (Cloud.CHINA, "https://microsoftgraph.chinacloudapi.cn/.default"),
    ],
)
def test_every_cloud_has_its_own_scope(cloud: Cloud, scope: str) -> None:
    assert clouds.hosts_for(cloud).scope == scope


def test_configured_hosts_replace_those_of_one_cloud_only() -> None:
    overrides = {"global": {"login": "https://localhost:1/", "graph": "https://localhost:2"}}
    hosts = clouds.hosts_for(Cloud.GLOBAL, overrides)
    assert (hosts.login_url, hosts.graph_url) == ("https://localhost:1", "https://localhost:2")
    assert hosts.audiences >= {"https://localhost:2", "https://graph.microsoft.com"}
    assert clouds.hosts_for(Cloud.USGOV, overrides).login_url == "https://login.microsoftonline.us"


@pytest.mark.parametrize(
    ("cloud", "instance", "sub_scope", "belongs"),
    [
        (Cloud.GLOBAL, "microsoftonline.com", "", True),
        (Cloud.GLOBAL, "microsoftonline.com", "GCC", True),
        (Cloud.GLOBAL, "microsoftonline.us", "DODCON", False),
        (Cloud.GLOBAL, "microsoftonline.com", "DODCON", False),
        (Cloud.USGOV, "microsoftonline.us", "DODCON", True),
        (Cloud.USGOV, "microsoftonline.us", "DOD", False),
        (Cloud.DOD, "microsoftonline.us", "DOD", True),
        (Cloud.DOD, "microsoftonline.us", "DODCON", False),
        (Cloud.CHINA, "partner.microsoftonline.cn", "", True),
        (Cloud.CHINA, "microsoftonline.com", "", False),
        (Cloud.GLOBAL, "something.new", "NEW", True),
        (Cloud.GLOBAL, "", "", True),
    ],
)
def test_a_tenant_belongs_to_one_cloud(cloud: Cloud, instance: str, sub_scope: str, belongs: bool) -> None:
    assert clouds.belongs(clouds.hosts_for(cloud), instance, sub_scope) is belongs


def test_the_microsoft_provider_can_be_opened(simulator: Any, settings_for: Any, drawer: Any, tenant: Any) -> None:
    provider = registry.open_provider("microsoft", registry.ProviderSettings(settings_for(simulator)), drawer)
    assert provider.health_check is not None
    assert provider.scripts is None
    provider.close()


def test_an_opened_provider_checks_a_connection(
    simulator: Any, settings_for: Any, drawer: Any, tenant: Any, target_for: Any, reporter: Any
) -> None:
    provider = registry.open_provider("microsoft", registry.ProviderSettings(settings_for(simulator)), drawer)
    report = provider.health_check.check(target_for(tenant, primary_domain=tenant.domain), reporter)
    provider.close()
    assert report.token_passed


def test_an_unknown_provider_is_refused(drawer: Any) -> None:
    with pytest.raises(AtlasError) as refused:
        registry.open_provider("nobody", registry.ProviderSettings(MicrosoftSettings()), drawer)
    assert "microsoft" in refused.value.hint


def test_knowing_the_providers_imports_no_http_client() -> None:
    program = "import sys, tasks.providers.registry; print(sorted({'msal', 'httpx', 'requests'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
