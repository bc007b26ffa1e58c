"""A small believable fleet, made through storage's own functions."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from fleet_rows import NOON, Rows
from sqlalchemy import insert, select, update

from storage import connection_changes, credentials, member_changes, platform_apps, tenants, workspaces
from storage.access import Principal
from storage.capabilities import Capability, Role
from storage.credential_material import from_secret
from storage.schema import memberships, platform_grants, users
from storage.states import Cloud, CredentialOwner

SECRET_VALUE: Final = "Xy8~canary-secret-value-0123456789"
_guids = itertools.count(1)


@dataclass
class BuiltFleet(Rows):
    """Who and what is there.

    Workspace `north` has the tenants contoso (tagged gold) and fabrikam, each with a dedicated connection, granted, healthy and with a
    secret; and a platform app with the connection of the tenant wingtip. Workspace `south` is somebody else's.
    """

    north: int = 0
    south: int = 0
    people: dict[str, Principal] = field(default_factory=dict)
    tenant: dict[str, int] = field(default_factory=dict)
    connection: dict[str, int] = field(default_factory=dict)
    app: int = 0
    worker_key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    @property
    def public_key(self) -> bytes:
        """The worker's public key."""
        return self.worker_key.public_key().public_bytes_raw()

    @property
    def dana(self) -> Principal:
        """The Owner of north."""
        return self.people["dana"]

    def build(self) -> None:
        """Makes everybody and everything; called once, for the template."""
        dana = workspaces.initialize(self.db, login="dana", display_name="Dana", slug="north", name="North")
        zoe = workspaces.initialize(self.db, login="zoe", display_name="Zoe", slug="south", name="South")
        self.people |= {"dana": dana, "zoe": zoe}
        self.north = workspaces.find_workspace(self.db, dana, "north")
        self.south = workspaces.find_workspace(self.db, zoe, "south")
        for name, tags in (("contoso", ["gold"]), ("fabrikam", [])):
            self.add_connection(name, tag_names=tags)
        app = platform_apps.register(
            self.db,
            dana,
            self.north,
            cloud=Cloud.GLOBAL,
            client_id=self.guid(),
            display_name="North's app",
            home_tenant_id=self.guid(),
        )
        self.app = app.id
        credentials.store(
            self.db, dana, CredentialOwner.PLATFORM_APP, app.id, from_secret(SECRET_VALUE), self.public_key
        )
        self.add_connection("wingtip", client_id=None)
        for login, role, scope in (
            ("otto", Role.OWNER, {}),
            ("mona", Role.MANAGER, {}),
            ("omar", Role.OPERATOR, {}),
            ("anna", Role.AUDITOR, {}),
            ("rita", Role.READONLY, {}),
            ("tina", Role.OPERATOR, {"tenant_id": self.tenant["contoso"]}),
            ("fred", Role.MANAGER, {"tenant_id": self.tenant["fabrikam"]}),
            ("gina", Role.MANAGER, {"tag": "gold"}),
            ("eve", Role.OWNER, {"expires_at": NOON + timedelta(hours=1)}),
            ("rex", Role.OWNER, {}),
            ("ivan", Role.OWNER, {}),
        ):
            self.add_member(login, role, **scope)
        rex = self.one(select(memberships.c.id).where(memberships.c.user_id == self.people["rex"].user_id))
        member_changes.revoke(self.db, dana, self.north, rex)
        self.write(update(users).where(users.c.login == "ivan").values(is_active=False))
        self.write(insert(users).values(login="pat", display_name="Pat", created_at=NOON))
        self.people["pat"] = Principal(self.one(select(users.c.id).where(users.c.login == "pat")), "pat")
        for capability in (Capability.PLATFORM_DIRECTORY_VIEW, Capability.PLATFORM_RUNS_VIEW):
            self.write(
                insert(platform_grants).values(
                    user_id=self.people["pat"].user_id, capability=capability.value, created_at=NOON
                )
            )
        self.clock.advance(hours=2)

    def add_member(self, login: str, role: Role, **scope: Any) -> Principal:
        """Gives somebody a membership of north."""
        member_changes.add(self.db, self.dana, self.north, login=login, display_name=login.title(), role=role, **scope)
        user_id = self.one(select(users.c.id).where(users.c.login == login))
        self.people[login] = Principal(user_id, login)
        return self.people[login]

    def add_tenant(self, name: str, fields: Mapping[str, Any] | None = None, **more: Any) -> int:
        """Adds a tenant to north and returns its id."""
        row = tenants.create(
            self.db,
            self.dana,
            self.north,
            **(
                {"entra_tenant_id": self.guid(), "name": name.title(), "primary_domain": f"{name}.example"}
                | dict(fields or {})
                | more
            ),
        )
        self.tenant[name] = row.id
        return row.id

    def add_connection(self, key: str, *, client_id: str | None = "", ready: bool = True, **fields: Any) -> int:
        """Adds a tenant (unless it is there) and a connection of it; a ready one has a secret, consent and health."""
        tenant_id = self.tenant.get(key) or self.add_tenant(key, fields)
        row = connection_changes.create(
            self.db, self.dana, tenant_id, client_id=self.guid() if client_id == "" else client_id
        )
        self.connection.setdefault(key, row.id)
        if ready and client_id is not None:
            self.store_secret(row.id)
        if ready:
            self.set_connection(
                row.id, consent_status="granted", consent_granted_at=self.clock.time, verification_status="healthy"
            )
        return row.id

    @staticmethod
    def guid() -> str:
        """A fresh GUID."""
        return str(uuid.UUID(int=0x8A3C1F0E_0000_4000_8000_000000000000 + next(_guids)))

    def store_secret(self, connection_id: int, value: str = SECRET_VALUE) -> credentials.CredentialInfo:
        """Stores a client secret with a dedicated connection."""
        return credentials.store(
            self.db, self.dana, CredentialOwner.CONNECTION, connection_id, from_secret(value), self.public_key
        )
