"""The outage that goes on, told in full: what it is, since when, whom it hits, what to do; what the banner has no room for.

Must not know: how an outage is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from atlas_tui.cells import Line, Part
from atlas_tui.links import Link, View
from atlas_tui.screens.leaflet import Leaflet
from atlas_tui.screens.prose import Times, field, wrapped
from storage import outage_words

if TYPE_CHECKING:
    from storage.outages import Outage


class OutageScreen(Leaflet[Link]):
    """The outage. Answers the list of the runs that suffer from it when they are asked for, else None.

    Args:
        outage: What goes on.
        times: How moments are shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "runs", "Runs", show=False)]

    def __init__(self, outage: Outage, times: Times) -> None:
        super().__init__()
        self._outage = outage
        self._times = times

    def title_parts(self) -> Line:
        """What it is."""
        return (Part("! ", "warn"), Part(self._outage.headline, "title"))

    def lines(self, width: int) -> list[Line]:
        """All that is known of it."""
        outage, times = self._outage, self._times
        tenants = f"{outage.tenants_affected:,} of the {outage.tenants_tried:,} that ran meanwhile"
        good = "not known" if outage.last_good_at is None else times.since(outage.last_good_at)
        return [
            *wrapped(f"{outage.detail[:1].upper()}{outage.detail[1:]}.", width, indent=1),
            (),
            *field("Since", times.since(outage.since), width),
            *field("Last good", good, width),
            *field("Tenants", tenants, width),
            *field("Reason", outage.reason_code, width),
            *field("Next step", outage.advice, width, style="strong"),
            (),
            *wrapped(f"{outage_words.TIMES} No badge changes because of it.", width, indent=1, style="muted"),
        ]

    def more_keys(self) -> str:
        """The runs."""
        return "r its runs"

    def action_runs(self) -> None:
        """The runs that ended for its reason."""
        self.dismiss(Link(View.RUNS, filter=f"reason:{self._outage.reason_code} since:1d"))
