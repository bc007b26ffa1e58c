"""The Permissions tab: what the operations need, how each stands, and what was granted beyond it.

Promise: without a check that had a token nothing is claimed. What a broader permission covers is not missing, and the broader one is named.
Consent that is older than what is needed now is said first, with the next step.

Must not know: widgets, queries.
"""

from __future__ import annotations

from typing import Final

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.screens.why import Reader
from storage import operations
from storage.permission_risks import Risk
from storage.permissions import BeyondNeed, Comparison, NeededPermission, PermissionTruth, Standing

STANDING_WIDTH: Final = 11
_RISK_GLYPHS: Final = {Risk.TAKEOVER: "x", Risk.CONTENT: "!", Risk.CHANGE: "!", Risk.READ: "o"}


def standing_badge(needed: NeededPermission) -> Cell:
    """How a needed permission stands: what is missing and optional looks less bad than what is required."""
    if needed.standing is Standing.GRANTED:
        return badge("+", "granted", STANDING_WIDTH)
    if needed.standing is Standing.COVERED:
        return badge("+", "covered", STANDING_WIDTH)
    if needed.standing is Standing.UNKNOWN:
        return badge("o", "unknown", STANDING_WIDTH)
    return badge("x" if needed.is_required else "!", "missing", STANDING_WIDTH)


def permission_lines(truth: PermissionTruth, reader: Reader, times: Times, width: int) -> list[Line]:
    """The tab.

    Args:
        truth: What is known.
        reader: What the person may do about it.
        times: How moments are shown.
        width: Cells.
    """
    found = truth.comparison
    if truth.checked_at is None:
        note = "no check has had a token yet"
        title = "Not known yet"
    else:
        missing = len(found.missing_required) + len(found.missing_optional)
        title = f"{missing} missing" if missing else "Nothing is missing"
        note = f"seen {times.since(truth.checked_at)}, manifest {truth.manifest_version}"
    lines: list[Line] = [heading(title, note)]
    lines += _older_consent(truth, reader, width)
    if found.limited_operations:
        lines += field("Cannot work", _labels(found.limited_operations), width, style="bad")
    if found.reduced_operations:
        lines += field("Do less", _labels(found.reduced_operations), width, style="warn")
    if found.missing_required:
        step = "The customer consents again: x, o makes the link; then x, c checks."
        lines += field("Next step", step if reader.may_manage else reader.who_may_manage, width, style="strong")
    for operation in operations.CATALOG.values():
        lines += _of_operation(operation.type, found, width)
    return lines + _beyond(found, width)


def _older_consent(truth: PermissionTruth, reader: Reader, width: int) -> list[Line]:
    if not truth.consent_is_older:
        return []
    sentence = f"Consent is for manifest {truth.consent_manifest_version}; {truth.manifest_version} is needed now."
    step = "ask the customer to consent again (x, o)" if reader.may_manage else reader.who_may_manage
    return [*field("Consent", f"! {sentence} Next step: {step}", width, style="warn")]


def _of_operation(type: str, found: Comparison, width: int) -> list[Line]:
    """One operation and what it needs; what is needed by several stands with each."""
    operation = operations.find(type)
    mine = [needed for needed in found.needed if type in needed.needed_by]
    if not mine:
        return []
    lines: list[Line] = [blank(), heading(operation.label)]
    for needed in sorted(mine, key=lambda n: (n.permission not in operation.required_permissions, n.permission)):
        required = needed.permission in operation.required_permissions
        shown = badge("!", "missing", STANDING_WIDTH) if needed.standing is Standing.MISSING and not required else None
        lines.append(_line(needed, shown or standing_badge(needed), required))
        if needed.standing is Standing.COVERED:
            lines += wrapped(f"covered by {needed.covered_by}", width, indent=3 + STANDING_WIDTH, style="muted")
        elif needed.standing is Standing.MISSING:
            lines += wrapped(needed.purpose, width, indent=3 + STANDING_WIDTH, style="muted")
    return lines


def _line(needed: NeededPermission, shown: Cell, required: bool) -> Line:
    need = "required" if required else "optional"
    return (Part("  "), *shown.parts, Part(f" {needed.permission}"), Part(f"  {need}", "muted"))


def _beyond(found: Comparison, width: int) -> list[Line]:
    if not found.beyond:
        return []
    lines: list[Line] = [blank(), heading("Beyond the need", "nothing here uses these; the most dangerous first")]
    for extra in found.beyond:
        lines.append(_beyond_line(extra))
        covers = f"; covers {', '.join(extra.covers)}: keep it, or grant those" if extra.covers else ""
        lines += wrapped(f"{extra.why}{covers}", width, indent=3 + STANDING_WIDTH, style="muted")
    return lines


def _beyond_line(extra: BeyondNeed) -> Line:
    return (
        Part("  "),
        *badge(_RISK_GLYPHS[extra.risk], extra.risk.value, STANDING_WIDTH).parts,
        Part(f" {extra.permission}"),
    )


def _labels(types: tuple[str, ...]) -> str:
    return ", ".join(operations.find(name).label for name in types)
