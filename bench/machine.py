"""What the benchmarks ran on, in words that name no host, account or path."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from storage import sqlite_file

_PACKAGES: Final = ("textual", "sqlalchemy", "huey", "msal", "httpx")


def describe() -> str:
    """Returns one sentence about processor, memory, system and versions."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    module = sqlite_file.sqlite_module()
    return (
        f"{os.cpu_count()} cores ({_processor()}), {_memory()}, {platform.system()} {platform.machine()};"
        f" Python {sys.version.split()[0]}, SQLite {module.sqlite_version}"
        f" ({sqlite_file.journal_mode(module.sqlite_version_info)} mode), {versions}"
    )


def load() -> float:
    """Returns the load average of the last minute: other work on the machine is noise in the figures."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory() -> str:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return "memory unknown"
    return f"{pages * size / 2**30:.0f} GiB of memory"
