"""Role table: notifications are one's own; whoever is nobody here has none."""

from __future__ import annotations

_OWN = "is about the principal's own: tests/storage/test_notifications.py"

CASES: dict[str, tuple[object, ...]] = {}

OWN = {f"notifications.{name}": _OWN for name in ("look", "page", "get", "mark_read", "mark_seen", "mark_all_read")}
