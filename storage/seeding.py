"""Filling a fresh database with a fleet: for the demo, drills and tests.

Promise: only an empty database is filled, all of it or nothing to be resumed by accident: a marker says that the database is a demo. It is
the only place that writes badges without a check, which is why it refuses a database that holds anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select, update

from storage import audit, operations, reasons
from storage.access import Principal
from storage.capabilities import Role
from storage.database import Database, Transaction, chunks
from storage.errors import Conflict, InvalidInput
from storage.fields import clean_foreign, read_guid
from storage.schedules import make_daily_check
from storage.schema import (
    connection_permissions,
    credentials,
    memberships,
    meta,
    platform_apps,
    provider_connections,
    tags,
    tenant_tags,
    tenants,
    users,
    workspaces,
)
from storage.sealing import SEAL_VERSION, Binding, SecretMaterial, fingerprint, seal
from storage.seeding_history import PastCheck, remember_check
from storage.states import (
    Cloud,
    ConnectionType,
    ConsentStatus,
    CredentialKind,
    CredentialOwner,
    CredentialSlot,
    Provider,
    ScopeKind,
    TenantLifecycle,
    Topic,
    VerificationStatus,
)
from storage.tenants import sort_name, tenant_sort_name
from storage.verification import MANIFEST_VERSION

DEMO_MARK: Final = "demo"

_COLLEAGUES: Final = (
    ("dana", "Dana Okafor", Role.MANAGER),
    ("alice", "Alice Meyer", Role.OPERATOR),
    ("ravi", "Ravi Shah", Role.AUDITOR),
)


class FleetSecret(msgspec.Struct, frozen=True):
    """A client secret of an app registration."""

    value: str
    key_id: str = ""
    starts: datetime | None = None
    expires: datetime | None = None


class FleetApp(msgspec.Struct, frozen=True):
    """An app registration as a tenant sees it."""

    client_id: str
    display_name: str
    home_tenant: str
    secrets: list[FleetSecret] = []


class FleetHints(msgspec.Struct, frozen=True):
    """How the tenant's connection shall look."""

    connection_type: ConnectionType = ConnectionType.DEDICATED
    client_id: str = ""
    is_enabled: bool = True
    consent_status: ConsentStatus = ConsentStatus.UNKNOWN
    verification_status: VerificationStatus = VerificationStatus.UNKNOWN
    reason: str | None = None
    secret: str = ""
    tags: list[str] = []
    checked_minutes_ago: int | None = None
    missing_permissions: list[str] = []
    platform_home: bool = False


class FleetTenant(msgspec.Struct, frozen=True):
    """One tenant of a fleet file."""

    id: str
    name: str
    workspace: str
    cloud: Cloud = Cloud.GLOBAL
    domains: list[str] = []
    apps: list[FleetApp] = []
    demo: FleetHints = FleetHints()


class Fleet(msgspec.Struct, frozen=True):
    """A fleet file, as `python -m simulator fleet` prints it."""

    tenants: list[FleetTenant]


def read_fleet(raw: bytes) -> Fleet:
    """Reads a fleet file.

    Raises:
        InvalidInput: it is not one.
    """
    try:
        return msgspec.json.decode(raw, type=Fleet)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise InvalidInput("fleet", "is not a fleet file", "Make one with: atlas-tui simulator fleet demo") from None


def is_demo(db: Database) -> bool:
    """Says whether this database was filled by the demo."""
    with db.read() as tx:
        return tx.run(select(meta.c.value).where(meta.c.key == DEMO_MARK)).first() is not None


def seed_fleet(db: Database, fleet: Fleet, *, login: str, public_key: bytes) -> None:
    """Fills an empty database with a fleet whose workspaces all belong to one Owner.

    Args:
        db: the database.
        fleet: tenants with hints about their connections.
        login: the Owner's account.
        public_key: the worker's public key, to seal the credentials for.

    Raises:
        Conflict: the database holds something already.
        InvalidInput: an id in the fleet is not one.
    """
    database_id = db.database_id

    def begin(tx: Transaction) -> _Seeder:
        if tx.run(select(workspaces.c.id).limit(1)).first() is not None:
            raise Conflict("The database is not empty.", "The demo fills only a database of its own.")
        seeder = _Seeder(database_id, public_key, login, tx.now())
        seeder.people(tx, sorted({tenant.workspace for tenant in fleet.tenants}))
        seeder.apps(tx, fleet)
        seeder.tags(tx, fleet)
        return seeder

    seeder = db.write(begin)
    for part in chunks(fleet.tenants, 100):
        db.write(lambda tx, part=part: seeder.tenants(tx, part))  # type: ignore[misc]

    def end(tx: Transaction) -> None:
        tx.run(insert(meta).values(key=DEMO_MARK, value="complete"))
        tx.touch(Topic.CONNECTIONS, Topic.TENANTS, Topic.MEMBERS)
        audit.record(
            tx, seeder.owner, "database.seed", target_kind="database", target_id=database_id, workspace_id=None
        )

    db.write(end)


