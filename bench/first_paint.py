"""From the command line to the first data: the dashboard against a Textual app that shows one line."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Aim, Figure, Section, timed
from bench.fleets import Fleets
from bench.subjects import READY
from bench.terminal import PROBLEMS, Terminal, dashboard, this_python

NAME = "first-paint"
SIZE = (80, 24)


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    small, large = fleets.of(1_000), fleets.of(3_000 if quick else 1_000_000)
    samples: dict[str, list[float]] = {name: [] for name in ("bare", "floor", "list", "frame", "small", "large")}
    for number in range(1) if quick else range(-1, 15):
        taken = {
            "bare": _shown(this_python("-m", "bench.subjects", "bare"), READY)[-1],
            "floor": _shown(this_python("-m", "bench.subjects", "bare", "--sqlalchemy"), READY)[-1],
            "list": _shown(this_python("-m", "bench.subjects", "list", "--database", str(small.path)), "+ enabled")[-1],
        }
        taken["frame"], taken["small"] = _shown(dashboard(small.config), "ATLAS", PROBLEMS)
        taken["large"] = _shown(dashboard(large.config), PROBLEMS)[-1]
        if number >= 0:
            for name, seconds in taken.items():
                samples[name].append(seconds)
    bare = samples["bare"]

    def against_bare(name: str, key: str, meaning: str, aim: Aim | None = None) -> Figure:
        return timed(name, samples[key], meaning, reference=bare, against="bare Textual app", aim=aim)

    return Section(
        NAME,
        "First paint",
        f"Whole processes in a pseudo-terminal of {SIZE[0]}x{SIZE[1]}, started turn by turn; the time is from the"
        " start of the process to the bytes with which the screen first shows the words.",
        (
            timed("bare Textual app: its one line", bare, "What Python and Textual cost before anything of ours."),
            against_bare(
                "bare Textual app that imports SQLAlchemy first",
                "floor",
                "The least that anything can cost that shows data through SQLAlchemy: imports do not run side by side.",
            ),
            against_bare(
                "dashboard: its frame",
                "frame",
                "Where I am is on the screen, before the database has been asked.",
            ),
            against_bare(
                f"dashboard: first data, {small.count:,} connections",
                "small",
                "The first rows can be read.",
                Aim("ratio", 2.0),
            ),
            against_bare(
                f"dashboard: first data, {large.count:,} connections",
                "large",
                "The same, whatever the size of the fleet.",
                Aim("ratio", 2.0),
            ),
            against_bare("list engine alone: first data", "list", "The list without frame, feed or session."),
        ),
    )


def _shown(command: Sequence[str], *words: str) -> list[float]:
    """Starts a program and returns when the screen first showed each of some words, in this order."""
    with Terminal(command, SIZE) as terminal:
        return [terminal.until(lambda lines, word=word: any(word in line for line in lines)) for word in words]
