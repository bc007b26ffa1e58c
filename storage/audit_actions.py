"""The catalogue of audited actions: every action that the trail can hold, and how people read it.

Promise: closed. A test reads the source of storage and fails when code records an action that is not in here, or when one in here is
recorded nowhere. What an entry says in words is made from its own detail; a detail that is not there leaves its words out. Knows no table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from storage import operations
from storage.errors import InvalidInput

_FIELD: Final = re.compile(r"\{(\w+)\}")
_LONGEST_VALUE: Final = 120


@dataclass(frozen=True, slots=True)
class Action:
    """One audited action.

    Attributes:
        code: its stable name, `thing.verb`.
        words: what happened, in the past tense. `[…{name}…]` is left out when the detail has no `name`.
    """

    code: str
    words: str


_ALL: Final = (
    Action("access.read", "asked to see[: {what}][, for {wanting}][, needs {needs}]"),
    Action("alert.test", "test alert asked for[: {name}]"),
    Action("alert_channel.create", "alert channel made[: {name}][, {kind}]"),
    Action("alert_channel.delete", "alert channel deleted[: {name}]"),
    Action("alert_channel.disable", "alert channel disabled[: {name}]"),
    Action("alert_channel.edit", "alert channel edited[: {name}][, was {name_before}][, {kind}][, {address}]"),
    Action("alert_channel.enable", "alert channel enabled[: {name}]"),
    Action("alert_rule.create", "alert rule made[: {name}][, to {channel}]"),
    Action("alert_rule.delete", "alert rule deleted[: {name}]"),
    Action("alert_rule.disable", "alert rule disabled[: {name}]"),
    Action("alert_rule.edit", "alert rule edited[: {rule}][, {changed}]"),
    Action("alert_rule.enable", "alert rule enabled[: {name}]"),
    Action("audit.export", "audit trail exported[ as {format}][, filter {filter}]"),
    Action("breaker.close", "breaker closed: scheduled work goes on[, run #{run}]"),
    Action("breaker.open", "breaker open[ until {until}][ after {failures} sign-in failures][ ({reason})]"),
    Action("connection.badges", "badges changed by a check[: consent {consent_status}][, verification {verification_status}]"),
    Action("connection.create", "connection created"),
    Action("connection.delete", "connection deleted[: {name}]"),
    Action("connection.disable", "connection disabled"),
    Action("connection.edit", "connection edited[: name {display_name}][, type {connection_type}][, client id {client_id}]"),
    Action("connection.enable", "connection enabled"),
    Action("connection.set_default", "made the default connection"),
    Action("consent.answer", "consent link answered[: {answer}][, {reason}][ ({provider_code})][, link {request}]"),
    Action("consent.record", "consent recorded"),
    Action("consent.request", "consent link made[: link {request}][, valid until {expires}]"),
    Action("consent.revoke", "consent revoked on our side[, was {consent_status_before}]"),
    Action("consent.revoke_link", "consent link revoked[: link {request}]"),
    Action("consent.withdraw_link", "consent link withdrawn[: link {request}][, {because}]"),
    Action("credential.confirm_removed", "old key confirmed as removed at Microsoft[: key {key_id}]"),
    Action("credential.promote", "staged credential became the active one"),
    Action("credential.remove", "credential removed[: {slot}]"),
    Action("credential.retire", "credential replaced for good[: {slot}][, key {key_id}]"),
    Action("credential.roll_back", "previous credential became the active one again"),
    Action("credential.store", "credential stored[ as {slot}]"),
    Action("database.seed", "database filled with a demo fleet"),
    Action("key.rotate", "credentials sealed anew with another key"),
    Action("member.add", "member added[: {login}][ as {role}]"),
    Action("member.leave", "left the workspace[: {login}][, acknowledgements to {acknowledgements_to}]"),
    Action("member.revoke", "membership revoked[ of {login}]"),
    Action("member.role", "role changed[ of {login}][ from {before}][ to {after}]"),
    Action("member.until", "end of a role changed[: {login}][ from {before}][ to {after}]"),
    Action("onboarding.begin", "onboarding begun[: {tenant}]"),
    Action("onboarding.cancel", "onboarding cancelled[: {reason}]"),
    Action("onboarding.finish", "onboarding finished[: {verification}]"),
    Action("onboarding.permissions_seen", "what the app registration must be given was shown"),
    Action("onboarding.take_over", "onboarding taken over[ from {from}][ by {to}]"),
    Action("platform.grant", "platform role given[: {login}][ {capability}]"),
    Action("platform.revoke", "platform role taken away[: {login}][ {capability}]"),
    Action("platform_app.delete", "platform app deleted[: {name}]"),
    Action("platform_app.edit", "platform app edited[: {display_name}][, client {client_id}][, home {home_tenant_id}][, {redirect_uri}]"),
    Action("platform_app.register", "platform app registered"),
    Action("platform_app.verify", "platform app verified on connections[ {connections}]"),
    Action("problem.acknowledge", "problem acknowledged[: {reason}][, owner {owner}][, until {until}][: {note}]"),
    Action("problem.expire", "acknowledgement is over[: {reason}][, of {owner}]"),
    Action("problem.solve", "acknowledged problem ended[: {reason}][, {how}][, of {owner}]"),
    Action("problem.unacknowledge", "acknowledgement taken back[: {reason}]"),
    Action("run.batch_cancel", "rest of a bulk start cancelled[: {type}][, {untried} untried][, {queued} queued][, {running} running]"),
    Action("run.batch_complete", "bulk start over[: {type}][: {result}]"),
    Action("run.batch_retry", "failures of bulk start[ {of_batch}] started again[: {type}][ on {connections} connections]"),
    Action("run.batch_start", "bulk start[: {type}][ on {connections} connections][, filter {filter}]"),
    Action("run.cancel", "run[ #{run}] cancelled"),
    Action("run.complete", "run[ #{run}][ {outcome}][: {type}][, {reason}]"),
    Action("run.retry", "run[ #{retry_of}] started again[ as #{run}][: {type}]"),
    Action("run.start", "run[ #{run}] started[: {type}][, {cause}]"),
    Action("schedule.create", "schedule made[: {name}][, {type}][ on {reach}][, {rhythm}]"),
    Action("schedule.delete", "schedule deleted[: {name}][, {type}]"),
    Action("schedule.disable", "schedule disabled[: {name}][, {because}]"),
    Action(
        "schedule.edit",
        "schedule edited[, name {name}][, rhythm {rhythm}][, time zone {time_zone}][, jitter {jitter_minutes} min]"
        "[, quiet hours {quiet}]",
    ),
    Action("schedule.enable", "schedule enabled[: {name}]"),
    Action("schedule.fire", "schedule was due[: {name}][ at {due}][, {type}]"),
    Action("schedule.run", "schedule told to run now[: {name}][, {type}]"),
    Action("session.end", "session ended[ of {login}]"),
    Action("session.refused", "turned away[: {why}]"),
    Action("session.start", "session begun[ by {login}][ from {host}]"),
    Action("ssh_key.add", "SSH key added[ for {login}][: {fingerprint}][ until {until}]"),
    Action("ssh_key.revoke", "SSH key revoked[ of {login}][: {fingerprint}]"),
    Action("tag.rename", "tag renamed[ from {name_before}][ to {name}]"),
    Action("tenant.archive", "tenant archived"),
    Action("tenant.create", "tenant added"),
    Action(
        "tenant.edit",
        "tenant edited[, name {name}][, id {entra_tenant_id}][, domain {primary_domain}][, cloud {cloud}]"
        "[, lifecycle {lifecycle}][, contact {contact}][, time zone {time_zone}][, note {note}][, tags {tags}]",
    ),
    Action("tenant.import", "tenants imported from a file[: {created} created][, {updated} changed]"),
    Action("tenant.offboard", "tenant offboarded"),
    Action("tenant.purge", "collected data of the tenant purged"),
    Action("tenant.restore", "tenant restored"),
    Action("tenant.tag", "tags changed[ to {tags}]"),
    Action("tenant.unarchive", "tenant taken out of the archive"),
    Action("user.deactivate", "account closed"),
    Action("verification.result", "verification[ {verdict}][: {reason}]"),
    Action("workspace.create", "workspace made"),
    Action("workspace.rename", "workspace renamed[ from {before}][ to {after}]"),
)  # fmt: skip

CATALOG: Final[Mapping[str, Action]] = MappingProxyType({action.code: action for action in _ALL})
"""Every action by its code."""


def describe(code: str, detail: Mapping[str, Any]) -> str:
    """Says an entry in words.

    Args:
        code: its action; one that the catalogue does not know (an entry of another version) is shown as it is.
        detail: its detail.
    """
    action = CATALOG.get(code)
    if action is None:
        return code

    def fill(text: str) -> str:
        names = _FIELD.findall(text)
        if any(detail.get(name) in (None, "", []) for name in names):
            return ""
        return _FIELD.sub(lambda match: _value(match.group(1), detail[match.group(1)]), text)

    parts = re.split(r"\[([^\]]*)\]", action.words)
    return "".join(fill(part) if index % 2 else part for index, part in enumerate(parts))


def _value(name: str, value: Any) -> str:
    if name == "type" and value in operations.CATALOG:
        return operations.CATALOG[value].label
    text = ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
    return text.replace("_", " ")[:_LONGEST_VALUE] if name in ("outcome", "cause") else text[:_LONGEST_VALUE]


def matching(pattern: str) -> tuple[str, ...]:
    """Returns the actions that a filter's value means: a code, `consent.*`, or the part before the dot.

    Raises:
        InvalidInput: it means none.
    """
    head = pattern.removesuffix("*").rstrip(".")
    found = (pattern,) if pattern in CATALOG else tuple(code for code in CATALOG if code.split(".")[0] == head)
    if not found and pattern.endswith("*"):
        found = tuple(code for code in CATALOG if code.startswith(head))
    if not found:
        groups = ", ".join(f"{group}.*" for group in sorted({code.split(".")[0] for code in CATALOG}))
        raise InvalidInput("filter", f"`action:{pattern}` is not known", f"Use a whole action, or one of: {groups}.")
    return found


def mentioning(word: str) -> tuple[str, ...]:
    """Returns the actions whose code or words hold a folded word."""
    return tuple(a.code for a in _ALL if word in a.code or word in _FIELD.sub("", a.words).casefold())