class _Seeder:
    """What the parts of one seeding share: the ids that were given out."""

    def __init__(self, database_id: str, public_key: bytes, login: str, now: datetime) -> None:
        self._database_id = database_id
        self._public_key = public_key
        self._key_id = fingerprint(public_key)
        self._login = login
        self._now = now
        self._workspaces: dict[str, int] = {}
        self._apps: dict[tuple[int, Cloud], int] = {}
        self._tags: dict[tuple[int, str], int] = {}
        self.owner = Principal(None, login)

    def people(self, tx: Transaction, slugs: list[str]) -> None:
        """Makes the workspaces and who is in them."""
        people = [(self._login, self._login, Role.OWNER), *(p for p in _COLLEAGUES if p[0] != self._login)]
        ids = {}
        for login, name, _ in people:
            ids[login] = tx.run(
                insert(users).values(login=login, display_name=name, created_at=self._now).returning(users.c.id)
            ).scalar_one()
        self.owner = Principal(ids[self._login], self._login)
        for slug in slugs:
            name = slug.replace("-", " ").title().replace("Msp", "MSP").replace("It", "IT")
            self._workspaces[slug] = workspace_id = tx.run(
                insert(workspaces).values(slug=slug, name=name, created_at=self._now).returning(workspaces.c.id)
            ).scalar_one()
            make_daily_check(tx, workspace_id)
            for login, _, role in people:
                tx.run(
                    insert(memberships).values(
                        user_id=ids[login],
                        workspace_id=workspace_id,
                        scope_kind=ScopeKind.WORKSPACE.value,
                        role=role.value,
                        created_at=self._now,
                    )
                )

    def apps(self, tx: Transaction, fleet: Fleet) -> None:
        """Registers each workspace's platform apps, with their credentials."""
        for tenant in fleet.tenants:
            if not tenant.demo.platform_home:
                continue
            workspace_id = self._workspaces[tenant.workspace]
            app = next(app for app in tenant.apps if app.client_id == tenant.demo.client_id)
            app_id = tx.run(
                insert(platform_apps)
                .values(
                    workspace_id=workspace_id,
                    cloud=tenant.cloud.value,
                    client_id=read_guid("client id", app.client_id),
                    display_name=app.display_name,
                    home_tenant_id=read_guid("tenant id", app.home_tenant),
                    redirect_uri="http://localhost/atlas-consent",
                    credential_changed_at=self._now - timedelta(days=60),
                    created_at=self._now,
                    updated_at=self._now,
                )
                .returning(platform_apps.c.id)
            ).scalar_one()
            self._apps[workspace_id, tenant.cloud] = app_id
            self._credential(tx, CredentialOwner.PLATFORM_APP, app_id, "", tenant.demo.secret, app)

    def tags(self, tx: Transaction, fleet: Fleet) -> None:
        """Makes every tag that some tenant has."""
        wanted = {(self._workspaces[tenant.workspace], tag) for tenant in fleet.tenants for tag in tenant.demo.tags}
        for workspace_id, name in sorted(wanted):
            self._tags[workspace_id, name] = tx.run(
                insert(tags).values(workspace_id=workspace_id, name=name).returning(tags.c.id)
            ).scalar_one()

    def tenants(self, tx: Transaction, part: list[FleetTenant]) -> None:
        """Makes tenants, each with its connection."""
        for tenant in part:
            workspace_id = self._workspaces[tenant.workspace]
            name = clean_foreign(tenant.name, 200)
            guid = read_guid("tenant id", tenant.id)
            tenant_id = tx.run(
                insert(tenants)
                .values(
                    workspace_id=workspace_id,
                    entra_tenant_id=guid,
                    name=name,
                    sort_name=tenant_sort_name(name, tenant.domains[0] if tenant.domains else None),
                    primary_domain=tenant.domains[0] if tenant.domains else None,
                    cloud=tenant.cloud.value,
                    lifecycle=TenantLifecycle.ACTIVE.value,
                    created_at=self._now,
                    updated_at=self._now,
                )
                .returning(tenants.c.id)
            ).scalar_one()
            for tag in tenant.demo.tags:
                tx.run(insert(tenant_tags).values(tenant_id=tenant_id, tag_id=self._tags[workspace_id, tag]))
            self._connection(tx, tenant, workspace_id, tenant_id, guid, name)

    def _connection(
        self, tx: Transaction, tenant: FleetTenant, workspace_id: int, tenant_id: int, guid: str, name: str
    ) -> None:
        hints = tenant.demo
        platform = hints.connection_type is ConnectionType.PLATFORM
        reason = None if hints.reason is None else reasons.find(hints.reason)
        checked = (
            None if hints.checked_minutes_ago is None else self._now - timedelta(minutes=hints.checked_minutes_ago)
        )
        if hints.verification_status in (VerificationStatus.UNKNOWN, VerificationStatus.PENDING):
            checked = None
        healthy = hints.verification_status is VerificationStatus.HEALTHY
        granted = hints.consent_status is ConsentStatus.GRANTED
        was_granted = granted or hints.consent_status is ConsentStatus.REVOKED
        connection_id = tx.run(
            insert(provider_connections)
            .values(
                workspace_id=workspace_id,
                tenant_id=tenant_id,
                entra_tenant_id=guid,
                provider=Provider.MICROSOFT.value,
                display_name="Microsoft",
                sort_name=sort_name(name, "Microsoft", tenant.domains[0] if tenant.domains else None),
                connection_type=hints.connection_type.value,
                platform_app_id=self._apps.get((workspace_id, tenant.cloud)) if platform else None,
                client_id=None if platform else read_guid("client id", hints.client_id),
                is_default=True,
                is_enabled=hints.is_enabled,
                consent_status=hints.consent_status.value,
                verification_status=hints.verification_status.value,
                last_reason_code=None if reason is None or healthy else reason.code,
                last_reason_sentence=None if reason is None or healthy else reason.sentence,
                reason_since=None if reason is None or healthy else checked,
                last_checked_at=checked,
                last_good_at=checked if healthy else None,
                manifest_version=MANIFEST_VERSION if checked else None,
                lifecycle_changed_at=self._now - timedelta(days=90),
                consent_changed_at=self._now - timedelta(days=80 if granted else 30) if was_granted else None,
                consent_granted_at=self._now - timedelta(days=80) if was_granted else None,
                consent_checked_at=checked,
                verification_changed_at=checked,
                created_at=self._now - timedelta(days=90),
                updated_at=self._now,
            )
            .returning(provider_connections.c.id)
        ).scalar_one()
        if not platform and hints.secret:
            app = next((app for app in tenant.apps if app.client_id == hints.client_id), None)
            self._credential(tx, CredentialOwner.CONNECTION, connection_id, guid, hints.secret, app)
        if checked is not None:
            code = None if reason is None else reason.code
            missing = frozenset(hints.missing_permissions)
            remember_check(tx, connection_id, PastCheck(checked, hints.verification_status, code, missing))
        if checked is not None and granted:
            self._permissions(tx, connection_id, frozenset(hints.missing_permissions), checked)

    def _permissions(self, tx: Transaction, connection_id: int, missing: frozenset[str], checked: datetime) -> None:
        wanted = {
            permission
            for operation in operations.CATALOG.values()
            for permission in (*operation.required_permissions, *operation.optional_permissions)
        }
        rows: list[dict[str, Any]] = [
            {
                "connection_id": connection_id,
                "permission": permission,
                "is_granted": permission not in missing,
                "checked_at": checked,
            }
            for permission in sorted(wanted)
        ]
        tx.run(insert(connection_permissions), rows)

    def _credential(
        self, tx: Transaction, owner: CredentialOwner, owner_id: int, tenant_id: str, secret: str, app: FleetApp | None
    ) -> None:
        known = next((entry for entry in (app.secrets if app else []) if entry.value == secret), None)
        binding = Binding(
            self._database_id, owner, owner_id, CredentialKind.SECRET, self._key_id, entra_tenant_id=tenant_id
        )
        # Not through `credential_material`: a fleet may hold a pasted secret ID on purpose.
        material = SecretMaterial(kind=CredentialKind.SECRET.value, secret=secret)
        column = "connection_id" if owner is CredentialOwner.CONNECTION else "platform_app_id"
        tx.run(
            insert(credentials).values(
                slot=CredentialSlot.ACTIVE.value,
                kind=CredentialKind.SECRET.value,
                sealed=seal(material, self._public_key, binding),
                seal_key_id=self._key_id,
                seal_version=SEAL_VERSION,
                seal_tenant_id=tenant_id,
                client_key_id=known.key_id if known else "",
                starts_at=known.starts if known else None,
                expires_at=known.expires if known else None,
                stored_at=self._now - timedelta(days=60),
                stored_by_id=self.owner.user_id,
                **{column: owner_id},
            )
        )
        if owner is CredentialOwner.CONNECTION:
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == owner_id)
                .values(credential_changed_at=self._now - timedelta(days=60))
            )
