"""What the program's exit codes mean. docs/commands.md is checked against this table."""

from __future__ import annotations

from typing import Final

from storage.states import RunOutcome

OK: Final = 0
BLOCKED: Final = 10
BUSY: Final = 11
INTERRUPTED: Final = 130

OUTCOME: Final = {
    RunOutcome.SUCCEEDED: OK,
    RunOutcome.PARTIALLY_SUCCEEDED: 20,
    RunOutcome.FAILED: 21,
    RunOutcome.BLOCKED: 22,
    RunOutcome.CANCELLED: 23,
    RunOutcome.LOST: 24,
}
"""How a run that was waited for ended."""

MEANINGS: Final = {
    OK: "done",
    1: "something failed; the sentence says what",
    2: "bad input: an argument, a file or the configuration; the sentence names the field",
    4: "not found, or not visible to you",
    5: "forbidden: you may see it but not do this",
    6: "conflict: it exists already, or changed meanwhile",
    7: "the database cannot be used",
    8: "the key that opens credentials is missing or wrong",
    BLOCKED: "the start gate blocked it, or a consent answer was not recorded; the reason code says why",
    BUSY: "another operation is active on the connection, or the run went on when --timeout was over",
    20: "the run partially succeeded (a check: degraded)",
    21: "the run failed (an outage, throttling or a fault of ours; badges unchanged)",
    22: "the run was blocked (a check: the connection is blocked)",
    23: "the run was cancelled",
    24: "the run was lost",
    INTERRUPTED: "interrupted with ctrl+c; what was started goes on",
}
