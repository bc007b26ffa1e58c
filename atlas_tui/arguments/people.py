"""Commands of whoever owns the database (workspaces, platform roles, accounts), and sessions."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group, number, system, ticket, yes

_PLATFORM = ["platform.directory.view", "platform.runs.view"]


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    _workspaces(commands, common)
    _platform(commands, common)
    inner = group(commands, "user", "accounts, for whoever owns the database")
    found = command(inner, common, "deactivate", "headless.people:deactivate", "close an account in all workspaces")
    found.add_argument("login", help="the account")
    yes(found)
    ticket(found)
    _sessions(commands, common)


def _workspaces(commands: Commands, common: Parser) -> None:
    inner = group(commands, "workspace", "make and rename workspaces")
    found = command(
        inner, common, "add", "headless.people:add_workspace", "make a workspace (whoever owns the database)"
    )
    found.add_argument("slug", help="its short name, for good, such as north-msp")
    found.add_argument("owner", help="the account of its first Owner")
    found.add_argument("--name", help="its name (default: the short name)")
    found.add_argument("--owner-name", help="the first Owner's name")
    ticket(found)
    found = command(inner, common, "rename", "headless.people:rename_workspace", "give the workspace another name")
    found.add_argument("name", help="the name; the short name stays")
    ticket(found)
    command(inner, common, "list", "headless.people:all_workspaces", "list all workspaces (whoever owns the database)")


def _platform(commands: Commands, common: Parser) -> None:
    inner = group(commands, "platform", "who may read the system directory, for whoever owns the database")
    command(inner, common, "list", "headless.people:list_grants", "list platform roles")
    for name, text in (("grant", "give somebody a platform role"), ("revoke", "take a platform role away")):
        found = command(inner, common, name, f"headless.people:{name}_platform", text)
        found.add_argument("login", help="the account")
        found.add_argument("capability", choices=_PLATFORM, help="what they may read")
        if name == "grant":
            found.add_argument("--name", help="the person's name, for an account that is new")
        ticket(found)


def _sessions(commands: Commands, common: Parser) -> None:
    text = "sessions: list, end; or begin one for a member's SSH key (what sshd starts)"
    session = commands.add_parser("session", help=text, description=text, parents=[common])
    session.set_defaults(handler="headless.forced_command:begin")
    session.add_argument("--key", type=number, help="the number of the key that logged in")
    inner = session.add_subparsers(title="commands", metavar="COMMAND")
    found = command(inner, common, "list", "headless.people:list_sessions", "list open sessions of members")
    found.add_argument("--all", action="store_true", help="those that have ended too")
    found = command(inner, common, "end", "headless.people:end_session", "end a session; its dashboard leaves")
    found.add_argument("session", help="its id, from `session list`")
    system(found)
    ticket(found)
    found = command(
        commands,
        common,
        "authorized-keys",
        "headless.forced_command:authorized_keys",
        "print the line for a key that may log in (what sshd's AuthorizedKeysCommand runs)",
    )
    found.add_argument("user", help="the account that logs in (sshd's %%u)")
    found.add_argument("key", help="the key's fingerprint (sshd's %%f), or the key in base64 (%%k)")
