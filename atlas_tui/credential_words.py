"""Sentences and lines about credentials that the screens and the command line both say.

Must not know: screens, options, the database.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from storage.retired_keys import Reminder
from storage.starting import Blocked, ScopeBusy, Started, StartResult


def upload_lines(client_id: str, file: str) -> dict[str, str]:
    """Returns how a public certificate reaches its app registration: portal, Azure CLI, Microsoft Graph PowerShell.

    Args:
        client_id: The app registration.
        file: The certificate's file, as it is named in the commands.
    """
    quoted = file.replace("'", "''")
    shell = "'" + file.replace("'", "'\\''") + "'"
    return {
        "portal": f"App registrations > {client_id} > Certificates & secrets > Certificates > Upload certificate",
        "az": f"az ad app credential reset --id {client_id} --cert @{shell} --append",
        "PowerShell": (
            f"$app = Get-MgApplication -Filter \"appId eq '{client_id}'\"; "
            "$new = @{Type='AsymmetricX509Cert'; Usage='Verify'; "
            f"Key=[Security.Cryptography.X509Certificates.X509Certificate2]::new('{quoted}').RawData}}; "
            "Update-MgApplication -ApplicationId $app.Id -KeyCredentials (@($app.KeyCredentials) + $new)"
        ),
    }


def key_name(reminder: Reminder) -> str:
    """What an old key is called: Microsoft's id of it, or the reference it has here."""
    return reminder.client_key_id or f"without a known id ({reminder.reference})"


def still_valid(reminder: Reminder, moment: Callable[[datetime | None], str]) -> str:
    """Returns the sentence of a reminder, without what to do about it.

    Args:
        reminder: The old key.
        moment: How moments are written.
    """
    until = f"until {moment(reminder.expires_at)}" if reminder.expires_at else "with an unknown end"
    return f"The old {reminder.kind.value} {key_name(reminder)} is still valid at Microsoft {until}"


def start_sentence(result: StartResult) -> str:
    """Returns what the start gate answered to one of several checks, in a few words."""
    if isinstance(result, Blocked):
        return f"blocked ({result.reason.code}): {result.sentence} {result.reason.next_step}"
    if isinstance(result, ScopeBusy):
        after = f"#{result.waiting.id} waits for" if result.waiting else "busy with"
        return f"{after} #{result.run.id}"
    return f"{'queued' if isinstance(result, Started) else 'already there:'} #{result.run.id}"
