"""Commands about what operations collected: inventory, compliance, administrator roles, directory counts."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command

COLLECTED: Final = (
    command("inventory", "", "inventory", "Go to the inventory: of the tenant on the screen, of one (:inventory @contoso), or of all.",
            Where.EVERYWHERE, word="inventory"),
    command("compliance", "", "compliance", "Go to the compliance of all tenants, or of one: :compliance @contoso.",
            Where.EVERYWHERE, word="compliance"),
    command("roles", "", "admin roles", "Go to the administrator roles of all tenants, or of one: :roles @contoso.",
            Where.EVERYWHERE, word="roles"),
    command("directory", "", "directory", "Go to the directory counts of the tenant on the screen, or of one: :directory @contoso.",
            Where.EVERYWHERE, word="directory"),
    command("difference", "=", "what changed", "What the last sync found added, removed and changed, against the sync before.",
            Where.INVENTORY, hint=4),
    command("all_items", "=", "all items", "Everything that is there, of the same connection.", Where.INVENTORY_CHANGES, hint=4),
    command("findings_only", "!", "findings only", "Only tenants with findings, or all again.", Where.ROLES, hint=4),
    command("longer_trend", ">", "longer trend", "Show more days of the trend.", Where.TENANT_COMPLIANCE, hint=5),
    command("shorter_trend", "<", "shorter trend", "Show fewer days of the trend.", Where.TENANT_COMPLIANCE),
)  # fmt: skip
