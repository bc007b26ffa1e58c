"""What the rooms with processes of their own say of a wrong command line: they are reached by one program, and it is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

import simulator.__main__
import tasks.__main__


@pytest.mark.parametrize(
    ("main", "given", "says"),
    [
        (tasks.__main__.main, ["worker", "extra"], "atlas-tui worker: error: unrecognized arguments: extra"),
        (tasks.__main__.main, ["worker", "--slot", "3"], "atlas-tui worker: error: unrecognized arguments: --slot 3"),
        (tasks.__main__.main, ["keys"], "atlas-tui keys: error: the following arguments are required: COMMAND"),
        (tasks.__main__.main, ["consent-page", "--port", "x"], "atlas-tui consent-page: error: argument --port"),
        (simulator.__main__.main, ["serve", "--bogus"], "simulator: unrecognized arguments: --bogus"),
    ],
)
def test_a_wrong_argument_is_told_with_the_command_it_belongs_to(
    main: Callable[[Sequence[str]], int], given: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("main", "given", "begins"),
    [
        (tasks.__main__.main, ["keys", "rotate", "--help"], "usage: atlas-tui keys rotate "),
        (simulator.__main__.main, ["serve", "--help"], "usage: atlas-tui simulator serve "),
    ],
)
def test_help_shows_the_command_that_was_typed(
    main: Callable[[Sequence[str]], int], given: list[str], begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(given)
    assert capsys.readouterr().out.startswith(begins)
