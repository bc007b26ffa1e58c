"""Providers as a worker process uses them: opened once, when the first run needs one."""

from __future__ import annotations

import threading
from pathlib import Path

from storage.configuration import Settings
from tasks.keyring import Keyring
from tasks.providers.microsoft.settings import CONNECTIONS, MicrosoftSettings
from tasks.providers.registry import OpenProvider, ProviderSettings, open_provider


class ProviderShelf:
    """Opens providers by name and keeps them. Thread-safe.

    Args:
        settings: the configuration.
        keyring: opens credentials.

    Raises:
        InvalidInput: a provider's settings cannot be used.
    """

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        self._settings = ProviderSettings(
            microsoft=MicrosoftSettings(
                clouds={name: {"login": hosts.login, "graph": hosts.graph} for name, hosts in settings.clouds.items()},
                ca_bundle=Path(settings.ca_bundle) if settings.ca_bundle else None,
                proxy=settings.proxy or None,
                # One for each run, so that tenants that do not answer hold up no other one.
                max_connections=max(CONNECTIONS, settings.worker.slots),
                requests_per_second=settings.worker.requests_per_second,
            )
        )
        self._keyring = keyring
        self._lock = threading.Lock()
        self._open: dict[str, OpenProvider] = {}

    def open(self, name: str) -> OpenProvider:
        """Returns the provider of this name.

        Raises:
            AtlasError: there is none, or its settings cannot be used.
        """
        with self._lock:
            if name not in self._open:
                self._open[name] = open_provider(name, self._settings, self._keyring)
            return self._open[name]

    def close(self) -> None:
        """Closes every opened provider."""
        with self._lock:
            for provider in self._open.values():
                provider.close()
            self._open.clear()
