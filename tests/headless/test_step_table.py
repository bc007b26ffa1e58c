"""The steps of a check on the command line: a table, whatever the labels and however wide the terminal."""

from __future__ import annotations

from atlas_tui.cells import width_of
from atlas_tui.headless.step_table import step_lines
from storage.states import StepStatus
from storage.verification import ReportStep

STEPS = (
    ReportStep("token", "Token", StepStatus.PASS, sentence="A token was issued."),
    ReportStep("privileged", "Roles probe", StepStatus.SKIP, sentence="The tenant has no licence for it."),
    ReportStep(
        "permissions",
        "Permissions: what was granted and what is needed",
        StepStatus.WARN,
        sentence="DeviceManagementManagedDevices.Read.All is missing; it is granted at https://entra.example/consent.",
    ),
)


def test_in_a_pipe_a_step_is_a_line_and_sentences_begin_in_one_column() -> None:
    lines = step_lines(STEPS, None)
    assert len(lines) == len(STEPS)
    assert len({line.index(str(step.sentence)) for line, step in zip(lines, STEPS, strict=True)}) == 1
    assert [line.split()[0] for line in lines] == ["pass", "skip", "warn"]


def test_on_a_terminal_nothing_is_wider_than_it_and_nothing_is_lost() -> None:
    for width in (24, 60, 80, 120):
        lines = step_lines(STEPS, width)
        assert all(width_of(line) <= width for line in lines), width
        whole = "".join("".join(lines).split())
        for step in STEPS:
            assert "".join(step.label.split()) in whole
    wide = step_lines(STEPS, 120)
    at = wide[0].index("A token")
    assert all(line[at - 2 : at] == "  " and line[at] != " " for line in wide), (
        "one column, its sentences below themselves"
    )
