"""Which providers there are, and how to open one.

Promise: a provider's code is imported when it is opened, not before, so that knowing the names costs nothing. A second provider is one new
folder and one new entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from storage.errors import AtlasError
from storage.states import Provider
from tasks.providers.base import (
    ProviderComplianceCollector,
    ProviderDirectoryCollector,
    ProviderHealthCheck,
    ProviderInventoryCollector,
    ProviderRolesCollector,
    ProviderScriptExecutor,
)
from tasks.providers.microsoft.settings import MicrosoftSettings

if TYPE_CHECKING:
    from tasks.providers.microsoft.gateway import Keyring


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The settings of every provider.

    Attributes:
        microsoft: how to reach Microsoft.
    """

    microsoft: MicrosoftSettings


@dataclass(frozen=True, slots=True)
class OpenProvider:
    """What a provider can do; None where it cannot.

    Attributes:
        health_check: checks a connection.
        inventory: collects configuration items.
        compliance: counts devices by compliance.
        directory: counts what a directory holds.
        roles: reads administrator roles.
        scripts: runs scripts on devices.
        close: closes its connections; call once, when the process ends.
    """

    health_check: ProviderHealthCheck
    close: Callable[[], None]
    inventory: ProviderInventoryCollector | None = None
    compliance: ProviderComplianceCollector | None = None
    directory: ProviderDirectoryCollector | None = None
    roles: ProviderRolesCollector | None = None
    scripts: ProviderScriptExecutor | None = None


def open_provider(name: str, settings: ProviderSettings, keyring: Keyring) -> OpenProvider:
    """Opens a provider for this process; what is returned is safe to share between threads.

    Args:
        name: as it is stored with a connection.
        settings: of every provider.
        keyring: opens credentials.

    Raises:
        AtlasError: there is no such provider.
        InvalidInput: its settings cannot be used.
    """
    opener = _OPENERS.get(name)
    if opener is None:
        raise AtlasError(f"There is no provider named {name!r:.40}.", f"Known providers: {', '.join(_OPENERS)}.")
    return opener(settings, keyring)


def _open_microsoft(settings: ProviderSettings, keyring: Keyring) -> OpenProvider:
    from tasks.providers.microsoft.admin_roles import MicrosoftRolesCollector
    from tasks.providers.microsoft.compliance import MicrosoftComplianceCollector
    from tasks.providers.microsoft.directory import MicrosoftDirectoryCollector
    from tasks.providers.microsoft.gateway import MicrosoftGateway
    from tasks.providers.microsoft.health_check import MicrosoftHealthCheck
    from tasks.providers.microsoft.inventory import MicrosoftInventoryCollector

    gateway = MicrosoftGateway(settings.microsoft, keyring)
    return OpenProvider(
        health_check=MicrosoftHealthCheck(gateway),
        close=gateway.close,
        inventory=MicrosoftInventoryCollector(gateway),
        compliance=MicrosoftComplianceCollector(gateway),
        roles=MicrosoftRolesCollector(gateway),
        directory=MicrosoftDirectoryCollector(gateway),
    )


_OPENERS: Final[Mapping[str, Callable[[ProviderSettings, Keyring], OpenProvider]]] = MappingProxyType(
    {Provider.MICROSOFT.value: _open_microsoft}
)
