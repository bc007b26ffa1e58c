"""Headless twin of the handover of a shift."""

from __future__ import annotations

import argparse
import sys

from atlas_tui.handover_words import markdown
from atlas_tui.headless import exit_codes
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json
from storage import filters
from storage import handover as handovers


def handover(options: argparse.Namespace) -> int:
    """`atlas-tui handover --since 8h --format markdown|json`."""
    with opened(options.config, options.workspace) as here:
        span = filters.read_span(options.since)
        found = handovers.handover(here.db, here.who, here.workspace.workspace_id, span)
    if options.json or options.format == "json":
        write_json(found)
    else:
        sys.stdout.write(markdown(found))
    return exit_codes.OK
