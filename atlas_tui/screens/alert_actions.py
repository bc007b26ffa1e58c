"""The actions menu of alerts: a test, a new channel or rule, edit, enable, disable, delete.

Promise: what follows is said before it is done; Cancel has the focus; deleting asks for the name, typed. A test goes through a worker, and
what became of it is said here and stays on the channel's page.

Must not know: how the pages look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from atlas_tui.alert_words import removal_of_channel, removal_of_rule
from atlas_tui.commands import REGISTRY
from atlas_tui.links import Link, View, to_alert_channel
from atlas_tui.screens.alert_forms import EditChannel, EditRule, NewChannel, NewRule
from atlas_tui.screens.connection_actions import ask_first
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import alert_channels, alert_deliveries, alert_rules, allowance
from storage.alert_channels import Channel
from storage.alert_deliveries import Delivery
from storage.alert_rule_fields import Rule
from storage.capabilities import Capability
from storage.consequences import Consequences

_LETTERS: Final = {"edit_alert": "e", "new_alert_rule": "N"}
_LABELS: Final = {"edit_alert": "Edit", "new_alert_rule": "New rule"}


@dataclass(frozen=True, slots=True)
class Meant:
    """What an action is about.

    Attributes:
        channel: A channel.
        rule: Or a rule.
        refusal: Why nothing may be changed, and who may; empty when it may.
    """

    channel: Channel | None
    rule: Rule | None
    refusal: str

    @property
    def name(self) -> str:
        """What it is called."""
        return self.channel.name if self.channel is not None else self.rule.name if self.rule is not None else ""

    @property
    def is_enabled(self) -> bool:
        """Whether it is."""
        return bool(self.channel is not None and self.channel.is_enabled) or bool(
            self.rule is not None and self.rule.is_enabled
        )


class AlertActs(AtlasScreen):
    """A screen with a channel or a rule to act on."""

    def alert_meant(self) -> tuple[str, int] | None:
        """`channel` or `rule`, and which; None when there is none."""
        raise NotImplementedError

    def alert_is_gone(self) -> None:
        """What is shown was deleted."""

    def _read(self) -> Meant:
        session, meant = self.session, self.alert_meant()
        may = allowance.allowance(
            session.db, session.who, Capability.ALERT_MANAGE, session.workspace.workspace_id
        ).refusal
        if meant is None:
            return Meant(None, None, may)
        kind, id = meant
        if kind == "channel":
            return Meant(alert_channels.get(session.db, session.who, id).channel, None, may)
        return Meant(None, alert_rules.get(session.db, session.who, id).rule, may)

    def _with_meant(self, then: Callable[[Meant], None]) -> None:
        self.ask("alert", self._read, then, self.tell_error)

    def command_actions(self) -> None:
        """Open the menu."""
        self._with_meant(self._open_menu)

    def _open_menu(self, meant: Meant) -> None:
        no, something = meant.refusal, meant.channel is not None or meant.rule is not None
        none = no or ("" if something else "There is no channel and no rule here.")
        in_use = meant.channel is not None and meant.channel.rules
        refused = {
            "test_alert": none,
            "edit_alert": none,
            "enable_alert": none or ("It is enabled already." if meant.is_enabled else ""),
            "disable_alert": none or ("" if meant.is_enabled else "It is disabled already."),
            "new_alert_channel": no,
            "new_alert_rule": no,
            "delete_alert": none or (f"{in_use} of the rules send to it." if in_use else ""),
        }
        items = [
            MenuItem(id, _LETTERS.get(id) or REGISTRY[id].letter, _LABELS.get(id, REGISTRY[id].label), why)
            for id, why in refused.items()
        ]
        kind = "Channel" if meant.channel is not None else "Rule" if meant.rule is not None else "Alerts"
        self.app.push_screen(Menu(f"{kind} {meant.name}".strip(), items), lambda id: self.do(id) if id else None)

    # Forms

    def command_new_alert_rule(self) -> None:
        """Make a rule, in a form."""
        open_form(self.atlas, NewRule(self.session.workspace.workspace_id))

    def command_new_alert_channel(self) -> None:
        """Add a channel, in a form."""
        open_form(self.atlas, NewChannel(self.session.workspace.workspace_id))

    def command_edit_alert(self) -> None:
        """Edit it, in a form."""
        if (meant := self.alert_meant()) is not None:
            kind, id = meant
            open_form(self.atlas, EditChannel(id) if kind == "channel" else EditRule(id))

    # A test

    def command_test_alert(self) -> None:
        """Send a test."""

        def ask(meant: Meant) -> None:
            id = meant.channel.id if meant.channel is not None else meant.rule.channel_id if meant.rule else None
            name = meant.channel.name if meant.channel is not None else meant.rule.channel if meant.rule else ""
            if id is None:
                self.atlas.flash("There is no channel here; x, c adds one.")
                return
            session, channel_id = self.session, id
            sentences = (
                "A worker sends a message that says it is a test, the way every alert goes.",
                "Whether it arrived stands on the channel's page a moment later.",
            )

            def told(asked: Delivery) -> str:
                self.atlas.navigation.go(to_alert_channel(channel_id))
                return f"Test {asked.id} is on its way to {asked.channel}: see Latest"

            ask_first(
                self,
                lambda: Consequences(f"Send a test to {name}?", sentences, hurts=True),
                "Send a test",
                lambda ticket: alert_deliveries.ask_for_test(session.db, session.who, channel_id, ticket=ticket),
                told,
            )

        self._with_meant(ask)

    # Enable, disable, delete

    def command_enable_alert(self) -> None:
        """Enable it."""
        self._switch(True)

    def command_disable_alert(self) -> None:
        """Disable it."""
        self._switch(False)

    def _switch(self, wanted: bool) -> None:
        def ask(meant: Meant) -> None:
            session = self.session
            verb = "Enable" if wanted else "Disable"
            waits = (
                "What waits of it is not sent, now or later."
                if not wanted
                else "It goes on from now; nothing is sent late."
            )

            def do(ticket: str | None) -> Channel | Rule:
                if meant.channel is not None:
                    return alert_channels.set_enabled(session.db, session.who, meant.channel.id, wanted, ticket=ticket)
                assert meant.rule is not None
                return alert_rules.set_enabled(session.db, session.who, meant.rule.id, wanted, ticket=ticket)

            if meant.channel is not None or meant.rule is not None:
                ask_first(
                    self,
                    lambda: Consequences(f"{verb} {meant.name}?", (waits,), hurts=True),
                    verb,
                    do,
                    lambda changed: f"{changed.name} is {'enabled' if wanted else 'disabled'}",
                )

        self._with_meant(ask)

    def command_delete_alert(self) -> None:
        """Delete it."""

        def told(_: None) -> str:
            self.alert_is_gone()
            return "It is deleted"

        def ask(meant: Meant) -> None:
            session = self.session
            if (channel := meant.channel) is not None:
                ask_first(
                    self,
                    lambda: removal_of_channel(channel),
                    "Delete",
                    lambda ticket: alert_channels.remove(session.db, session.who, channel.id, ticket=ticket),
                    told,
                    name_to_type=channel.name,
                )
            elif (rule := meant.rule) is not None:
                ask_first(
                    self,
                    lambda: removal_of_rule(rule),
                    "Delete",
                    lambda ticket: alert_rules.remove(session.db, session.who, rule.id, ticket=ticket),
                    told,
                    name_to_type=rule.name,
                )

        self._with_meant(ask)

    def command_linked(self) -> None:
        """The log of alerts."""
        self.atlas.navigation.go(Link(View.ALERT_LOG))
