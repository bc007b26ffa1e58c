"""The line of an onboarding's steps, and where each of them leads.

Promise: a state is a glyph and a word, always in the same place; what does not fit is told for the step that is shown, never cut.

Must not know: widgets, what a step's page says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from atlas_tui.cells import Line, Part
from storage import reasons
from storage.onboarding_steps import Step, StepKey, StepState
from storage.reasons import Category

_GLYPHS: Final = {
    StepState.DONE: ("+", "ok"),
    StepState.CURRENT: (">", "info"),
    StepState.OPEN: ("o", "muted"),
    StepState.SKIPPED: ("-", "muted"),
    StepState.FAILED: ("x", "bad"),
}
_STATE_WIDTH: Final = max(len(state.value) for state in StepState) + 2
_LABELS: Final = tuple(key.value.capitalize() for key in StepKey)
_WIDTHS: Final = tuple(max(len(label), _STATE_WIDTH) + 1 for label in _LABELS)
WIDTH: Final = 1 + sum(_WIDTHS)
"""Cells of all steps beside each other."""


def state_part(state: StepState) -> Part:
    """A step's state: glyph and word."""
    glyph, style = _GLYPHS[state]
    return Part(f"{glyph} {state.value}", style)


def step_lines(steps: Sequence[Step], shown: StepKey, width: int) -> list[Line]:
    """Two lines: the steps' names, the shown one in reverse, and below each how far it is.

    Args:
        steps: All of them, in order.
        shown: The one whose page is open.
        width: Cells.
    """
    at = next(index for index, step in enumerate(steps) if step.key is shown)
    if width < WIDTH:
        step = steps[at]
        return [
            (Part(f" Step {at + 1} of {len(steps)}: "), Part(step.label, "cursor"), Part("  [ ]", "muted")),
            (Part(" "), state_part(step.state)),
        ]
    names, states = [Part(" ")], [Part(" ")]
    for step, cells in zip(steps, _WIDTHS, strict=True):
        names += [
            Part(step.label, "cursor" if step.key is shown else ""),
            Part(" " * (cells - len(step.label))),
        ]
        state = state_part(step.state)
        states += [state, Part(" " * (cells - len(state.text)))]
    return [tuple(names), tuple(states)]


_STEP_OF_CODE: Final[Mapping[str, StepKey]] = MappingProxyType(
    {
        "app_not_found": StepKey.CONNECTION,
        "app_not_multitenant": StepKey.CONNECTION,
        "app_misconfigured": StepKey.CONNECTION,
        "app_mismatch": StepKey.CONNECTION,
        "platform_app_missing": StepKey.CONNECTION,
        "provider_connection_missing": StepKey.CONNECTION,
        "provider_connection_disabled": StepKey.CONNECTION,
        "tenant_not_found": StepKey.TENANT,
        "tenant_unavailable": StepKey.TENANT,
        "tenant_identifier_invalid": StepKey.TENANT,
        "tenant_archived": StepKey.TENANT,
        "tenant_domain_mismatch": StepKey.TENANT,
        "tenant_mismatch": StepKey.TENANT,
        "primary_domain_unknown": StepKey.TENANT,
        "domain_not_verified": StepKey.TENANT,
        "wrong_cloud": StepKey.TENANT,
    }
)
_STEP_OF_CATEGORY: Final[Mapping[Category, StepKey]] = MappingProxyType(
    {
        Category.CREDENTIAL: StepKey.CREDENTIAL,
        Category.CONSENT: StepKey.CONSENT,
        Category.PERMISSION: StepKey.PERMISSIONS,
    }
)


def step_to_go_back_to(code: str | None) -> StepKey | None:
    """The step in which a failed check's reason is mended; None when only trying again helps.

    Args:
        code: The reason.
    """
    if not code:
        return None
    return _STEP_OF_CODE.get(code) or _STEP_OF_CATEGORY.get(reasons.find(code).category)
