"""Who is at the keyboard, and what they may do: asked inside every storage function, in its transaction.

Promise: not entitled to know that a thing exists → `NotFound`; entitled to see it but not to act → `Forbidden`. Capabilities are the
only question asked; roles are read through the one map. Worker functions take a worker instead of a principal and are not reachable
from a screen.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, text, true

from storage.capabilities import CAPABILITIES_OF, Capability, Role
from storage.database import Database, Transaction
from storage.errors import Forbidden, NotFound
from storage.schema import memberships, tenant_tags, tenants, users, workspaces
from storage.states import ScopeKind


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts.

    Attributes:
        user_id: the row in `users`; None for a system principal.
        login: the account's name, as audited.
        via: how we know: `os`, `ssh`, `postgres`, `system`, or `owner` for whoever owns the database (`ownership.database_owner`).
        real_login: the login that is behind a shared account or sudo, when it differs; recorded and shown, never used for rights.
    """

    user_id: int | None
    login: str
    via: str = "os"
    real_login: str | None = None

    @property
    def label(self) -> str:
        """The name as audit and screens show it."""
        return f"{self.login} ({self.real_login})" if self.real_login else self.login


WORKER: Final = Principal(None, "system:worker", via="system")
CONSENT_PAGE: Final = Principal(None, "system:consent-page", via="system")


@dataclass(frozen=True, slots=True)
class WorkspaceMembership:
    """A workspace that the principal may enter.

    Attributes:
        workspace_id: its row.
        slug: its short name.
        name: its name.
        role: the strongest role held there, for display only.
        whole: whether the membership reaches the whole workspace.
    """

    workspace_id: int
    slug: str
    name: str
    role: Role
    whole: bool


@dataclass(frozen=True, slots=True)
class _Held:
    workspace_id: int
    scope_kind: ScopeKind
    tenant_id: int | None
    tag_id: int | None
    capabilities: frozenset[Capability]
    role: Role


