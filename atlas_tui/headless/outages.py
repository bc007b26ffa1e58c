"""`atlas-tui outages`: what many tenants suffer from at once."""

from __future__ import annotations

import argparse

from atlas_tui.headless import exit_codes
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line
from atlas_tui.outage_banner import NO_OUTAGE
from storage import outage_words, outages


def list_outages(options: argparse.Namespace) -> int:
    """`atlas-tui outages`: exit code 0 with and without one, since nothing here is ours to mend."""
    with opened(options.config, options.workspace) as here:
        found = outages.current(here.db, here.who, here.workspace.workspace_id)
    if options.json:
        write_json([] if found is None else [found])
        return exit_codes.OK
    if found is None:
        write_line(NO_OUTAGE)
        return exit_codes.OK
    write_line(found.sentence)
    write_line(f"since          {moment(found.since)}")
    write_line(f"last good      {moment(found.last_good_at)}")
    write_line(f"reason         {found.reason_code}")
    write_line(f"next step      {found.advice}")
    write_line(outage_words.TIMES)
    return exit_codes.OK
