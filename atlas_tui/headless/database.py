"""Headless commands about the database itself."""

from __future__ import annotations

import argparse

from atlas_tui.headless.output import write_line
from storage import (
    configuration,
)
from storage.upgrading import upgrade


def upgrade_database(options: argparse.Namespace) -> int:
    """`atlas-tui db upgrade`: brings the configured database to this program's schema."""
    settings = configuration.load(options.config)
    result = upgrade(settings.database)
    if result.from_ == result.to:
        write_line(f"The database is at schema {result.to} already.")
    else:
        backup = f" A copy of how it was: {result.backup}." if result.backup else ""
        write_line(f"The database went from schema {result.from_} to {result.to}.{backup}")
    return 0