def os_login() -> tuple[str, str | None]:
    """Returns the OS account's name, and the login behind it when it is another one (sudo or a shared account).

    Reads the kernel's facts (`getuid`, `/proc/self/loginuid`), never an environment variable that the caller controls.
    """
    try:
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        account = f"uid{os.getuid()}"
    try:
        audited = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
        behind = pwd.getpwuid(audited).pw_name if 0 <= audited < 2**32 - 1 else None
    except (OSError, ValueError, KeyError):
        behind = None
    return account, behind if behind != account else None


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a process acts with, before it is known whether the database has a user for it.

    Attributes:
        login: its name.
        via: who says so: `os`, or `postgres`.
        real_login: the login behind a shared account or sudo; None when it is the same, or another host's business.
    """

    login: str
    via: str
    real_login: str | None = None


def account_of(db: Database) -> Account:
    """Returns the account this process acts with towards a database.

    Precedence: a member's SSH key, which `atlas-tui session` was started for, never comes here (`ssh_keys.principal_of`). A PostgreSQL
    server that is reached over the network knows who logged in, and this host's accounts mean nothing to it: `session_user`, which
    SET ROLE does not change (PostgreSQL, "System Information Functions"). Else, a file or a local socket: the OS account. Which of the two
    it is says the server: what a client's address or its PG… variables say is the client's.
    """
    if not db.is_sqlite:
        with db.read() as tx:
            if not _came_by_socket(tx):
                return Account(str(tx.run(text("SELECT session_user")).scalar_one()), "postgres")
    login, behind = os_login()
    return Account(login, "os", behind)


def _came_by_socket(tx: Transaction) -> bool:
    """`inet_client_addr` is null for a connection over a Unix-domain socket (PostgreSQL, "Session Information Functions")."""
    return bool(tx.run(text("SELECT inet_client_addr() IS NULL")).scalar_one())


def local_principal(db: Database) -> Principal:
    """Returns the principal of whoever runs this process.

    Raises:
        Forbidden: the account is no active user of this database.
    """
    account = account_of(db)
    with db.read() as tx:
        row = tx.run(select(users.c.id, users.c.is_active).where(users.c.login == account.login)).first()
    if row is None or not row.is_active:
        raise nobody(account.login)
    return Principal(row.id, account.login, via=account.via, real_login=account.real_login)


def nobody(login: str) -> Forbidden:
    """Makes the refusal of somebody who is in no workspace. It names neither workspaces nor people: that is not theirs to know."""
    return Forbidden(
        f"The account {login} is not a member of any workspace here.",
        f"Ask whoever runs this installation for: atlas-tui member add {login} ROLE"
        " (or run `atlas-tui init` if this is your own machine).",
    )


def entered_workspaces(db: Database, who: Principal) -> tuple[WorkspaceMembership, ...]:
    """Returns the workspaces the principal may enter, by name."""
    with db.read() as tx:
        held = _held(tx, who)
        names = {
            row.id: row
            for row in tx.run(
                select(workspaces.c.id, workspaces.c.slug, workspaces.c.name).where(
                    workspaces.c.id.in_({entry.workspace_id for entry in held})
                )
            )
        }
    found = []
    for workspace_id, row in names.items():
        here = [entry for entry in held if entry.workspace_id == workspace_id]
        strongest = min((entry.role for entry in here), key=list(Role).index)
        whole = any(entry.scope_kind is ScopeKind.WORKSPACE for entry in here)
        found.append(WorkspaceMembership(workspace_id, row.slug, row.name, strongest, whole))
    return tuple(sorted(found, key=lambda entry: (entry.name.casefold(), entry.workspace_id)))


class Authority:
    """What one principal may do, as of this transaction. Made by `authority`."""

    def __init__(self, who: Principal, held: tuple[_Held, ...]) -> None:
        self.who = who
        self._held = held

    def entered(self) -> frozenset[int]:
        """Returns the workspaces in which the principal has any membership."""
        return frozenset(entry.workspace_id for entry in self._held)

    def may_enter(self, workspace_id: int) -> bool:
        """Says whether the principal has any membership in the workspace."""
        return any(entry.workspace_id == workspace_id for entry in self._held)

    def reaches_whole(self, workspace_id: int, capability: Capability) -> bool:
        """Says whether the capability is held for the whole workspace."""
        return any(
            entry.workspace_id == workspace_id
            and entry.scope_kind is ScopeKind.WORKSPACE
            and capability in entry.capabilities
            for entry in self._held
        )

    def tenant_clause(
        self, workspace_id: int, capability: Capability, tenant_column: ColumnElement[int]
    ) -> ColumnElement[bool]:
        """Makes the SQL condition that a row's tenant is within reach of a capability.

        Args:
            workspace_id: the workspace that is asked.
            capability: the capability needed.
            tenant_column: the column that holds the tenant's id.
        """
        if self.reaches_whole(workspace_id, capability):
            return true()
        entries = [e for e in self._held if e.workspace_id == workspace_id and capability in e.capabilities]
        parts: list[ColumnElement[bool]] = []
        tenant_ids = sorted({e.tenant_id for e in entries if e.tenant_id is not None})
        tag_ids = sorted({e.tag_id for e in entries if e.tag_id is not None})
        if tenant_ids:
            parts.append(tenant_column.in_(tenant_ids))
        if tag_ids:
            parts.append(
                exists().where(and_(tenant_tags.c.tenant_id == tenant_column, tenant_tags.c.tag_id.in_(tag_ids)))
            )
        return or_(*parts) if parts else false()

    def may(self, tx: Transaction, capability: Capability, workspace_id: int, tenant_id: int | None = None) -> bool:
        """Says whether the capability is held for a tenant, or for the whole workspace when no tenant is named."""
        if self.reaches_whole(workspace_id, capability):
            return True
        if tenant_id is None:
            return False
        clause = self.tenant_clause(workspace_id, capability, tenants.c.id)
        return tx.run(select(tenants.c.id).where(tenants.c.id == tenant_id, clause)).first() is not None

    def may_each(
        self, tx: Transaction, capability: Capability, workspace_id: int, tenant_ids: Collection[int]
    ) -> frozenset[int]:
        """Returns those of a workspace's tenants for which the capability is held; one query however many there are."""
        if self.reaches_whole(workspace_id, capability):
            return frozenset(tenant_ids)
        clause = self.tenant_clause(workspace_id, capability, tenants.c.id)
        return frozenset(tx.run(select(tenants.c.id).where(tenants.c.id.in_(sorted(tenant_ids)), clause)).scalars())

    def require(
        self,
        tx: Transaction,
        capability: Capability,
        workspace_id: int,
        tenant_id: int | None = None,
        *,
        see: Capability = Capability.TENANT_VIEW,
        what: str = "That",
    ) -> None:
        """Lets pass, or refuses.

        Args:
            tx: the transaction of the work itself.
            capability: what the work needs.
            workspace_id: where.
            tenant_id: on which tenant; None for the whole workspace.
            see: what is needed to know that the thing exists.
            what: the thing's name for the sentence, such as `Connection 12`.

        Raises:
            NotFound: the principal is not entitled to know that it exists.
            Forbidden: the principal may see it but not do this.
        """
        if self.may(tx, capability, workspace_id, tenant_id):
            return
        visible = self.may(tx, see, workspace_id, tenant_id) if tenant_id is not None else self.may_enter(workspace_id)
        if not visible:
            raise NotFound(f"{what} does not exist.")
        raise forbidden(tx, self.who, capability, workspace_id, tenant_id, what=what)


