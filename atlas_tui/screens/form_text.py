"""What stands above and below the fields of a form.

Promise: whatever is longer than its place is counted, not hidden.

Must not know: widgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlas_tui.cells import Line, Part, plain
from atlas_tui.screens.form_definition import Loaded
from atlas_tui.screens.prose import Times, wrapped
from atlas_tui.widgets.wrapping import wrap

if TYPE_CHECKING:
    from storage.drafts import Draft


def head_lines(loaded: Loaded, draft: Draft | None, times: Times, width: int) -> list[Line]:
    """What is only read: where the fields' texts come from, and what the form shows of its thing."""
    lines: list[Line] = []
    if draft is not None:
        lines += wrapped(
            f"Your draft of {times.of_day(draft.updated_at)} ({times.ago(draft.updated_at)} ago) is filled in. "
            "More: discard it.",
            width,
            indent=1,
            style="info",
        )
    return [*lines, *loaded.head(times, width)] or [()]


def foot_lines(
    about: tuple[str, str], consequences: Sequence[str], width: int, room: int, *, is_unchanged: bool = False
) -> list[Line]:
    """What is to be said about the field, and what saving will do.

    Args:
        about: Style and sentence.
        consequences: Sentences, the most painful first.
        width: Cells.
        room: Lines for the consequences at most.
        is_unchanged: There is nothing to save yet.
    """
    style, sentence = about
    lines: list[Line] = [*wrapped(sentence, width - 1, indent=1, style=style)[:2]]
    lines += [()] * (2 - len(lines))
    if is_unchanged:
        return [*lines, (Part(" Nothing has been changed yet.", "muted"),)]
    said = plain(" ".join(consequences))
    if not said:
        return [*lines, ()]
    words = wrap(f"Saving: {said}", width - 2)
    if len(words) > room:
        words = [*words[: room - 1], f"... {len(words) - room + 1} more lines; saving shows all and asks."]
    return [*lines, *((Part(" "), Part(line, "warn")) for line in words)]
