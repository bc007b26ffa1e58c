"""The form that acknowledges a problem, or snoozes it: whose it is, until when, why.

Promise: it says on how many connections, and what ends it; storage checks the owner and the moment.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from atlas_tui.cells import Line
from atlas_tui.links import View
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import named
from atlas_tui.screens.problem_text import whose
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind, optional
from storage import acknowledging, attention, attention_members
from storage.acknowledgement_times import HINT, present, read_until
from storage.acknowledging import Terms
from storage.attention import Problem
from storage.consequences import count
from storage.fields import read_login
from storage.states import Topic
from storage.tenant_fields import read_note

if TYPE_CHECKING:
    from atlas_tui.session import Session

_MOST_NAMED: Final = 3


class AcknowledgeProblem(Form):
    """All connections of a problem, or some of them.

    Args:
        problem_id: Which problem.
        connection_ids: Only these; all when None.
        names: What those are called.
    """

    TAB = View.ATTENTION
    TOPICS = frozenset({Topic.ATTENTION})

    def __init__(
        self, problem_id: int, connection_ids: tuple[int, ...] | None = None, names: Sequence[str] = ()
    ) -> None:
        # Of some connections only it is another form: a draft of it must not be gone on with for all of them.
        name = "problem.acknowledge" if connection_ids is None else "problem.acknowledge-some"
        super().__init__(name, f"problem:{problem_id}", "Acknowledge or snooze")
        self._problem_id, self._connection_ids, self._names = problem_id, connection_ids, names

    def load(self, session: Session) -> Loaded:
        """The problem; nobody but the reader owns it yet, and it ends when it is solved."""
        where = session.workspace.workspace_id
        problem = attention.find(session.db, session.who, where, self._problem_id)
        now = present(session.db)
        self.title = f"Acknowledge {problem.reason_code}"
        fields = (
            Field(
                "until",
                "Until",
                read=optional(lambda text: _checked(text, now)),
                hint=f"Empty: until it is solved. {HINT}",
            ),
            Field(
                "owner",
                "Owner",
                read=optional(named(read_login, "owner")),
                hint="The login of who takes care of it; empty: you.",
            ),
            Field("note", "Note", Kind.NOTE, read=read_note, hint="What is being done, for the others."),
        )

        def head(times: Times, width: int) -> Sequence[Line]:
            return [
                *field("Problem", f"{problem.reason_code}  {whose(problem)}", width),
                *field("On", self._on(problem), width),
            ]

        return Loaded(fields, {}, where, head, problem.acknowledge_refusal, facts=problem)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """When it shows again."""
        until = filled.values.get("until")
        moment = read_until(until, present(session.db)) if isinstance(until, str) else None
        shows = "It shows again when the reason is another one"
        ends = f", and at {moment:%Y-%m-%d %H:%M}Z." if moment is not None else "; it ends by itself when it is solved."
        return LookedUp(consequences=(shows + ends,))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Acknowledge it. A span of time begins when it is saved."""
        values, where = filled.values, session.workspace.workspace_id
        until = values.get("until")
        terms = Terms(
            until=read_until(until, present(session.db)) if isinstance(until, str) else None,
            note=values.get("note") or "",
            owner=values.get("owner"),
        )
        problem = attention.find(session.db, session.who, where, self._problem_id)
        if self._connection_ids is not None:
            done = acknowledging.acknowledge(
                session.db, session.who, self._connection_ids, problem.reason_code, terms, ticket=filled.ticket
            )
        else:
            done = attention_members.acknowledge_problem(
                session.db, session.who, where, self._problem_id, terms, ticket=filled.ticket
            )
        on = f"the app {problem.name}" if self._is_of_app(problem) else count(done, "connection")
        return Saved(f"{problem.reason_code} is acknowledged on {on}.")

    def _is_of_app(self, problem: Problem) -> bool:
        return self._connection_ids is None and problem.platform_app_id is not None

    def _on(self, problem: Problem) -> str:
        if self._is_of_app(problem):
            return f"{count(problem.connections, 'connection')} of the app {problem.name}, and those that get it later"
        if self._connection_ids is None:
            return problem.name or count(problem.connections, "connection")
        named_ones = list(self._names[:_MOST_NAMED])
        more = len(self._connection_ids) - len(named_ones)
        if not named_ones:
            return count(more, "connection")
        return ", ".join(named_ones) + (f" and {more} more" if more else "")


def _checked(text: str, now: datetime) -> str:
    """The text itself, once it can be read: `4h` means from the moment of saving on."""
    read_until(text, now)
    return text
