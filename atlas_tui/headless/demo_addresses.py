"""Where a running demo answers, for whoever wants to visit it: a browser, a script, another terminal.

Promise: the file (0600: it holds keys of the demo's own) is there while the demo runs and is not believed when that demo is gone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from atlas_tui.headless import demo_lock, exit_codes
from atlas_tui.headless.output import write_json, write_line
from storage.errors import AtlasError

FILE_NAME: Final = "addresses.json"
CUSTOMERS: Final = "newcomers.csv"


class NotRunning(AtlasError):
    """No demo runs in this directory."""


class Addresses(msgspec.Struct, frozen=True):
    """Where a demo answers.

    Attributes:
        config: its configuration, for `--config` of every other command.
        ca: the certificate authority that a browser or a script must trust to visit the portal without a warning.
        portal: the simulated admin centre, with the key that opens it.
        consent_page: where consent answers go; None when that page could not start.
        control: the simulator's control endpoint.
        control_key: the key for it (`Authorization: Bearer KEY`).
        clouds: sign-in and Graph of each cloud.
        customers: the list of today's newcomers, to be imported; None in a demo that was made before there was one.
    """

    config: str
    ca: str
    portal: str
    consent_page: str | None
    control: str
    control_key: str
    clouds: dict[str, dict[str, str]]
    customers: str | None


def addresses_of(directory: Path, config: Path, endpoints: dict[str, Any], consent_page: str | None) -> Addresses:
    """Returns the addresses of this process's demo.

    Args:
        directory: the demo's.
        config: its configuration.
        endpoints: what the simulator said about itself.
        consent_page: the consent page's address.
    """
    customers = directory / CUSTOMERS
    told = {name: endpoints[name] for name in ("ca", "portal", "control", "control_key", "clouds")}
    return Addresses(
        config=str(config),
        consent_page=consent_page,
        customers=str(customers) if customers.exists() else None,
        **told,
    )


@contextmanager
def announced(directory: Path, addresses: Addresses) -> Iterator[None]:
    """Keeps the addresses in the demo's directory while the block runs."""
    path, part = directory / FILE_NAME, directory / f".{FILE_NAME}.part"
    part.touch(mode=0o600)
    part.write_bytes(msgspec.json.format(msgspec.json.encode(addresses), indent=2) + b"\n")
    part.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read(directory: Path) -> Addresses:
    """Returns where the demo of a directory answers.

    Raises:
        NotRunning: there is none, or it is gone.
    """
    missing = NotRunning(f"No demo is running in {directory}.", "Start one in another terminal: atlas-tui demo")
    if not demo_lock.is_held(directory):
        raise missing
    try:
        return msgspec.json.decode((directory / FILE_NAME).read_bytes(), type=Addresses)
    except (OSError, msgspec.DecodeError):
        raise missing from None  # it is about to start, or to end


def show(options: argparse.Namespace, directory: Path) -> int:
    """`atlas-tui demo --addresses`: says where the running demo answers.

    Raises:
        NotRunning: there is none.
    """
    found = read(directory)
    if options.json:
        write_json(found)
        return exit_codes.OK
    write_line(f"portal         {found.portal}")
    write_line(f"consent page   {found.consent_page or 'none: paste the answers back'}")
    write_line(f"control        {found.control} (Authorization: Bearer {found.control_key})")
    write_line(f"trust          {found.ca}; a browser that does not know it warns, which is expected")
    write_line(f"commands       atlas-tui connections --config {found.config}")
    if found.customers is not None:
        write_line(f"newcomers      atlas-tui tenant import {found.customers} --config {found.config}")
    return exit_codes.OK