def forbidden(
    tx: Transaction,
    who: Principal,
    capability: Capability,
    workspace_id: int,
    tenant_id: int | None = None,
    *,
    what: str,
) -> Forbidden:
    """Makes the refusal of somebody who may see a thing of a workspace, but not do this to it; it says who may."""
    hint = who_may(tx, capability, workspace_id, tenant_id)
    refusal = Forbidden(
        f"{who.login} may not do this ({capability.value}).", hint, who=who, capability=capability.value, what=what
    )
    refusal.workspace_id, refusal.tenant_id = workspace_id, tenant_id
    return refusal


def authority(tx: Transaction, who: Principal) -> Authority:
    """Reads what the principal may do now: active user, memberships not revoked and not expired."""
    return Authority(who, _held(tx, who))


def _held(tx: Transaction, who: Principal) -> tuple[_Held, ...]:
    if who.user_id is None:
        return ()
    now = tx.now()
    rows = tx.run(
        select(
            memberships.c.workspace_id,
            memberships.c.scope_kind,
            memberships.c.tenant_id,
            memberships.c.tag_id,
            memberships.c.role,
        )
        .join(users, users.c.id == memberships.c.user_id)
        .where(
            memberships.c.user_id == who.user_id,
            users.c.is_active,
            memberships.c.revoked_at.is_(None),
            or_(memberships.c.expires_at.is_(None), memberships.c.expires_at > now),
        )
    )
    return tuple(
        _Held(
            row.workspace_id,
            ScopeKind(row.scope_kind),
            row.tenant_id,
            row.tag_id,
            CAPABILITIES_OF[Role(row.role)],
            Role(row.role),
        )
        for row in rows
    )


def require_person(tx: Transaction, who: Principal) -> int:
    """Returns the id of the user who acts; for what belongs to one person and to no workspace.

    Raises:
        Forbidden: a system principal, or a user who is not active any more.
    """
    if who.user_id is not None:
        found = tx.run(select(users.c.id).where(users.c.id == who.user_id, users.c.is_active)).scalar_one_or_none()
        if found is not None:
            return int(found)
    raise Forbidden(f"{who.login} is no active user here.", "Ask an Owner to add you again.", who=who)


def who_may(tx: Transaction, capability: Capability, workspace_id: int, tenant_id: int | None = None) -> str:
    """Names up to three people who hold a capability: "Ask dana (Manager)."; for the hint beside what is not allowed."""
    return who_may_each(tx, capability, workspace_id, [tenant_id])[tenant_id]


def who_may_each(
    tx: Transaction, capability: Capability, workspace_id: int, tenant_ids: Collection[int | None]
) -> dict[int | None, str]:
    """Names for each tenant (None: the whole workspace) who holds a capability, as `who_may`; two queries however many there are."""
    now = tx.now()
    held = tx.run(
        select(
            users.c.login, memberships.c.role, memberships.c.scope_kind, memberships.c.tenant_id, memberships.c.tag_id
        )
        .select_from(memberships)
        .join(users, users.c.id == memberships.c.user_id)
        .where(
            memberships.c.workspace_id == workspace_id,
            memberships.c.role.in_([role.value for role in Role if capability in CAPABILITIES_OF[role]]),
            users.c.is_active,
            memberships.c.revoked_at.is_(None),
            or_(memberships.c.expires_at.is_(None), memberships.c.expires_at > now),
        )
        .order_by(users.c.login)
    ).all()
    reaching = {row.tag_id for row in held} - {None}
    tagged = tx.run(
        select(tenant_tags.c.tenant_id, tenant_tags.c.tag_id).where(
            tenant_tags.c.tag_id.in_(sorted(reaching)),
            tenant_tags.c.tenant_id.in_(sorted(id for id in tenant_ids if id is not None)),
        )
    )
    has_tag = {(row.tenant_id, row.tag_id) for row in tagged}
    found: dict[int | None, str] = {}
    for tenant_id in tenant_ids:
        names = [
            f"{row.login} ({Role(row.role).value.capitalize()})"
            for row in held
            if row.scope_kind == ScopeKind.WORKSPACE
            or (row.scope_kind == ScopeKind.TENANT and row.tenant_id == tenant_id)
            or (row.scope_kind == ScopeKind.TAG and (tenant_id, row.tag_id) in has_tag)
        ]
        found[tenant_id] = (
            f"Ask {', '.join(dict.fromkeys(names[:3]))}."
            if names
            else "Ask whoever owns the database: nobody in this workspace may."
        )
    return found
