"""`atlas-tui onboard`: where bringing a tenant on stands, and the exact next commands.

Promise: every call reads the truth, so it can be run again after anything, by anybody entitled.
"""

from __future__ import annotations

import argparse
from typing import Final

from atlas_tui.headless import exit_codes
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import onboarding, onboarding_state
from storage.errors import InvalidInput, NotFound
from storage.onboarding import NewTenant
from storage.onboarding_state import OnboardingState
from storage.onboarding_steps import SETTLED, StepKey
from storage.states import Cloud, ConnectionType, OnboardingStatus

_VERBS: Final = ("list", "show", "seen", "finish", "cancel")
_MARKS: Final = {"done": "✓", "current": "→", "open": "·", "skipped": "-", "failed": "✗"}


def onboard(options: argparse.Namespace) -> int:
    """`atlas-tui onboard TENANT | --new NAME TENANT-ID | list | show|seen|finish|cancel TENANT`."""
    verb, rest = _read(options)
    with opened(options.config, options.workspace) as here:
        if verb == "list":
            return _list(here, as_json=options.json)
        if verb == "new":
            fields = NewTenant(
                name=options.new[0],
                entra_tenant_id=options.new[1],
                primary_domain=options.domain,
                cloud=Cloud(options.cloud or Cloud.GLOBAL),
                tag_names=tuple(options.tag or ()),
            )
            found = onboarding.begin_new(here.db, here.who, here.workspace.workspace_id, fields, ticket=options.ticket)
        elif verb == "begin":
            found = _begin(here, find_tenant(here, rest), options.ticket)
        else:
            found = _go_on(here, verb, rest, options)
    if options.json:
        write_json({"onboarding": found, "current": found.current, "next_commands": next_commands(found)})
    else:
        _tell(found)
    return exit_codes.OK


def _begin(here: Opened, tenant_id: int, ticket: str | None) -> OnboardingState:
    """Begins or goes on. A tenant that is on board, where nothing is left to do, is only shown: looking is not beginning anew."""
    last = onboarding_state.of_tenant(here.db, here.who, tenant_id)
    if last is not None and last.status is OnboardingStatus.DONE and last.current.state in SETTLED:
        return last
    return onboarding.begin(here.db, here.who, tenant_id, ticket=ticket)


def _read(options: argparse.Namespace) -> tuple[str, str]:
    words: list[str] = options.words
    for option, value in (("--domain", options.domain), ("--cloud", options.cloud), ("--tag", options.tag)):
        if value and not options.new:
            raise InvalidInput(option, "belongs to --new", "The tenant is there already: leave the option out.")
    if options.reason is not None and words[:1] != ["cancel"]:
        raise InvalidInput("--reason", "belongs to cancel", "Leave the option out.")
    if options.new:
        if words:
            raise InvalidInput("onboard", "takes a tenant or --new, not both", "Leave one of them out.")
        return "new", ""
    if words == ["list"]:
        return "list", ""
    if len(words) == 2 and words[0] in _VERBS[1:]:
        if words[0] == "cancel" and not options.reason:
            raise InvalidInput("--reason", "is needed to cancel", "Say why, for whoever looks for it later.")
        return words[0], words[1]
    if len(words) == 1 and words[0] not in _VERBS:
        return "begin", words[0]
    raise InvalidInput("onboard", "needs a tenant", "Name it, or use --new NAME TENANT-ID, or list.")


def _go_on(here: Opened, verb: str, tenant: str, options: argparse.Namespace) -> OnboardingState:
    found = onboarding_state.of_tenant(here.db, here.who, find_tenant(here, tenant))
    if found is None:
        raise NotFound("That tenant was never onboarded.", f"Begin: atlas-tui onboard {tenant}")
    if verb == "seen":
        return onboarding.permissions_seen(here.db, here.who, found.id, ticket=options.ticket)
    if verb == "finish":
        return onboarding.finish(here.db, here.who, found.id, ticket=options.ticket)
    if verb == "cancel":
        return onboarding.cancel(here.db, here.who, found.id, options.reason, ticket=options.ticket)
    return found


def _list(here: Opened, *, as_json: bool) -> int:
    found = onboarding_state.open_ones(here.db, here.who, here.workspace.workspace_id)
    if as_json:
        write_json(found)
        return exit_codes.OK
    write_table(
        ("TENANT", "NAME", "HELD BY", "SINCE", "STEP", "IS"),
        [
            (
                str(one.tenant_id),
                one.tenant_name,
                one.held_by or "-",
                moment(one.started_at),
                one.current.label,
                one.current.state.value,
            )
            for one in found
        ],
    )
    return exit_codes.OK


def _tell(found: OnboardingState) -> None:
    write_line(f"Onboarding of {found.tenant_name} (tenant {found.tenant_id}), held by {found.held_by or '-'}")
    for step in found.steps:
        write_line(f"  {_MARKS[step.state.value]} {step.label:12} {step.sentence}")
    if found.status is OnboardingStatus.CANCELLED:
        write_line(f"cancelled      {moment(found.ended_at)} by {found.ended_by}: {found.ended_reason}")
    step = found.current
    if step.reason_code and step.state not in SETTLED:
        write_line(f"why            {step.reason_code}")
    if step.next_step:
        write_line(f"next step      {step.next_step}")
    # The manifest comes before `seen`; elsewhere a second command is another way.
    second = "then" if found.current.key is StepKey.PERMISSIONS else "or"
    for number, command in enumerate(next_commands(found)):
        remark = "   # once it was granted in the portal" if "consent-granted" in command else ""
        write_line(f"{second if number else 'next':14} {command}{remark}")
    if not found.may_manage:
        write_line(f"who may        {found.who_may_manage}")


def next_commands(found: OnboardingState) -> tuple[str, ...]:
    """Returns the commands that go on from here, the usual one first; empty when there is nothing to go on with."""
    if found.status is not OnboardingStatus.OPEN:
        return () if found.status is OnboardingStatus.DONE else (f"atlas-tui onboard {found.tenant_id}",)
    key, connection = found.current.key, found.connection_id
    if key is StepKey.TENANT:
        return (f"atlas-tui tenant restore {found.tenant_id}",)
    if key is StepKey.PERMISSIONS:
        return ("atlas-tui permissions manifest", f"atlas-tui onboard seen {found.tenant_id}")
    if key is StepKey.CONNECTION:
        return (_connection_command(found),)
    platform = found.connection_type is ConnectionType.PLATFORM
    if key is StepKey.CREDENTIAL:
        return (
            f"atlas-tui credential set {f'--app {found.cloud.value}' if platform else f'--connection {connection}'}",
        )
    if key is StepKey.CONSENT:
        ways = (f"atlas-tui consent link {connection}", f"atlas-tui connection consent-granted {connection}")
        return ways if platform else ways[::-1]
    if key is StepKey.VERIFY:
        return (f"atlas-tui check {connection}",)
    return (f"atlas-tui onboard finish {found.tenant_id}",)


def _connection_command(found: OnboardingState) -> str:
    if found.connection_id is None:
        own = "" if found.has_platform_app else " --client-id CLIENT-ID"
        return f"atlas-tui connection add {found.tenant_id}{own}"
    if found.current.reason_code == "provider_connection_disabled":
        return f"atlas-tui connection enable {found.connection_id}"
    return f"atlas-tui app add NAME --cloud {found.cloud.value} --client-id CLIENT-ID --home-tenant TENANT-ID"
