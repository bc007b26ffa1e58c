"""Which question to a source is under way, which one waits, and which answers still count.

Promise: the newest question wins; an answer to an older one is dropped; never more than `MOST_AT_ONCE` threads for one list, however
fast someone types.

Must not know: threads, widgets, what the answers hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas_tui.widgets.pages import PageRequest

MOST_AT_ONCE = 2
"""Questions of one list that may be in a thread at once: the one that counts and one that was overtaken (a thread cannot be stopped)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A numbered request.

    Attributes:
        number: Counts up for every question of a list.
        request: What is asked.
        landing: What happens to the cursor when the answer comes; the table's own word.
    """

    number: int
    request: PageRequest
    landing: str


class Asking:
    """The questions of one list."""

    def __init__(self) -> None:
        self._number = 0
        self._under_way: set[int] = set()
        self._counts: Question | None = None
        self._waiting: Question | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer that counts is still to come."""
        return self._counts is not None

    def ask(self, request: PageRequest, landing: str) -> Question | None:
        """Ask something, which overtakes whatever was asked before.

        Returns:
            The question to send now, or None when it waits for a thread.
        """
        self._number += 1
        question = Question(self._number, request, landing)
        self._counts = question
        if len(self._under_way) >= MOST_AT_ONCE:
            self._waiting = question
            return None
        self._waiting = None
        self._under_way.add(question.number)
        return question

    def answered(self, number: int) -> tuple[Question | None, Question | None]:
        """An answer came.

        Returns:
            The question it answers if that still counts, else None; and the question to send now, if one waited.
        """
        self._under_way.discard(number)
        accepted = None
        if self._counts is not None and self._counts.number == number:
            accepted, self._counts = self._counts, None
        following, self._waiting = self._waiting, None
        if following is not None:
            self._under_way.add(following.number)
        return accepted, following
