"""Headless reason codes: the catalog, and one code's runbook."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from atlas_tui.headless.output import write_json, write_line, write_table
from storage import reasons, runbooks
from storage.errors import NotFound
from storage.runbooks import Runbook, Shape


def explain_reason(options: argparse.Namespace) -> int:
    """`atlas-tui reasons [CODE]`: every reason code, or what one means and what to do about it."""
    catalog = reasons.catalog()
    if options.code is not None:
        if options.code not in catalog:
            raise NotFound(f"There is no reason code {options.code}.", "See `atlas-tui reasons`.")
        _explain(runbooks.of(options.code), options.json)
    elif options.json:
        write_json(list(catalog.values()))
    else:
        write_table(
            ("REASON", "FIX BY", "SENTENCE"),
            [(reason.code, reason.fix_by.value, reason.sentence) for reason in catalog.values()],
            widest=100,
        )
    return 0


def _explain(runbook: Runbook, as_json: bool) -> None:
    if as_json:
        told = {field: value for field, value in asdict(runbook).items() if field != "reason"}
        write_json({**asdict(runbook.reason), **told})
        return
    write_line(f"{runbook.reason.code} ({runbook.reason.category.value})")
    for section in runbook.sections:
        write_line("")
        write_line(section.title)
        for number, item in enumerate(section.items, 1):
            mark = f"{number}. " if section.shape is Shape.STEPS else "- " if section.shape is Shape.LIST else ""
            write_line(f"  {mark}{item}")
