"""Texts to take away after something was done: read here, copied with a key, closed when the person is done.

Promise: each text is copied line breaks and all. A handout never holds a secret.

Must not know: what the texts are.
"""

from __future__ import annotations

from collections.abc import Sequence

from atlas_tui.cells import Line, Part, cut, plain
from atlas_tui.screens.form_definition import Handout
from atlas_tui.screens.leaflet import Leaflet, numbered
from atlas_tui.screens.prose import wrapped
from atlas_tui.widgets.form_field import harmless


class HandoutScreen(Leaflet[None]):
    """The handout.

    Args:
        handout: What it holds.
    """

    def __init__(self, handout: Handout) -> None:
        super().__init__()
        self._handout = handout

    def title_parts(self) -> Line:
        """What it is about."""
        return (Part(cut(plain(self._handout.title), 200), "title"),)

    def lines(self, width: int) -> list[Line]:
        """What to do with the texts, and the texts."""
        lines: list[Line] = []
        for sentence in self._handout.sentences:
            lines += wrapped(sentence, width)
        for number, (label, text) in enumerate(self._handout.texts, 1):
            lines += [(), (numbered(number), Part(label, "strong"))]
            for line in harmless(text).splitlines():
                lines += wrapped(line, width, indent=2)
        return lines

    def copied(self) -> Sequence[tuple[str, str]]:
        """The texts."""
        return tuple((label, harmless(text)) for label, text in self._handout.texts)
