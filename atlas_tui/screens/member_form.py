"""The forms of a member: somebody new, and another role or end of a membership that is there.

Promise: what a role may is said beside it, from the one map; a tenant is named as people name it and must be one. Reach is given once: to
change it, the role is ended and given anew.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.cells import Line
from atlas_tui.links import Link, View, to_member
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import named
from atlas_tui.screens.member_text import role_in_short, role_in_words
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind, Option, optional
from atlas_tui.widgets.form_state import Remark
from storage import allowance, member_changes, members, tenants
from storage.capabilities import Capability, Role
from storage.errors import AtlasError, InvalidInput
from storage.fields import read_login, read_name
from storage.members import Member
from storage.pages import Place
from storage.states import ScopeKind, Topic
from storage.tenant_fields import read_tag
from storage.tenants import TenantQuery, TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session

_SCOPES: Final = (
    Option(ScopeKind.WORKSPACE.value, "workspace", "every tenant"),
    Option(ScopeKind.TENANT.value, "tenant", "one tenant"),
    Option(ScopeKind.TAG.value, "tag", "tenants that have the tag, now and later"),
)


def read_until(text: str) -> datetime:
    """Reads a moment; without a zone it is UTC, without a time the day's beginning.

    Raises:
        InvalidInput: It is none.
    """
    try:
        value = datetime.fromisoformat(text.strip())
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("until", "is not a date", "Write it as 2027-03-31 or 2027-03-31T08:00.") from None


def _show_until(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else f"{value:%Y-%m-%dT%H:%M}Z"


def _role_field() -> Field:
    options = tuple(Option(role.value, role.value, role_in_short(role)) for role in Role)
    return Field(
        "role", "Role", Kind.CHOICE, read=Role, options=options, hint="What they may do. Left, right or space."
    )


_UNTIL: Final = Field(
    "until",
    "Until",
    read=optional(read_until),
    show=_show_until,
    hint="2027-03-31 or 2027-03-31T08:00, in UTC; empty: for good.",
)


def _find_tenant(session: Session, workspace_id: int, text: str) -> TenantRow:
    """The one tenant that is meant: by name, domain or tenant id.

    Raises:
        InvalidInput: None is, or several are.
    """
    quoted = text.replace('"', " ")
    query = TenantQuery(workspace_id, f'"{quoted}" archived:yes')
    found = tenants.page(session.db, session.who, query, Place.first(), 6).rows
    exact = [row for row in found if text.casefold() in (row.name.casefold(), row.entra_tenant_id, row.primary_domain)]
    fitting = exact or list(found)
    if not fitting:
        raise InvalidInput("tenant", "none fits", "Write its name, domain or tenant id.")
    if len(fitting) > 1:
        names = ", ".join(row.name for row in fitting[:4])
        raise InvalidInput("tenant", f"several fit: {names}", "Write the whole name, or its tenant id.")
    return fitting[0]


class NewMember(Form):
    """Somebody new, or another role of somebody who is here.

    Args:
        workspace_id: Where.
    """

    TAB = View.AUDIT

    def __init__(self, workspace_id: int) -> None:
        super().__init__("member.add", f"workspace:{workspace_id}", "Add a member")
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """The least role, for the whole workspace, for good."""
        answer = allowance.allowance(session.db, session.who, Capability.MEMBER_MANAGE, self._workspace_id)
        fields = (
            Field(
                "login",
                "Login",
                read=named(read_login, "login"),
                hint="The account name: of this host, of the database, or that their SSH key logs in as.",
                is_required=True,
            ),
            Field(
                "display_name",
                "Name",
                read=optional(named(read_name, "display name")),
                hint="The person's name, for an account that is new here; empty: the login.",
                also_called=("display name",),
            ),
            _role_field(),
            Field("scope", "Reach", Kind.CHOICE, read=ScopeKind, options=_SCOPES, hint="What the role reaches."),
            Field(
                "tenant",
                "Tenant",
                hint="Its name, domain or tenant id.",
                is_required=True,
                shown_when=lambda texts: texts["scope"] == ScopeKind.TENANT,
            ),
            Field(
                "tag",
                "Tag",
                read=read_tag,
                hint="A tag of this workspace; one that no tenant has yet may be named.",
                is_required=True,
                shown_when=lambda texts: texts["scope"] == ScopeKind.TAG,
            ),
            _UNTIL,
        )
        there = {"role": Role.READONLY.value, "scope": ScopeKind.WORKSPACE.value}
        return Loaded(fields, there, self._workspace_id, refusal=answer.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What the role allows, which tenant is meant, and what the person is here already."""
        values, remarks, effects = filled.values, {}, []
        if values.get("scope") == ScopeKind.TENANT and values.get("tenant"):
            try:
                row = _find_tenant(session, self._workspace_id, values["tenant"])
                effects.append(f"Reaches {row.name}, {row.entra_tenant_id}.")
            except InvalidInput as error:
                remarks["tenant"] = Remark(str(error))
        if "role" in values:
            effects.append(f"May {role_in_words(Role(values['role']))}")
        if values.get("login"):
            held = members.of_login(session.db, session.who, self._workspace_id, values["login"])
            effects += [f"{row.login} is {row.role.value} on {row.scope} already; that stays." for row in held]
        return LookedUp(remarks, tuple(effects))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Give the role."""
        values = filled.values
        scope = ScopeKind(values["scope"])
        tenant = _find_tenant(session, self._workspace_id, values["tenant"]) if scope is ScopeKind.TENANT else None
        member = member_changes.add(
            session.db,
            session.who,
            self._workspace_id,
            login=values["login"],
            display_name=values.get("display_name") or values["login"],
            role=Role(values["role"]),
            tenant_id=None if tenant is None else tenant.id,
            tag=values["tag"] if scope is ScopeKind.TAG else None,
            expires_at=values.get("until"),
            ticket=filled.ticket,
        )
        return Saved(f"{member.login} is {member.role.value} on {member.scope}.", Link(View.MEMBERS))


class EditMember(Form):
    """Another role, or another end.

    Args:
        member_id: Which membership.
    """

    TAB = View.AUDIT
    TOPICS = frozenset({Topic.MEMBERS})
    IS_EDIT = True

    def __init__(self, member_id: int) -> None:
        super().__init__("member.change", f"member:{member_id}", "Change a role")
        self._member_id = member_id

    def load(self, session: Session) -> Loaded:
        """What is stored."""
        where = session.workspace.workspace_id
        member = members.get(session.db, session.who, where, self._member_id)
        self.title = f"Role of {member.login}"
        answer = allowance.allowance(session.db, session.who, Capability.MEMBER_MANAGE, where)
        there = {"role": member.role.value, "until": member.expires_at}

        def head(times: Times, width: int) -> Sequence[Line]:
            return _head(member, width)

        return Loaded((_role_field(), _UNTIL), there, where, head, answer.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What the role allows."""
        role = filled.values.get("role")
        return LookedUp(consequences=(f"May {role_in_words(Role(role))}",) if role else ())

    def save(self, session: Session, filled: Filled) -> Saved:
        """The end first: when that is refused, nothing was changed; the rule about the last Owner refuses both alike."""
        where, changes, ticket = session.workspace.workspace_id, filled.changes, filled.ticket
        member: Member | None = None
        try:
            if "until" in changes:
                member = member_changes.set_end(
                    session.db, session.who, where, self._member_id, changes["until"], ticket=ticket
                )
            if "role" in changes:
                member = member_changes.change_role(
                    session.db, session.who, where, self._member_id, Role(changes["role"]), ticket=ticket
                )
        except AtlasError as error:
            if member is None:
                raise
            raise InvalidInput("role", f"stays, though the end was changed: {error.message}", error.hint) from error
        if member is None:
            member = members.get(session.db, session.who, where, self._member_id)
        return Saved(f"{member.login} is {member.role.value} on {member.scope}.", to_member(member.id))


def _head(member: Member, width: int) -> Sequence[Line]:
    return [*field("Login", f"{member.login} ({member.display_name})", width), *field("Reach", member.scope, width)]
