"""Commands about tenants: finding one anywhere, bringing a fleet in, and those of the actions menus of a tenant and of an import."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE
_HERE: Final = Where.TENANT_ACTION
_IMPORT: Final = Where.IMPORT_ACTION

TENANTS: Final = (
    command("find", "", "find tenant", "Find a tenant in every workspace you may enter: :find TEXT.",
            Where.EVERYWHERE, word="find"),
    command("import_fleet", "", "import tenants", "Bring tenants in from a CSV or JSON file, after a preview: :import FILE.",
            Where.EVERYWHERE, word="import", capability=_MANAGE),
)  # fmt: skip

TENANT_ACTIONS: Final = (
    command("new_connection", "", "New connection", "Add a connection to this tenant.", _HERE, letter="n",
            capability=_MANAGE),
    command("onboard", "", "Onboard", "Bring the tenant on step by step, or go on with what was begun.", _HERE, letter="o",
            capability=_MANAGE),
    command("tag_tenants", "", "Tags", "Add tags to the tenant, or to all that are marked, or take some away.", _HERE,
            letter="t", capability=_MANAGE),
    command("archive", "", "Archive", "Put a tenant away; its connections must be disabled first.", _HERE, letter="a",
            capability=_MANAGE),
    command("unarchive", "", "Unarchive", "Take a tenant out of the archive; its connections stay disabled.", _HERE,
            letter="u", capability=_MANAGE),
    command("offboard", "", "Offboard",
            "End the work for this customer: disable, destroy credentials, and delete what was collected after some days.",
            _HERE, letter="f", capability=_MANAGE),
    command("restore", "", "Restore", "Take an offboarded tenant back, until its data is deleted.", _HERE, letter="r",
            capability=_MANAGE),
    command("copy_sheet", "", "Copy the customer's sheet", "Copy what the customer of an offboarded tenant must do.", _HERE,
            letter="s"),
    command("export_sheet", "", "Sheet to a file", "Write the customer's sheet to a file of yours.", _HERE, letter="E"),
)  # fmt: skip

IMPORT_ACTIONS: Final = (
    command("import_all", "", "Import", "Write every row: all of them, or nothing.", _IMPORT, letter="i", capability=_MANAGE),
    command("import_rest", "", "Import without the refused rows", "Leave the refused rows out, and write all others or nothing.",
            _IMPORT, letter="s", capability=_MANAGE),
    command("import_tag", "", "Extra tag", "Give every tenant that is created or updated one more tag.", _IMPORT, letter="t"),
    command("import_again", "", "Preview again", "Read the file and look at what is stored again.", _IMPORT, letter="p"),
)  # fmt: skip
