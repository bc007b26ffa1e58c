"""Commands about the audit trail, and about taking what a list shows into a file."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command

AUDIT: Final = (
    command("audit", "5", "Audit", "Go to the audit trail: who did what.", Where.EVERYWHERE, word="audit"),
    command("linked_audit", "a", "audit", "Show the audit trail of this connection, run or tenant.",
            Where.CONNECTION, Where.RUN, Where.TENANT, Where.PLATFORM_APP, Where.SCHEDULE, Where.HANDOVER, Where.ALERT),
    command("export", "E", "export", "Export what this filter finds, or this page shows, to a CSV or JSON file of your own.",
            Where.LIST, Where.TENANT_COMPLIANCE, Where.TENANT_ROLES, Where.TENANT_DIRECTORY, Where.HANDOVER, word="export"),
)  # fmt: skip
