"""Storage's pages of connections at a thousand and at a million rows: does a page cost the same at any size?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.figures import Aim, Figure, Section, Spread, timed
from bench.fleets import BulkFleet, Fleets
from bench.sampling import WARM_UP, interleaved
from storage import attention, connections, sqlite_file
from storage.attention import AttentionQuery
from storage.connections import SORTS, ConnectionQuery
from storage.feed import ChangeFeed
from storage.pages import Page, Place

NAME = "storage"
LIMIT = 100

_RAW = """
SELECT pc.*, t.name, t.primary_domain, t.cloud, u.login,
       (SELECT count(*) FROM provider_connections o WHERE o.tenant_id = pc.tenant_id), r.id, r.type, r.status
FROM (SELECT id, sort_name FROM provider_connections WHERE workspace_id = ? ORDER BY sort_name, id LIMIT 101) AS page
JOIN provider_connections pc ON pc.id = page.id JOIN tenants t ON t.id = pc.tenant_id
LEFT JOIN users u ON u.id = pc.lifecycle_changed_by_id
LEFT JOIN operation_runs r ON r.connection_id = pc.id AND r.status IN ('queued', 'running')
ORDER BY page.sort_name, page.id
"""
"""The same first page in one hand-written statement, as rows that nobody turns into anything."""

Ask = Callable[[], object]


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    small, large = fleets.of(1_000), fleets.of(3_000 if quick else 1_000_000)
    asks: dict[tuple[str, int], Ask] = {}
    raws = []
    feeds = []
    for fleet in (small, large):
        raw = sqlite_file.sqlite_module().connect(sqlite_file.uri(fleet.path), uri=True, isolation_level=None)
        raws.append(raw)
        feed = ChangeFeed(fleet.db)
        feeds.append(feed)
        named = _asks(fleet)
        named["raw"] = partial(_raw_page, raw, fleet.workspace_id)
        named["feed"] = feed.poll
        asks |= {(name, fleet.count): ask for name, ask in named.items()}
    try:
        samples = interleaved(asks, 2 if quick else 60, warm_up=1 if quick else WARM_UP, longest=10.0)
    finally:
        for raw in raws:
            raw.close()
        for feed in feeds:
            feed.close()
    figures = [_compared(name, meaning, samples, small, large) for name, meaning in _MEANINGS.items()]
    figures += [
        timed(
            f"first page against raw SQL, {fleet.count:,} rows",
            samples["first", fleet.count],
            "What authority, keyset, typed rows and the total cost on top of one hand-written statement whose rows stay tuples.",
            reference=samples["raw", fleet.count],
            against="the same page in raw sqlite3",
        )
        for fleet in (small, large)
    ]
    return Section(
        NAME,
        "Storage: a page at a thousand and at a million connections",
        f"`storage.connections.page` with {LIMIT} rows, on SQLite files of {small.count:,} and {large.count:,} connections, asked turn by"
        f" turn in one process; the ratio is the growth from the small to the large one.",
        tuple(figures),
        (f"The large database was filled in {large.seconds:.0f} s.", *_slow(samples, small, large)),
    )


def _raw_page(raw: Any, workspace_id: int) -> object:
    return raw.execute(_RAW, (workspace_id,)).fetchall()


_MEANINGS = {
    "first": "Opening the list.",
    "deep": "The next page from the middle of the list, by keyset.",
    "at": "The page around a known row: following a cursor's row, or a link.",
    "last": "Jumping to the end.",
    "problems": "The list with `!`: only what is not enabled, granted and healthy.",
    "word": "A filter word that fits a few thousandths of the rows.",
    "rare": "A filter word that fits one row: the whole workspace has to be looked through.",
    "reason": "`reason:secret_expired`.",
    **{f"sort {sort}": f"The first page sorted by {sort}." for sort in SORTS if sort != "tenant"},
    **{f"sort {sort}, deep": f"A page from the middle, sorted by {sort}." for sort in SORTS if sort != "tenant"},
    "attention": "Everything that needs a human, grouped; three in ten connections of this fleet have a problem, which is very many.",
    "counts": "All badge counts of the workspace, for the line above the list.",
    "feed": "Asking the change feed when nothing changed, which the dashboard does three times a second.",
}


def _asks(fleet: BulkFleet) -> dict[str, Ask]:
    middle = fleet.count // 2

    def page(place: Place, text: str = "", *, problems: bool = False, sort: str = "tenant") -> Page[Any]:
        query = ConnectionQuery(fleet.workspace_id, text, problems, sort=sort)
        return connections.page(fleet.db, fleet.who, query, place, LIMIT)

    def asked(*given: Any, **named: Any) -> Ask:
        return lambda: page(*given, **named)

    def after_the_middle(sort: str) -> Place:
        return Place.after(page(Place.at(None, middle), sort=sort).cursors[0])

    asks = {
        "first": asked(Place.first()),
        "deep": asked(after_the_middle("tenant")),
        "at": asked(Place.at(None, middle)),
        "last": asked(Place.last()),
        "problems": asked(Place.first(), problems=True),
        "word": asked(Place.first(), "contoso vineyards"),
        "rare": asked(Place.first(), f"{middle}"),
        "reason": asked(Place.first(), "reason:secret_expired"),
        "attention": lambda: attention.overview(fleet.db, fleet.who, AttentionQuery(fleet.workspace_id)),
        "counts": lambda: connections.counts(fleet.db, fleet.who, fleet.workspace_id),
    }
    for sort in SORTS:
        if sort != "tenant":
            asks[f"sort {sort}"] = asked(Place.first(), sort=sort)
            asks[f"sort {sort}, deep"] = asked(after_the_middle(sort), sort=sort)
    return asks


def _compared(
    name: str, meaning: str, samples: dict[tuple[str, int], list[float]], small: BulkFleet, large: BulkFleet
) -> Figure:
    return timed(
        f"{name}, {large.count:,} rows",
        samples[name, large.count],
        meaning,
        reference=samples[name, small.count],
        against=f"{small.count:,} rows ({Spread.of(samples[name, small.count]).median * 1e3:.2f} ms)",
        aim=Aim("ratio", 3.0) if name in ("first", "deep", "at", "last", "counts", "feed") else None,
    )


def _slow(samples: dict[tuple[str, int], list[float]], small: BulkFleet, large: BulkFleet) -> list[str]:
    """Names what grew with the number of rows."""
    grown = {
        name: Spread.of(samples[name, large.count]).median / Spread.of(samples[name, small.count]).median
        for name in _MEANINGS
    }
    slow = [f"{name} ({factor:.0f}×)" for name, factor in grown.items() if factor > 3]
    return [f"Grows with the number of rows: {', '.join(slow)}."] if slow else []
