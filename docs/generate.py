"""Writes the pages of docs/ that come from the code, or checks that they are as the code says.

`python docs/generate.py` writes; `--check` only looks, and ends with 1 when a page is out of date.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

import msgspec

import simulator.__main__
import tasks.__main__
from atlas_tui import cli
from atlas_tui.headless import exit_codes
from atlas_tui.keymap import render_keys_markdown
from storage import configuration, reasons, runbooks
from storage.runbooks import Shape

HERE = Path(__file__).parent
NOTICE = "<!-- Written by docs/generate.py; change the code, then run `make docs`. -->\n\n"


def commands() -> str:
    """Every command with its arguments, and the exit codes."""
    lines = [
        "# Commands\n",
        "Every ability of the dashboard exists without a screen. `--json` writes one JSON document.\n",
    ]

    def describe(parser: argparse.ArgumentParser, depth: int) -> None:
        if depth > 1:
            text = (parser.description or "").rstrip(".")
            lines.append(f"## `{parser.prog}`\n\n{text[:1].upper()}{text[1:]}.\n")
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for choice in dict.fromkeys(action.choices.values()):  # an alias is the same parser
                    if choice.add_help:
                        describe(choice, depth + 1)
            elif not isinstance(action, argparse._HelpAction):
                name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
                lines.append(f"* `{name}` – {action.help}")
        lines.append("")

    describe(cli.parser(), 1)
    describe(tasks.__main__.parser(), 1)
    describe(simulator.__main__.parser(), 2)
    lines.append("## Exit codes\n\n| code | meaning |\n|---|---|")
    lines += [f"| {code} | {meaning} |" for code, meaning in sorted(exit_codes.MEANINGS.items())]
    return "\n".join(lines) + "\n"


def reason_codes() -> str:
    """Every reason code by category, then the runbook of each."""
    lines = [
        "# Reason codes\n",
        "Stable names for every way things go wrong. `?` on a row or a page with a code opens its runbook in the dashboard; so do",
        "`:reason CODE` and `atlas-tui reasons CODE`. None of them needs a network.\n",
    ]
    by_category: dict[str, list[reasons.Reason]] = {}
    for reason in reasons.catalog().values():
        by_category.setdefault(reason.category.value, []).append(reason)
    for category, entries in by_category.items():
        lines.append(
            f"## {category}\n\n| reason | fixed by | retry helps | what it is | next step |\n|---|---|---|---|---|"
        )
        for reason in entries:
            lines.append(
                f"| [`{reason.code}`](#{reason.code}) | {reason.fix_by.value} | {reason.retryable.value} | {reason.sentence} "
                f"| {reason.next_step} |"
            )
        lines.append("")
    lines.append("## Runbooks\n")
    for reason in reasons.catalog().values():
        lines += _runbook(reason.code)
    return "\n".join(lines)


def _runbook(code: str) -> list[str]:
    lines = [f"### {code}\n"]
    for section in runbooks.of(code).sections:
        if section.shape is Shape.TEXT:
            items = [f"<{item}>" if item.startswith("https://") else item for item in section.items]
            lines.append(f"**{section.title}.** {' '.join(items)}\n")
            continue
        mark = {Shape.LIST: "* {}", Shape.STEPS: "1. {}", Shape.COMMANDS: "* `{}`"}[section.shape]
        lines += [f"**{section.title}**\n", *(mark.format(item) for item in section.items), ""]
    return lines


def settings() -> str:
    """Every setting of the configuration file."""
    lines = [
        "# Configuration\n",
        "One TOML file: `--config FILE`, or `config.toml` in the user's configuration directory. `atlas-tui init` writes it.\n",
    ]
    for title, model in (
        ("Settings", configuration.Settings),
        ("`[worker]`", configuration.WorkerSettings),
        ("`[clouds.global]`, `[clouds.usgov]`, `[clouds.dod]`, `[clouds.china]`", configuration.CloudHosts),
    ):
        lines.append(f"## {title}\n\n| setting | default | what it is |\n|---|---|---|")
        told = _attributes(inspect.getdoc(model) or "")
        for field in msgspec.structs.fields(model):
            lines.append(f"| `{field.name}` | {_as_toml(field.default)} | {told[field.name]} |")
        lines.append("")
    return "\n".join(lines)


def _as_toml(default: object) -> str:
    """A setting's default as one would write it; nothing for what has none, is empty, or is a table of its own."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, str) and default:
        return f'`"{default}"`'
    return f"`{default}`" if isinstance(default, int | float) else ""


def _attributes(docstring: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in docstring.partition("Attributes:")[2].splitlines():
        name, colon, text = line.strip().partition(": ")
        if colon:
            found[name] = text
    return found


PAGES = {
    "commands.md": commands,
    "reason-codes.md": reason_codes,
    "configuration.md": settings,
    "keys.md": lambda: render_keys_markdown(),
}


def main() -> int:
    """Writes or checks every page."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, make in PAGES.items():
        text = NOTICE + make().strip() + "\n"
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.stderr.write(f"Out of date: {', '.join(stale)}. Run `make docs`.\n")
        return 1
    sys.stdout.write(f"{len(PAGES)} pages, {len(stale)} {'stale' if check else 'written'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
