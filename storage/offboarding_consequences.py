"""What offboarding a tenant does, in sentences: the same on the screen and on the command line."""

from __future__ import annotations

from storage.consequences import Consequences, count
from storage.offboarding import OffboardingPreview


def consequences(preview: OffboardingPreview) -> Consequences:
    """Says what a preview of offboarding holds, the most painful first."""
    destroyed = preview.credentials_destroyed
    sentences = [
        f"Destroys {count(destroyed, 'credential')}, for good."
        if destroyed
        else "Destroys no credential: none is stored for this tenant alone."
    ]
    sentences += [f"Cancels run #{run.id} {run.label} ({run.status.value})." for run in preview.runs]
    sentences += [f"Disables the connection {name}." for name in preview.disabled]
    sentences += [
        f"Stops {count(preview.schedules, 'schedule')} and revokes {count(preview.links, 'consent link')}.",
        f"Deletes what was collected after {preview.purge_after:%Y-%m-%d %H:%M:%S}Z; until then it can be restored.",
    ]
    return Consequences(f"Offboard {preview.tenant.name}", tuple(sentences), hurts=True)
