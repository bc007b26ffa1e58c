"""Commands about alerts: going to them, making and editing channels and rules, and those of their actions menu."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.ALERT_MANAGE
_HERE: Final = Where.ALERT_ACTION

ALERTS: Final = (
    command("alerts", "", "alerts", "Go to the alerts: who is told what, where, and when.", Where.EVERYWHERE, word="alerts"),
    command("alert_log", "", "alert log", "Go to the log of alerts: what was told, and what did not arrive.",
            Where.EVERYWHERE, word="alertlog"),
    command("new_alert_rule", "N", "new rule", "Make an alert rule, in a form.", Where.ALERTS, hint=4, capability=_MANAGE),
    command("edit_alert", "e", "edit", "Edit this alert rule or channel, in a form.", Where.ALERTS, Where.ALERT, hint=5,
            capability=_MANAGE),
)  # fmt: skip

ALERT_ACTIONS: Final = (
    command("test_alert", "", "Send a test", "Send a test to this channel, or to the channel of this rule.", _HERE, letter="t",
            capability=_MANAGE),
    command("new_alert_channel", "", "New channel", "Add a channel: e-mail, Teams, Slack, PagerDuty, a webhook.", _HERE,
            letter="c", capability=_MANAGE),
    command("enable_alert", "", "Enable", "Let this rule tell, or this channel send.", _HERE, letter="n", capability=_MANAGE),
    command("disable_alert", "", "Disable", "Let this rule tell nothing, or send nothing to this channel.", _HERE, letter="b",
            capability=_MANAGE),
    command("delete_alert", "", "Delete", "Delete this rule, or a channel that no rule sends to.", _HERE, letter="D",
            capability=_MANAGE),
)  # fmt: skip
