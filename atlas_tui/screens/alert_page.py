"""The pages of one alert channel and of one alert rule: what it is, whether it works, what it told lately.

Must not know: how the list of them looks.
"""

from __future__ import annotations

from atlas_tui.alert_words import channel_record, rule_record
from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.links import Link, View
from atlas_tui.screens.alert_actions import AlertActs
from atlas_tui.screens.alert_text import (
    ChannelRead,
    Chosen,
    RuleRead,
    channel_lines,
    read_channel,
    read_rule,
    rule_lines,
)
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.paging import PageScreen
from storage.states import Topic


class _AlertPage(AlertActs, PageScreen):
    """What both pages share."""

    PLACES = (Where.DETAIL, Where.ALERT, Where.ALERT_ACTION)
    TOPICS = frozenset({Topic.ALERTS})
    KIND = ""

    def tab(self) -> View:
        """Health, as the list."""
        return View.HEALTH

    def alert_meant(self) -> Chosen | None:
        """This one."""
        return None if self.subject is None else (self.KIND, self.subject)

    def alert_is_gone(self) -> None:
        """Back to where it was opened."""
        if self.atlas.seen is self and self.atlas.screen is self:
            self.atlas.navigation.back()

    def command_linked_audit(self) -> None:
        """What the audit trail tells of it."""
        if self.subject is not None:
            self.atlas.navigation.go(Link(View.AUDIT, filter=f"target:alert_{self.KIND}:{self.subject}"))


class AlertChannelScreen(_AlertPage):
    """A channel's page."""

    VIEW = View.ALERT_CHANNEL
    KIND = "channel"

    def crumb(self) -> str:
        """Its name."""
        return f"channel {self.read.detail.channel.name}" if self.read is not None else ""

    def read_subject(self, id: int) -> ChannelRead:
        """The channel, and what was sent to it lately."""
        return read_channel(self.session, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return channel_lines(self.read, self.times, width)

    def command_copy_json(self) -> None:
        """Copy the channel as the command line writes it."""
        if self.read is not None:
            copy_json(self.atlas, channel_record(self.read.detail.channel))


class AlertRuleScreen(_AlertPage):
    """A rule's page."""

    VIEW = View.ALERT_RULE
    KIND = "rule"

    def crumb(self) -> str:
        """Its name."""
        return f"rule {self.read.detail.rule.name}" if self.read is not None else ""

    def read_subject(self, id: int) -> RuleRead:
        """The rule, and what it told lately."""
        return read_rule(self.session, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return rule_lines(self.read, self.times, width)

    def command_copy_json(self) -> None:
        """Copy the rule as the command line writes it."""
        if self.read is not None:
            copy_json(self.atlas, rule_record(self.read.detail.rule))
