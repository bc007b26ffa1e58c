"""The demo's tenants, one of each kind: the check finds what the demo says it will."""

from __future__ import annotations

from typing import Any

from storage.sealing import SecretMaterial
from storage.states import Cloud, ConnectionType, ConsentStatus, VerificationStatus
from storage.verification import rule_consent
from tasks.providers.base import Target


def _kinds(fleet: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first tenant of each kind: connection type, cloud, what is arranged, and what is expected."""
    found: dict[str, dict[str, Any]] = {}
    for tenant in fleet:
        arranged = [use if isinstance(use, str) else use["name"] for use in tenant["scenarios"]]
        if "graph_slow" in arranged:
            continue  # Slow and nothing else: told by the tests of the transport.
        demo = tenant["demo"]
        kind = (
            demo["connection_type"],
            tenant["cloud"],
            arranged,
            tenant["licences"],
            tenant["scripts"],
            demo["expected"],
        )
        found.setdefault(repr(kind), tenant)
    return list(found.values())


def test_every_kind_of_demo_tenant_is_found_as_the_demo_says(
    demo_simulator: Any, new_gateway: Any, new_reporter: Any, drawer: Any, check: Any
) -> None:
    # A newcomer has no connection that could be checked.
    fleet = [t for t in demo_simulator.control("GET", "/fleet")["tenants"] if not t["demo"].get("newcomer")]
    home = {t["demo"]["client_id"]: t for t in fleet if t["demo"].get("platform_home")}
    gateway, differing, kinds = new_gateway(process=demo_simulator), [], _kinds(fleet)
    for tenant in kinds:
        demo = tenant["demo"]
        registered_in = home.get(demo["client_id"], tenant)
        secret = demo.get("secret") or registered_in["demo"]["secret"]
        kind = ConnectionType(demo["connection_type"])
        granted_before = demo["consent_status"] in ("granted", "revoked")
        target = Target(
            run_id=1,
            attempt=1,
            deferrals=0,
            connection_id=1,
            entra_tenant_id=tenant["id"],
            tenant_name=tenant["name"],
            primary_domain=tenant["domains"][0],
            cloud=Cloud(tenant["cloud"]),
            connection_type=kind,
            client_id=demo["client_id"],
            credentials=(drawer.put(SecretMaterial("secret", secret=secret)),),
            credential_changed_at=None,
            consent_changed_at=None,
            consent_granted_before=granted_before,
            is_enabled=True,
            waited_for=False,
            home_tenant_id=registered_in["id"],
        )
        report = check(target, new_reporter(simulator=demo_simulator), by=gateway)
        consent = rule_consent(
            report.consent_fact,
            current=ConsentStatus(demo["consent_status"]),
            granted_before=granted_before,
            was_healthy=False,
            connection_type=kind,
            doubt_since=None,
            now=demo_simulator.now(),
        )
        seen = {step.reason_code for step in report.steps} | {None}
        expected = demo["expected"]
        status = report.verdict.status or VerificationStatus(expected["verification_status"])
        if (status, consent.status) != (expected["verification_status"], expected["consent_status"]):
            differing.append((tenant["name"], status, consent.status, expected))
        if expected["reason"] not in seen:
            differing.append((tenant["name"], sorted(map(str, seen)), status, expected))
    assert differing == []
    assert len(kinds) > 10
