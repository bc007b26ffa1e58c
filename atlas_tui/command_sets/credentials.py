"""Commands about credentials, and those of a connection's page about its reports."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE
_HERE: Final = Where.CREDENTIAL_ACTION

CREDENTIALS: Final = (
    command("credentials", "", "Credential...", "What can be done with the credentials of this connection.", Where.ACTION,
            word="credential", letter="k"),
)  # fmt: skip

CREDENTIAL_ACTIONS: Final = (
    command("credential_new", "", "New credential", "Store a client secret or a certificate, or have one made here.", _HERE,
            letter="n", capability=_MANAGE),
    command("credential_verify", "", "Verify the staged one now",
            "Start the check that carries the staged credential; when it passes, it becomes the active one.", _HERE,
            letter="v", capability=Capability.PROVIDER_RUN),
    command("credential_promote", "", "Promote by hand", "Make the staged credential the active one without a check.", _HERE,
            letter="p", capability=_MANAGE),
    command("credential_roll_back", "", "Roll back", "Make the previous credential the active one again.", _HERE, letter="b",
            capability=_MANAGE),
    command("credential_remove", "", "Remove", "Destroy a stored credential; at Microsoft it stays valid.", _HERE, letter="r",
            capability=_MANAGE),
    command("credential_removed", "", "Confirm: removed at Microsoft",
            "Write down that an old key was removed at Microsoft, which ends its reminder.", _HERE, letter="m",
            capability=_MANAGE),
)  # fmt: skip

REPORTS: Final = (
    command("older_report", "<", "older report", "On the Report tab: the report before this one.", Where.CONNECTION),
    command("newer_report", ">", "newer report", "On the Report tab: the report after this one.", Where.CONNECTION),
    command("fold", "f", "fold", "On the Report tab: show the evidence of every step, or only of those that did not pass.",
            Where.CONNECTION),
    command("export_report", "E", "report to file", "Write the report that is shown to a file of yours.", Where.CONNECTION),
)  # fmt: skip
