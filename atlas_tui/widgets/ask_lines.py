"""Ask for one or a few short texts: a path, some tags, a number of days.

Promise: what is typed is checked as it is typed, and what is wrong is said below it; the button works only when everything can be used;
Esc answers nothing; however often someone presses, the answer is given once. What is shown and typed is data, never markup.

Must not know: what is done with the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from atlas_tui.cells import cut, plain
from atlas_tui.widgets.dialog import LONGEST, Dialog, text_line
from storage.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Asked:
    """One text to be typed.

    Attributes:
        key: Its name in the answer.
        label: What it is, in front of it.
        value: What stands there already.
        hint: What a good value looks like, while there is none.
        check: Raises `InvalidInput` when a text cannot be used.
    """

    key: str
    label: str
    value: str = ""
    hint: str = ""
    check: Callable[[str], object] = str


class AskLines(Dialog[Mapping[str, str]]):
    """The question. `app.push_screen(AskLines(…), callback)`; the callback gets key → text, or None.

    Args:
        title: What is asked.
        sentences: What there is to know before.
        fields: What is to be typed.
        confirm_label: The verb on the button.
        check: Raises `InvalidInput` when the texts cannot be used together.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # Inside a field left and right move the cursor; between the buttons they go on.
        Binding("up,left", "app.focus_previous", "Before", id="ask.up", show=False),
        Binding("down,right", "app.focus_next", "Next", id="ask.down", show=False),
    ]

    DEFAULT_CSS = """
    AskLines .sentence { height: auto; background: $panel; }
    AskLines .row { height: 1; margin-top: 1; }
    AskLines .label { width: 14; background: $panel; }
    AskLines .row Input { width: 1fr; }
    AskLines #problem { height: auto; min-height: 1; color: $warning; background: $panel; }
    """

    def __init__(
        self,
        title: str,
        sentences: Sequence[str],
        fields: Sequence[Asked],
        *,
        confirm_label: str,
        check: Callable[[Mapping[str, str]], object] = dict,
    ) -> None:
        super().__init__()
        self._title = title
        self._sentences = tuple(sentences)
        self._fields = tuple(fields)
        self._confirm_label = confirm_label
        self._check = check

    def compose(self) -> ComposeResult:
        """The words, the fields, what is wrong with them, the buttons."""
        with Vertical():
            yield Static(cut(plain(self._title), LONGEST), classes="title", markup=False)
            for sentence in self._sentences:
                yield Static(cut(plain(sentence), LONGEST), classes="sentence", markup=False)
            for field in self._fields:
                with Horizontal(classes="row"):
                    yield Static(plain(field.label), classes="label", markup=False)
                    yield text_line(field.key, field.value, field.hint)
            yield Static("", id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield from self.buttons(self._confirm_label)

    def on_mount(self) -> None:
        """Type at once."""
        first = self.query(Input).first()
        first.focus()
        first.cursor_position = len(first.value)
        self._look()

    def texts(self) -> dict[str, str]:
        """What is typed, without blanks around it and without control characters."""
        return {field.key: plain(self.query_one(f"#{field.key}", Input).value).strip() for field in self._fields}

    def _problem(self) -> str:
        texts = self.texts()
        try:
            for field in self._fields:
                field.check(texts[field.key])
            self._check(texts)
        except InvalidInput as error:
            return str(error)
        return ""

    def _look(self) -> None:
        problem = self._problem()
        untouched = self.texts() == {field.key: field.value for field in self._fields}
        self.query_one("#problem", Static).update("" if untouched else cut(plain(problem), LONGEST))
        self.query_one("#confirm", Button).disabled = bool(problem)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._look()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, and from the last one to the button."""
        event.stop()
        if event.input.id == self._fields[-1].key and not self.query_one("#confirm", Button).disabled:
            self.query_one("#confirm", Button).focus()
        else:
            self.focus_next()

    def given(self) -> Mapping[str, str]:
        """The texts."""
        return self.texts()

    def is_incomplete(self) -> bool:
        """Whether a text cannot be used."""
        return bool(self._problem())
