"""Sentences about arguments that a command line does not know: which one it is, and what was probably meant.

Promise: what was typed is named, cut where it is long; a value that may be a secret is not. Must not know: the commands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

FEW: Final = 12
"""Choices that are all named; of more, only the nearest is."""

_LIKE: Final = 0.6
_SHOWN: Final = 40


def unknown_choice(what: str, given: object, choices: Iterable[object]) -> str:
    """Says that a word is none of those there are.

    Args:
        what: what it would have been: `command`, or an option.
        given: what was typed.
        choices: what could have been.
    """
    words = [str(choice) for choice in choices]
    near = nearest(str(given), words)
    meant = f"; did you mean '{near}'?" if near is not None else ""
    known = f"; there is {', '.join(words)}" if not meant and len(words) <= FEW else ""
    return f"there is no {what} '{_cut(str(given))}'{meant}{known}"


def unknown_option(given: str, options: Iterable[str]) -> str:
    """Says that a command has no such option; a value behind `=` is not repeated.

    Args:
        given: what was typed.
        options: the options it has.
    """
    name = given.partition("=")[0]
    near = nearest(name, [option for option in options if option.startswith("--")])
    return f"there is no option {_cut(name)}" + (f"; did you mean {near}?" if near is not None else "")


def too_many(given: Sequence[str], *, shows_values: bool) -> str:
    """Says that more was given than the command takes.

    Args:
        given: what was left over.
        shows_values: whether it may be repeated.
    """
    if not shows_values:
        return "an argument too many; a secret is never given as one"
    words = ", ".join(f"'{_cut(word)}'" for word in given[:3])
    return f"unexpected argument{'' if len(given) == 1 else 's'} {words}"


def nearest(given: str, words: Sequence[str]) -> str | None:
    """The word that is most like what was typed; None when none is."""
    # Case is the commonest slip of all and costs no likeness: `--JSON` means `--json`.
    folded = {word.casefold(): word for word in words}
    found = difflib.get_close_matches(given.casefold(), folded, 1, _LIKE)
    return folded[found[0]] if found else None


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
