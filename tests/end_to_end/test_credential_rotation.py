"""Secrets are rotated for real: staged by an import, tried by a worker against the simulator, promoted or kept back with the reason."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any


def _entry(value: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "key_id": str(uuid.uuid4()),
        "value": value,
        "starts": (now - timedelta(days=1)).isoformat(),
        "expires": (now + timedelta(days=300)).isoformat(),
    }


def test_an_import_promotes_what_works_and_keeps_back_what_does_not(microsoft: Any, bare_estate: Any) -> None:
    estate = bare_estate
    old, new = (f"secret~{uuid.uuid4().hex}" for _ in range(2))
    estate("init", "--directory", estate.home / "data", "--workspace", "main", check=0)
    estate.point_at_simulator()
    for name in ("Rotating One", "Rotating Two"):
        tenant = microsoft.new_tenant(name, app={"secrets": [_entry(old), _entry(new)]})
        estate("tenant", "add", name, tenant["id"], "--domain", tenant["domains"][0], check=0)
        estate("connection", "add", name, "--client-id", tenant["apps"][0]["client_id"], check=0)
        estate("credential", "set", "--connection", name, "--secret-file", "-", stdin=old.encode(), check=0)
    estate.let_credentials_age()
    worker = estate.start_worker()
    try:
        head = "connection,secret\n"
        good = f"{head}1,{new}\n".encode()
        said = estate("credentials", "import", "-", "--wait", "--timeout", "60", "--json", stdin=good, check=0)
        assert [(line["fate"], line["problem"]) for line in said.json["lines"]] == [("promoted", "")], said
        bad = f"{head}2,wrong~{new}\n".encode()
        estate("credentials", "import", "-", "--no-check", stdin=bad, check=0)
        estate.let_credentials_age()  # right after it was made a secret is given minutes at Microsoft
        kept = estate("credential", "verify", "--connection", "2", "--timeout", "60", "--json", check=20).json
        assert kept["promoted"] is False
        assert [info["slot"] for info in kept["credentials"]] == ["active", "staged"]
        shown = estate("credential", "show", "--connection", "1", "--json", check=0).json
        assert [entry["slot"] for entry in shown["credentials"]] == ["active", "previous"]
        assert [reminder["reference"] for reminder in shown["reminders"]] == ["previous"]
        report = estate("report", "2", "--json", check=0).json
        token = next(step for step in report["steps"] if step["key"] == "token")
        assert (token["status"], "staged credential was refused" in token["sentence"]) == ("warn", True), token

        assert estate("check", "1", "--json", check=0).json["connection"]["verification_status"] == "healthy"
        estate("credential", "roll-back", "--connection", "1", check=0)
        assert estate("check", "1", check=0).code == 0
        estate("keys", "status", "--config", estate.config, check=0)
    finally:
        worker.stop()
