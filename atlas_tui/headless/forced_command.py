"""What sshd starts: the line for a key that may log in, and the session of the member whose key it is.

Promise: the line holds a forced command and no other permission than a terminal; a session is the dashboard, or one of the commands in
`ALLOWED`, as that member. No shell is ever started, no file of the caller's choice is read or written, no other configuration is used.

sshd runs a forced command through the account's shell and gives what the client asked for in SSH_ORIGINAL_COMMAND (sshd(8),
"AUTHORIZED_KEYS FILE FORMAT", `command=` and `restrict`). That text is taken apart here, never given to a shell.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Final

from atlas_tui import keyboard
from storage import access, configuration, sessions, ssh_keys
from storage.database import open_database
from storage.errors import Forbidden, InvalidInput
from storage.openssh import base64_of, fingerprint_of

ALLOWED: Final = frozenset(
    f"headless.{module}:{function}"
    for module, functions in {
        "alerts": "add_rule delete_channel delete_rule edit_rule enable_channel enable_rule list_channels list_deliveries list_rules"
        " send_test",
        "apps": "show_app",
        "attention": "acknowledge expiry list_problems show_problem withdraw",
        "audit": "export list_entries show_entry verify",
        "bulk": "cancel_batch list_batches retry_batch show_batch start_batch",
        "connections": "add_connection change_connection edit_connection resolve take_away",
        "consent": "list_requests make_link revoke_link show_evidence",
        "credentials": "confirm_removed expiring promote remove roll_back show verify",
        "handover": "handover",
        "members": "add_member change_member leave list_members remove_member show_member",
        "notifications": "list_notifications read",
        "outages": "list_outages",
        "people": "end_session list_sessions rename_workspace",
        "permissions": "show",
        "reading": "list_apps list_connections list_runs list_tenants list_workers list_workspaces show_connection show_run",
        "reasons": "explain_reason",
        "reports": "show_report",
        "running": "cancel check retry start watch",
        "schedules": "add_schedule delete_schedule edit_schedule enable_schedule list_schedules run_schedule show_schedule",
        "ssh_keys": "add_key list_keys revoke_key",
        "system_plane": "directory health list_runs show_run tenant",
        "tenants": "add_tenant archive_tenant edit_tenant list_tags rename_tag search show_tenant tag_tenant",
    }.items()
    for function in functions.split()
)
"""Handlers that may be asked for over a forced command: none takes a secret or starts a process. Of those that can read or write a file
(`audit export --output`, `member key add FILE`), only the forms without one are let through."""

MAX_COMMAND: Final = 4096
_FINGERPRINT: Final = re.compile(r"^SHA256:[A-Za-z0-9+/]{43}$")


def authorized_keys(options: argparse.Namespace) -> int:
    """`atlas-tui authorized-keys USER KEY`: the line for sshd, or nothing.

    Nothing is what sshd understands as "not this key": for another account than the one this runs as, and for a key that is unknown,
    revoked, over, or whose user is not active. What is wrong with the installation itself is said on stderr.
    """
    login, _ = access.os_login()
    if options.user != login or (fingerprint := _fingerprint(options.key)) is None:
        return 0
    path = (options.config or configuration.default_path()).absolute()
    settings = configuration.load(path)
    db = open_database(settings.database, shared=settings.shared)
    try:
        found = ssh_keys.login_of(db, fingerprint)
    finally:
        db.close()
    if found is not None:
        sys.stdout.write(authorized_line(found.id, found.line, path) + "\n")
    return 0


def authorized_line(key_id: int, key_line: str, config: Path) -> str:
    """Makes the line of an `authorized_keys` file. `-I` keeps PYTHON… variables, the user's site and the directory out of Python."""
    words = [sys.executable, "-I", "-m", "atlas_tui", "session", "--key", str(key_id), "--config", str(config)]
    command = "exec " + " ".join(shlex.quote(word) for word in words)
    if any(character in command for character in "\n\r\0"):
        raise InvalidInput("--config", "holds a character that sshd cannot take", "Move the configuration.")
    escaped = command.replace('"', '\\"')
    return f'restrict,pty,command="{escaped}" {key_line}'


def _fingerprint(key: str) -> str | None:
    if key.startswith("SHA256:"):
        return key if _FINGERPRINT.match(key) else None
    try:
        return fingerprint_of(base64_of(key))
    except InvalidInput:
        return None


def begin(options: argparse.Namespace) -> int:
    """`atlas-tui session --key ID`: the dashboard of the key's member, or the one command that the client asked for.

    Raises:
        InvalidInput: no key is named, or there is no terminal to show the dashboard on.
        Forbidden: the key may not log in, or the command is none that may be asked for here.
    """
    from atlas_tui import launch

    if options.key is None:
        raise InvalidInput("session", "needs --key, or one of: list, end", "See `atlas-tui session --help`.")
    asked = os.environ.pop("SSH_ORIGINAL_COMMAND", "").strip()
    launch.confine()
    path = (options.config or configuration.default_path()).absolute()
    with keyboard.with_key(options.key):
        if asked:
            return _run(asked, path)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise InvalidInput("session", "needs a terminal", "Use `ssh -t`, or name a command.")
        return launch.run_dashboard(configuration.load(path), config_path=path, with_worker=False)


def _run(asked: str, config: Path) -> int:
    """Runs the one command, inside a session of its own. Asking for one that may not be asked for is told in the trail."""
    settings = configuration.load(config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        who = keyboard.principal(db)
        try:
            options = read_command(asked)
        except Forbidden as error:
            keyboard.turned_away(db, who, error)
            raise
        options.config = config
        session = sessions.begin(db, who, keyboard.host())
        try:
            module, function = options.handler.split(":")
            return int(getattr(importlib.import_module(f"atlas_tui.{module}"), function)(options))
        finally:
            sessions.finish(db, who, session, "command ended")
    finally:
        db.close()


def read_command(asked: str) -> argparse.Namespace:
    """Reads what an SSH client asked for, as the command line would.

    Args:
        asked: its text; `atlas-tui` in front may be left out.

    Raises:
        Forbidden: it is none of the commands that may be asked for, or names a file or a configuration.
        InvalidInput: it cannot be read.
    """
    from atlas_tui.cli import parser

    if len(asked) > MAX_COMMAND or not asked.isprintable():
        raise InvalidInput("command", "cannot be read", "Ask for one command of one line.")
    try:
        words = shlex.split(asked)
    except ValueError:
        raise InvalidInput("command", "has a quote that does not end") from None
    if words and words[0] == "atlas-tui":
        words = words[1:]
    options = parser().parse_args(words)
    names_file = any(isinstance(value, Path) for value in vars(options).values())
    if options.handler not in ALLOWED or options.config is not None or names_file:
        raise Forbidden(
            "This command may not be asked for over SSH.",
            "It takes a secret or names a file, or it is for whoever owns the installation. Use the dashboard: ssh -t HOST",
        )
    return options
