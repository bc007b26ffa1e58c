"""What tests of the connection check may ask for: a check that was done, and short ways to look at its report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage.failures import FORBIDDEN_TEXT
from storage.states import StepStatus
from storage.verification import CheckReport, ReportStep, Verdict, judge
from tasks.providers.base import Target
from tasks.providers.microsoft.check_steps import LABELS
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.health_check import MicrosoftHealthCheck


class Checked:
    """A report, with its steps by name; everything else of the report is there as it is."""

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        self.verdict: Verdict = judge(report.steps)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.report, name)

    def step(self, key: str) -> ReportStep:
        return next(step for step in self.report.steps if step.key == key)

    def outcome(self, key: str) -> tuple[StepStatus, str | None]:
        found = self.step(key)
        return found.status, found.reason_code


@pytest.fixture
def check(gateway: MicrosoftGateway, reporter: Any) -> Callable[..., Checked]:
    """Does a whole check; every report has every step in order, and no word that may not be stored."""

    def run(target: Target, run_reporter: Any = None, by: MicrosoftGateway | None = None) -> Checked:
        report = MicrosoftHealthCheck(by or gateway).check(target, run_reporter or reporter)
        assert [step.key for step in report.steps] == list(LABELS)
        text = repr(report)
        assert not [word for word in FORBIDDEN_TEXT if word in text]
        return Checked(report)

    return run
