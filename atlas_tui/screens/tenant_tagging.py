"""Adding and removing tags: of one tenant, or of all that are marked.

Promise: which tags there are is shown before anything is typed; each tenant is changed through the same rules as a single one, and what
was not permitted is counted, never left unsaid.

Must not know: which screen asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_tui.cells import cut
from atlas_tui.screens.form_fields import read_ticket
from atlas_tui.screens.list_filter import asked
from atlas_tui.widgets.ask_lines import Asked, AskLines
from atlas_tui.widgets.flash_line import Level
from atlas_tui.widgets.form_field import read_list
from storage import tenant_tags, tenants
from storage.errors import AtlasError, Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.tenant_fields import read_tags
from storage.tenants import TenantQuery

if TYPE_CHECKING:
    from atlas_tui.screens.frame import AtlasScreen
    from atlas_tui.session import Session
    from atlas_tui.widgets.pages import PageRequest

MOST: Final = 2000
"""Tenants that may be tagged at once from the screen; a file tags any number."""

_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class TenantTargets:
    """What is meant.

    Attributes:
        ids: Tenants; with `all_in_filter` those that are excepted.
        all_in_filter: Everything the list's filter finds.
        count: How many that is; None when it is not known.
        request: The list's question, for `all_in_filter`.
    """

    ids: tuple[int, ...] = ()
    all_in_filter: bool = False
    count: int | None = None
    request: PageRequest | None = None

    @property
    def are_several(self) -> bool:
        """Whether more than one tenant is meant."""
        return self.all_in_filter or len(self.ids) > 1

    @property
    def words(self) -> str:
        """How many they are."""
        if self.all_in_filter:
            return "all tenants in this filter" if self.count is None else f"{self.count:,} tenants"
        return f"{len(self.ids):,} tenants"


def ask_tags(screen: AtlasScreen, targets: TenantTargets, there: tuple[str, ...]) -> None:
    """Ask which tags come and go, then change them.

    Args:
        screen: Asks.
        targets: Whose tags.
        there: The tags of the one tenant that is meant.
    """
    session, atlas = screen.session, screen.atlas

    def show(found: tuple[tenant_tags.TagCount, ...]) -> None:
        known = ", ".join(f"{tag.name} ({tag.tenants:,})" for tag in found) or "none yet"
        sentences = [f"Tags of this workspace: {cut(known, _SHOWN)}"]
        if not targets.are_several:
            sentences.insert(0, f"Tags it has: {', '.join(there) or 'none'}")
        sentences.append(
            "Roles, schedules and filters can reach tenants by tag: who has a role on a tag reaches what gets it."
        )
        fields = (
            Asked("add", "Add", hint="tags, separated by commas", check=_read),
            Asked("remove", "Remove", hint="tags, separated by commas", check=_read),
            Asked("ticket", "Ticket", hint="optional, for the audit trail", check=read_ticket),
        )
        title = f"Tags of {targets.words}" if targets.are_several else "Tags"
        atlas.push_screen(AskLines(title, sentences, fields, confirm_label="Change tags", check=_some), go)

    def go(texts: Mapping[str, str] | None) -> None:
        if texts is None:
            return
        add, remove, ticket = _read(texts["add"]), _read(texts["remove"]), read_ticket(texts["ticket"])
        atlas.ask(
            "tags",
            lambda: _change(session, targets, add, remove, ticket),
            lambda told: atlas.flash(*told),
            screen.tell_error,
            keep_all=True,
        )

    where = session.workspace.workspace_id
    screen.ask("tags", lambda: tenant_tags.of_workspace(session.db, session.who, where), show, screen.tell_error)


def _read(text: str) -> tuple[str, ...]:
    return read_tags(read_list(text))


def _some(texts: Mapping[str, str]) -> None:
    add, remove = set(_read(texts["add"])), set(_read(texts["remove"]))
    if not add | remove:
        raise InvalidInput("tags", "none is named", "Write one to add or to remove.")
    if both := sorted(add & remove):
        raise InvalidInput("tags", f"{both[0]} is to be added and removed", "Decide for one.")


def _change(
    session: Session, targets: TenantTargets, add: tuple[str, ...], remove: tuple[str, ...], ticket: str | None
) -> tuple[str, Level]:
    classes: Counter[str] = Counter()
    ids = tenants_in(session, targets)
    for tenant_id in ids:
        try:
            row = tenant_tags.change(session.db, session.who, tenant_id, add=add, remove=remove, ticket=ticket)
        except (Forbidden, NotFound) as error:
            if len(ids) == 1:
                raise
            classes["not permitted" if isinstance(error, Forbidden) else "gone"] += 1
        except AtlasError:
            if classes["tagged"]:
                classes["not done"] += len(ids) - sum(classes.values())
                break
            raise
        else:
            classes["tagged"] += 1
            name, tags = row.name, " ".join(row.tags) or "none"
    if len(ids) == 1:
        return f"Tags of {name}: {tags}", "ok"
    words = ", ".join(f"{number:,} {word}" for word, number in classes.most_common())
    return f"Tags of {len(ids):,} tenants: {words or 'none'}", "ok" if classes["tagged"] == len(ids) else "warn"


def tenants_in(session: Session, targets: TenantTargets) -> tuple[int, ...]:
    """The tenants that are meant. Blocks; not for the event loop.

    Raises:
        InvalidInput: They are more than `MOST`.
        AtlasError: The database cannot be asked.
    """
    found = list(targets.ids)
    if targets.all_in_filter and targets.request is not None:
        wanted, _ = asked(targets.request)
        query = TenantQuery(session.workspace.workspace_id, wanted.text)
        excepted, found, place = set(targets.ids), [], Place.first()
        while len(found) <= MOST:
            page = tenants.page(session.db, session.who, query, place, targets.request.limit)
            found += [row.id for row in page.rows if row.id not in excepted]
            if not page.has_after or not page.cursors:
                break
            place = Place.after(page.cursors[-1])
    if len(found) > MOST:
        raise InvalidInput(
            "marked", f"more than {MOST:,} tenants", "Filter and tag them in parts, or import a file with a tag."
        )
    return tuple(found)
