"""What the buckets of the expiry horizon are called, on the screen and on the command line.

Must not know: screens, options, the database.
"""

from __future__ import annotations

from typing import Final

from storage.expiry_horizon import Bucket

BUCKETS: Final = {
    Bucket.EXPIRED: ("x", "expired", "bad"),
    Bucket.DAY: ("x", "<= 1 day", "bad"),
    Bucket.WEEK: ("!", "<= 7 days", "warn"),
    Bucket.FORTNIGHT: ("!", "<= 14 days", "warn"),
    Bucket.MONTH: ("~", "<= 30 days", "info"),
    Bucket.LATER: ("+", "later", "ok"),
    Bucket.UNKNOWN: ("o", "unknown", "warn"),
}
"""Bucket → glyph, words, style."""
