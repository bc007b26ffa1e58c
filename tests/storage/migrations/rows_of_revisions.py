"""A believable fleet at every revision: rows, each of a kind that its revision's tables can hold."""

from __future__ import annotations

from typing import Any

from ground_under_migration import Ground

AT = "2026-01-02 03:04:05.678"
GUID = "aaaaaaaa-0000-4000-8000-00000000000{}"


class Fleet:
    """Rows for every revision; each method adds what its revision's tables can hold."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def add_through(self, revision: int) -> None:
        """Migrates an empty database upwards to a revision and adds rows at every step, or takes up what another test kept."""
        ground = self.ground
        done = next((step for step in range(revision, 0, -1) if ground.take(f"rows_of_{step}")), 0)
        for step in range(done + 1, revision + 1):
            ground.to(step)
            with ground.connected():
                getattr(self, f"_at_{step}", lambda: None)()
            ground.keep(f"rows_of_{step}")

    def bring(self, revision: int, target: int) -> None:
        """Migrates the rows of a revision to another one, for tests that only look at what came of them."""
        name = f"rows_of_{revision}_at_{target}"
        if not self.ground.take(name):
            self.add_through(revision)
            self.ground.to(target)
            self.ground.keep(name)

    def _at_1(self) -> None:
        add = self.ground.add
        for number, (login, is_active) in enumerate((("alice", True), ("bob", False)), 1):
            add("users", id=number, login=login, display_name=login.title(), is_active=is_active, created_at=AT)
        for number, name in enumerate(("STRASSE Straße", "Beta", "Lonely"), 1):
            add(
                "tenants",
                id=number,
                entra_tenant_id=GUID.format(number).upper(),
                name=name,
                primary_domain=f"t{number}.example",
                created_at=AT,
                updated_at=AT,
            )
        legacy = (
            (1, 1, "connected", "ok", False, "platform-client"),
            (2, 1, "needs_consent", "degraded", False, None),
            (3, 1, "error", "down", False, "own-client"),
            (4, 1, "disabled", "unknown", False, None),
            (5, 2, "connected", "degraded", False, None),
            (6, 2, "disabled", "ok", True, None),
        )
        for number, tenant, status, health, is_default, client in legacy:
            add(
                "provider_connections",
                id=number,
                tenant_id=tenant,
                entra_tenant_id=GUID.format(tenant),
                display_name=f"Verbindung ß{number}",
                client_id=client,
                is_default=is_default,
                status=status,
                health_status=health,
                last_health_check_at=AT,
                last_error_reason_code={3: "secret_expired", 4: "AADSTS7000215: Invalid"}.get(number),
                last_error_message="Bearer abc" if number == 3 else None,
                created_at=AT,
                updated_at=AT,
            )
        for connection in (1, 3):
            self._credential(connection_id=connection)

    def _credential(self, **values: Any) -> None:
        common = {"kind": "secret", "sealed": b"\x00sealed", "seal_key_id": "k1", "seal_version": 1, "stored_at": AT}
        self.ground.add("credentials", **common, **values)

    def _at_2(self) -> None:
        add = self.ground.add
        add("platform_apps", id=1, workspace_id=1, cloud="global", client_id="PLATFORM-client", display_name="App",
            home_tenant_id=GUID.format(9), redirect_uri="http://localhost/", created_at=AT, updated_at=AT)  # fmt: skip
        add("tags", id=1, workspace_id=1, name="gold")
        add("tenant_tags", tenant_id=1, tag_id=1)
        add("memberships", user_id=1, workspace_id=1, scope_kind="tag", tag_id=1, role="operator", created_at=AT)
        add("memberships", user_id=1, workspace_id=1, scope_kind="tenant", tenant_id=2, role="auditor", created_at=AT)

    def _at_3(self) -> None:
        self._credential(connection_id=1, slot="staged")
        self._credential(platform_app_id=1, slot="active")
        self.ground.add("consent_requests", workspace_id=1, connection_id=2, state_hash="h", expected_tenant_id=GUID.format(1),
            client_id="c", redirect_uri="http://localhost/", status="open", created_at=AT, expires_at=AT)  # fmt: skip
        self.ground.add("connection_permissions", connection_id=1, permission="A.Read", is_granted=True, checked_at=AT)

    def _at_6(self) -> None:
        add = self.ground.add
        add("workers", id="w", host="h", pid=1, version="1", slots=4, started_at=AT, beat_at=AT)
        add("schedules", workspace_id=1, type="inventory.sync", name="nightly", scope_kind="connection",
            connection_id=1, cron="0 1 * * *", time_zone="UTC", created_at=AT, updated_at=AT)  # fmt: skip
        add("run_batches", id=1, workspace_id=1, type="inventory.sync", initiator="alice", classes="{}", created_at=AT)
        common = {"workspace_id": 1, "tenant_id": 1, "initiator": "alice", "cause": "person", "priority": 5, "generation": 1,
                  "context": "{}", "queued_at": AT, "type": "inventory.sync"}  # fmt: skip
        done = {"status": "completed", "outcome": "succeeded", "completed_at": AT}
        add("operation_runs", id=1, connection_id=1, schedule_id=1, batch_id=1, **done, **common)
        add("operation_runs", id=2, connection_id=1, status="running", lease_until=AT, retry_of_id=1, **common)
        add("operation_runs", id=3, connection_id=1, status="waiting", **common)
        add("operation_runs", id=4, connection_id=5, status="queued", **(common | {"tenant_id": 2}))
        add("run_steps", run_id=1, key="token", position=1, label="Token", status="pass", started_at=AT)
        add("verification_reports", workspace_id=1, connection_id=1, run_id=1, generation=1, is_superseded=False,
            verdict="healthy", manifest_version=1, document="{}", created_at=AT)  # fmt: skip
        add("notifications", user_id=1, workspace_id=1, kind="run_completed", run_id=1, title="Done", created_at=AT)

    def _at_7(self) -> None:
        add = self.ground.add
        run = {"workspace_id": 1, "tenant_id": 1, "connection_id": 1}
        add("inventory_items", **run, kind="policy", external_id="x", name="X", first_seen_run_id=1, last_seen_run_id=1)
        add("inventory_staging", run_id=2, fence=1, kind="policy", external_id="y", name="Y")
        add(
            "compliance_snapshots",
            **run,
            run_id=1,
            taken_at=AT,
            is_complete=True,
            total=1,
            counts="{}",
            by_platform="{}",
        )
        add("role_reports", id=1, **run, run_id=1, taken_at=AT, is_complete=True, counts="{}", difference="{}")
        add("role_assignments", report_id=1, principal_id="p", principal_name="P", principal_kind="user",
            role_template_id="r", role_name="R", is_privileged=True, assignment="active")  # fmt: skip
        add("role_findings", report_id=1, code="guest", subject="p", sentence="A guest.")
        add("directory_counts", **run, run_id=1, taken_at=AT, is_complete=True, users=3)

    def _at_8(self) -> None:
        add = self.ground.add
        add("alert_channels", id=1, workspace_id=1, name="mail", kind="mail", settings="{}", created_at=AT)
        self._credential(alert_channel_id=1, slot="active")
        add("alert_rules", id=1, workspace_id=1, channel_id=1, name="all", conditions="{}", created_at=AT)
        add(
            "alert_deliveries", workspace_id=1, rule_id=1, channel_id=1, subject_key="k", status="queued", created_at=AT
        )
        add("acknowledgements", workspace_id=1, reason_code="secret_expired", connection_id=3, user_id=1, created_at=AT)
        add("platform_grants", user_id=1, capability="platform.runs.view", created_at=AT)
        add("ssh_keys", user_id=1, fingerprint="f", public_key="k", label="l", added_at=AT)
        add("sessions", id="s", user_id=1, via="local", host="h", started_at=AT, seen_at=AT)
        add("saved_filters", user_id=1, workspace_id=1, view="v", name="n", filter_text="f", created_at=AT)
        add("drafts", user_id=1, form="f", subject="s", document="{}", updated_at=AT)
        add("user_views", user_id=1, workspace_id=1, view="attention", looked_at=AT)
        add("audit_entries", chain="w1", sequence=1, workspace_id=1, at=AT, actor="alice", plane="workspace", action="a",
            target_kind="t", target_id="1", outcome="done", canonical=b"{}", previous_hash="", hash="h")  # fmt: skip
        add("audit_heads", chain="w1", sequence=1, hash="h")

    def _at_9(self) -> None:
        add = self.ground.add
        add("onboardings", workspace_id=1, tenant_id=1, status="open", started_by_id=1, started_at=AT)
        add("onboardings", workspace_id=1, tenant_id=1, status="cancelled", started_by_id=1, started_at=AT, ended_at=AT)
        add("audit_entries", chain="w1", sequence=2, workspace_id=1, at=AT, actor="alice", plane="workspace", action="a",
            target_kind="t", target_id="1", outcome="done", canonical=b'{"tenant_id":1}', previous_hash="h", hash="i",
            tenant_id=1)  # fmt: skip

    def _at_10(self) -> None:
        add = self.ground.add
        add("schedules", id=99, workspace_id=1, type="compliance.snapshot", name="often", scope_kind="workspace",
            interval_minutes=60, time_zone="UTC", created_at=AT, updated_at=AT)  # fmt: skip
        add("schedule_firings", schedule_id=99, workspace_id=1, due_at=AT, status="open", counts="{}", created_at=AT)
        add("run_batch_members", batch_id=1, connection_id=1, run_id=1)
        add("run_batch_members", batch_id=1, connection_id=2)
        add("circuit_breakers", connection_id=1, workspace_id=1, failures=5, opened_at=AT, open_until=AT, updated_at=AT)
        add(
            "alert_deliveries",
            workspace_id=1,
            channel_id=1,
            subject_key="test",
            status="queued",
            created_at=AT,
            document="{}",
        )
