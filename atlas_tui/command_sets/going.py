"""Commands that go somewhere or look at something: no one of them changes data."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command

_ALL = Where.EVERYWHERE
_PAGES = (Where.CONNECTION, Where.RUN, Where.TENANT)
_ATTENTION = (Where.ATTENTION, Where.PROBLEM, Where.EXPIRY)
_APPS = (Where.PLATFORM_APPS, Where.PLATFORM_APP)
_SCHEDULES = (Where.SCHEDULES, Where.SCHEDULE)
_SYSTEM = (Where.SYSTEM_DIRECTORY, Where.SYSTEM_TENANT, Where.SYSTEM_RUNS, Where.SYSTEM_RUN)
_BATCHES = (Where.BATCHES, Where.BATCH)
_COLLECTED_PAGES = (Where.TENANT_COMPLIANCE, Where.TENANT_ROLES, Where.TENANT_DIRECTORY, Where.INVENTORY_ITEM)
_COLLECTED = (*_COLLECTED_PAGES, Where.INVENTORY, Where.INVENTORY_CHANGES, Where.COMPLIANCE, Where.ROLES)

GOING: Final = (
    command(
        "open",
        "enter",
        "open",
        "Open the row under the cursor, or what this page leads to.",
        Where.LIST,
        Where.RUN,
        *_COLLECTED_PAGES,
        Where.TENANT,
        Where.PLATFORM_APPS,
        Where.PLATFORM_APP,
        Where.CONNECTION,
        Where.ALERTS,
        Where.AUDIT_ENTRY,
        Where.CONSENT,
        Where.ONBOARDINGS,
        Where.SCHEDULE,
        Where.SYSTEM_TENANT,
        Where.BATCH,
        hint=1,
    ),
    command("back", "escape", "back", "Close what is open, or go back; never quits.", _ALL, hint=8),
    command("leave", "q", "back", "Go back; at the top: quit.", _ALL),
    command("quit", "ctrl+q", "quit", "Quit.", _ALL, word="q"),
    command("how_to_quit", "ctrl+c", "how to quit", "Say which key quits (the terminal's interrupt is no quit).", _ALL),
    command("connections", "2", "Connections", "Go to the connections.", _ALL, word="connections"),
    command("runs", "3", "Runs", "Go to the runs.", _ALL, word="runs"),
    command("tenants", "4", "Tenants", "Go to the tenants.", _ALL, word="tenants"),
    command("health", "6", "Health", "Go to workers, database and queue.", _ALL, word="health"),
    command("previous_view", "-", "previous view", "Go back and forth between the last two views.", _ALL),
    command("next_tab", "]", "next tab", "Go to the next tab, or the next view.", _ALL),
    command("previous_tab", "[", "previous tab", "Go to the tab, or the view, before this one.", _ALL),
    command("next_item", "J", "next item", "Go to the next row of the list behind this page.", Where.DETAIL),
    command("previous_item", "K", "previous item", "Go to the row before this one in that list.", Where.DETAIL),
    command("scroll_down", "down j", "scroll", "Scroll down.", Where.DETAIL, Where.HEALTH),
    command("scroll_up", "up k", "scroll up", "Scroll up.", Where.DETAIL, Where.HEALTH),
    command("scroll_page_down", "pagedown", "page down", "One screen down.", Where.DETAIL, Where.HEALTH),
    command("scroll_page_up", "pageup", "page up", "One screen up.", Where.DETAIL, Where.HEALTH),
    command("scroll_top", "g home", "top", "To the first line.", Where.DETAIL, Where.HEALTH),
    command("scroll_bottom", "G end", "bottom", "To the last line.", Where.DETAIL, Where.HEALTH),
    command(
        "linked",
        "l",
        "message or runs",
        "Open what the last message is about; else the runs of this connection, or the connection of this run.",
        _ALL,
    ),
)
LOOKING: Final = (
    command("actions", "x", "actions", "What can be done with the marked rows, or with this one.", *_PAGES, *_APPS,
             *_SCHEDULES, *_COLLECTED,
             Where.ATTENTION, Where.PROBLEM, Where.EXPIRY, Where.CONNECTIONS, Where.RUNS, Where.TENANTS, Where.MEMBERS,
             Where.MEMBER, Where.FLEET_IMPORT, Where.FORM,
             Where.CONSENT, Where.ONBOARDING, Where.INBOX, *_BATCHES, Where.ALERTS, Where.ALERT, hint=2),
    command("filter", "/", "filter", "Filter the list: word, !word, key:value (help lists the keys).", Where.LIST,
             hint=3),
    command("problems", "!", "problems", "Only connections with a problem, or all again.", Where.CONNECTIONS, hint=4),
    command("pin", "@", "pin tenant", "Show only this tenant in all views, or all tenants again.",
             Where.PROBLEM, Where.EXPIRY, Where.CONNECTIONS, Where.RUNS, Where.TENANTS, Where.SCHEDULES, Where.AUDIT, *_PAGES, *_COLLECTED),
    command("wide", "w", "wide columns", "Show every column, as far as they fit, or the usual ones.",
             Where.CONNECTIONS, Where.RUNS, Where.TENANTS, Where.SCHEDULES, Where.AUDIT, Where.INVENTORY, Where.SYSTEM_DIRECTORY,
             Where.BATCHES),
    command("panel", "d", "detail panel", "Show or hide the panel beside the list (from 120 columns on).",
             *_ATTENTION, Where.CONNECTIONS, Where.RUNS, Where.TENANTS, Where.MEMBERS, Where.SCHEDULES,
             Where.AUDIT, Where.INBOX, Where.INVENTORY,
             Where.INVENTORY_CHANGES, Where.COMPLIANCE, Where.ROLES, Where.SYSTEM_DIRECTORY, Where.SYSTEM_RUNS,
             Where.BATCHES, Where.ALERT_LOG, hint=6),
    command("copy_id", "y", "copy id", "Copy the Entra tenant id, or the run's number, to the clipboard (OSC 52).",
             Where.CONNECTIONS, Where.RUNS, Where.TENANTS, Where.AUDIT, Where.AUDIT_ENTRY, *_APPS, *_SCHEDULES, *_PAGES, *_COLLECTED,
             Where.HANDOVER, *_ATTENTION, *_SYSTEM, *_BATCHES),
    command("copy_json", "Y", "copy JSON", "Copy this as JSON; what is too long for a terminal goes into a file.",
             Where.CONNECTIONS, Where.RUNS, Where.TENANTS, Where.AUDIT, Where.AUDIT_ENTRY, *_APPS, *_SCHEDULES, *_PAGES, *_COLLECTED,
             Where.HANDOVER, *_ATTENTION, *_SYSTEM, *_BATCHES, Where.ALERTS, Where.ALERT),
    command("reload", "ctrl+r", "reload", "Read the screen from the local database again.", _ALL, word="reload"),
    command("pause", "p", "pause", "Stop repainting, or go on.", _ALL, word="pause"),
    command("zone", "Z", "UTC/local", "Show times in UTC or in this machine's time zone.", _ALL, word="zone"),
    command("redraw", "ctrl+l", "redraw", "Paint the whole screen again.", _ALL),
    command("suspend", "ctrl+z", "suspend", "Give the terminal back to the shell; fg returns.", _ALL),
)  # fmt: skip
FINDING: Final = (
    command("help", "? f1", "help", "The runbook of the reason code here (again: the keys); else the keys of this screen.",
             _ALL, word="help", hint=9),
    command("keys", "", "keys", "Search the keys and commands of this screen.", _ALL, word="keys"),
    command("runbook", "", "runbook", "What the reason code here means and what to do about it.", _ALL, word="runbook"),
    command("reason", "", "reason code", "What a reason code means and what to do about it: :reason CODE.", _ALL,
             word="reason"),
    command("command_bar", ":", "command", "Type a command, such as :conn NAME or :runs failed; tab completes.", _ALL),
    command("palette", "ctrl+p", "palette", "Find a command by a few of its letters.", _ALL, hint=10),
    command("connection", "", "go to connection",
             "Go to a connection, by tenant name, domain or Entra tenant id: :conn NAME.", _ALL, word="conn"),
    command("run", "", "go to run", "Go to a run by its number: :run 1842.", _ALL, word="run"),
    command("workspace", "", "workspace", "Go to another workspace: :workspace NAME.", _ALL, word="workspace"),
)  # fmt: skip
