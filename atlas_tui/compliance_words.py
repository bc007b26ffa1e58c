"""What a line about a tenant's compliance says of its last count, on the screen and on the command line.

Must not know: screens, how lines are laid out.
"""

from __future__ import annotations

from storage.compliance import TenantCompliance


def standing(row: TenantCompliance) -> tuple[str, str]:
    """A glyph and a word: why there is no count, or that a newer one is not whole; both empty when all is well.

    Args:
        row: The tenant's line.
    """
    if row.now.partial is not None:
        return "!", "partial"
    if row.now.snapshot is not None:
        return "", ""
    if row.last_run is None:
        return "o", "never"
    if row.last_run.reason_code is None:
        return "o", "none"
    return ("o", "skipped") if row.last_run.is_skipped else ("x", "failed")
