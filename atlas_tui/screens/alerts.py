"""The alerts of a workspace: its rules and its channels, with one cursor; both are few, so a page without paging.

Must not know: how one rule's or channel's own page looks.
"""

from __future__ import annotations

from atlas_tui.alert_words import channel_record, rule_record
from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_alert_channel, to_alert_rule
from atlas_tui.screens.alert_actions import AlertActs
from atlas_tui.screens.alert_text import AlertsRead, Chosen, alerts_lines, read_alerts
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.paging import PageScreen
from storage.states import Topic


class AlertsScreen(AlertActs, PageScreen):
    """The page."""

    VIEW = View.ALERTS
    PLACES = (Where.DETAIL, Where.ALERTS, Where.ALERT_ACTION)
    TOPICS = frozenset({Topic.ALERTS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._chosen: Chosen | None = None

    def tab(self) -> View:
        """Health: what the installation says of itself."""
        return View.HEALTH

    def crumb(self) -> str:
        """What it is."""
        return "alerts"

    def link(self) -> Link:
        """This page; the workspace is that of the session."""
        return Link(self.VIEW)

    def follow(self, link: Link) -> None:
        """The alerts of the workspace that is open."""
        super().follow(Link(self.VIEW, self.session.workspace.workspace_id))

    def read_subject(self, id: int) -> AlertsRead:
        """Rules and channels."""
        return read_alerts(self.session, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return alerts_lines(self.read, self.alert_meant(), self.times, width)

    def alert_meant(self) -> Chosen | None:
        """What the cursor is on: the first rule or channel until it was moved."""
        read: AlertsRead | None = self.read
        places = read.places if read is not None else ()
        return self._chosen if self._chosen in places else places[0] if places else None

    def _choose(self, step: int) -> bool:
        places, here = self.read.places if self.read is not None else (), self.alert_meant()
        at = places.index(here) + step if here is not None else -1
        if not 0 <= at < len(places):
            return False
        self._chosen = places[at]
        self.show_page()
        self.page.scroll_lines(step)
        return True

    def command_scroll_down(self) -> None:
        """The next rule or channel."""
        self._choose(1)

    def command_scroll_up(self) -> None:
        """The one before."""
        self._choose(-1)

    def step(self, rows: int) -> Link | None:
        """The next of the same kind, for its page on top of this one."""
        before = self.alert_meant()
        if not self._choose(rows) or before is None:
            return None
        return self._link_to(self.alert_meant())

    def _link_to(self, meant: Chosen | None) -> Link | None:
        if meant is None:
            return None
        kind, id = meant
        return to_alert_channel(id) if kind == "channel" else to_alert_rule(id)

    def offers(self, id: str) -> bool:
        """Enter and e need something to open."""
        return id not in ("open", "edit_alert") or self.alert_meant() is not None

    def command_open(self) -> None:
        """Open the rule or channel under the cursor."""
        if (link := self._link_to(self.alert_meant())) is not None:
            self.atlas.navigation.go(link)

    def command_copy_json(self) -> None:
        """Copy the page as the command line writes it."""
        if self.read is not None:
            rules = [rule_record(rule) for rule in self.read.rules]
            copy_json(self.atlas, {"rules": rules, "channels": [channel_record(row) for row in self.read.channels]})
