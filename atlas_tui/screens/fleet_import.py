"""The preview of an import: what each row of a file would do, and doing all of it or nothing.

Promise: nothing is written before it is confirmed, with the numbers spelled out; leaving refused rows out is a choice of its own; when a
tenant of the file changed meanwhile, nothing is written and the new preview is shown.

Must not know: how a file becomes a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.widget import Widget

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.commands import REGISTRY
from atlas_tui.exporting import Format
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_tenant
from atlas_tui.screens.fleet_import_asking import Source, read_extra_tags, read_plan
from atlas_tui.screens.fleet_import_row import ImportRow
from atlas_tui.screens.fleet_import_rows import COLUMNS, ImportRows, row_lines
from atlas_tui.screens.list_filter import ListFilter, asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.scrolled import Composer, Scrolled
from atlas_tui.screens.sections import section_line, turned
from atlas_tui.widgets.ask_lines import Asked, AskLines
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.status_line import Segment, StatusLine
from atlas_tui.widgets.table_messages import ListTexts, RowOpened
from storage import allowance, fleet_import
from storage.capabilities import Capability
from storage.consequences import count
from storage.errors import AtlasError, Conflict
from storage.fleet_import import Imported, Plan, RowClass, RowResult
from storage.pages import Page, Place

if TYPE_CHECKING:
    from atlas_tui.session import Session


class Section(StrEnum):
    """The tabs: all rows, or those of one class."""

    ALL = "All"
    CREATE = "Create"
    UPDATE = "Update"
    UNCHANGED = "Unchanged"
    REFUSED = "Refused"

    @property
    def filter(self) -> str:
        """The tab's rows, as a filter."""
        return "" if self is Section.ALL else f"class:{self.value.lower()}"


class FleetImportScreen(ListScreen[RowResult]):
    """The preview."""

    VIEW = View.FLEET_IMPORT
    PLACES = (Where.LIST, Where.FLEET_IMPORT, Where.IMPORT_ACTION)
    FILTER_HINT: ClassVar[str] = "word  !word  class:create  class:update  class:unchanged  class:refused"
    ORDER: ClassVar[str] = "in the file's order"
    TEXTS = ListTexts(empty="No row here.", empty_hint=":import FILE reads a file.")
    CSV_COLUMNS = ("line", "kind", "name", "entra_tenant_id", "why")

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.source: Source | None = None
        self.plan: Plan | None = None
        self._rows: ImportRows | None = None

    def take(self, source: Source, plan: Plan) -> None:
        """Show a plan.

        Args:
            source: The file it was made of.
            plan: What importing it would do.
        """
        self.source, self.plan, self._rows = source, plan, ImportRows(plan)
        self._panel_key = None
        if not self.is_mounted:
            return
        if self.filter == ListFilter():
            self.reload()
        else:
            self.set_filter(ListFilter())
        self.show_sections()
        self.show_state()

    # What it is made of

    def compose_body(self) -> Iterable[Widget]:
        """The classes, then the list."""
        yield Scrolled(id="sections")
        yield from super().compose_body()

    def on_mount(self) -> None:
        """The list, and the classes above it."""
        self.query_one("#sections").styles.height = 1
        super().on_mount()
        self.show_sections()

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """The file's name."""
        return "import" if self.source is None else f"import {self.source.path.name}"

    @property
    def section(self) -> Section:
        """The class that is shown."""
        text = self.filter.text.split()
        return next((section for section in Section if section.filter and section.filter in text), Section.ALL)

    def show_sections(self) -> None:
        """The classes with their numbers."""
        totals = self.plan.totals if self.plan is not None else {}
        counts = {Section(kind.value.capitalize()): number for kind, number in totals.items()}
        if self.plan is not None:
            counts[Section.ALL] = len(self.plan.rows)
        self.query_one("#sections", Scrolled).show(lambda width: [section_line(list(Section), self.section, counts)])

    def show_state(self) -> None:
        """The line above the list: extra tags, what of the file is not used, the filter."""
        if not self.is_mounted:
            return
        left: list[Segment] = []
        if self.source is not None and self.source.tags:
            left.append(Segment(f"tag {' '.join(self.source.tags)}", "strong"))
        left.append(Segment(f"/{self.filter.text}" if self.filter.text else "nothing is written yet", "info"))
        if self.plan is not None and self.plan.ignored:
            left.append(Segment(f"ignored columns: {', '.join(self.plan.ignored)}", "warn"))
        self.query_one("#state", StatusLine).show(left, [Segment("x imports", "muted", 1)])

    def set_filter(self, filter: ListFilter) -> None:
        """Other rows."""
        super().set_filter(filter)
        if self.is_mounted:
            self.show_sections()

    # Its rows

    def columns(self, wide: bool) -> Sequence[Column[RowResult]]:
        """Always the same."""
        return COLUMNS

    def key_of(self, row: RowResult) -> int:
        """Its line."""
        return row.line

    def link_to(self, row: RowResult) -> Link:
        """The tenant that is there already; a row without one leads nowhere."""
        return self.link() if row.tenant_id is None else to_tenant(row.tenant_id)

    def tenant_of(self, row: RowResult) -> tuple[int, str]:
        """Nothing is pinned here."""
        return row.tenant_id or 0, row.name

    def id_text(self, row: RowResult) -> str:
        """Its tenant id."""
        return row.entra_tenant_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[RowResult]:
        """A page of the plan."""
        rows, (wanted, _) = self._rows, asked(request)
        return Page((), (), False, False, total=0) if rows is None else rows.page(wanted.text, place, request.limit)

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The rows of the filter, to be mended elsewhere."""
        for record in super().records(session, request, format):
            yield {key: record[key] for key in (*self.CSV_COLUMNS, "values")}

    def read_panel(self, session: Session, key: int) -> RowResult | None:
        """The row itself."""
        return None if self._rows is None else self._rows.row(key)

    def panel_lines(self, read: RowResult | None) -> Composer:
        """All it says."""

        def lines(width: int) -> list[Line]:
            return [(Part(" "),)] if read is None else row_lines(read, width)

        return lines

    def command_open(self) -> None:
        """All that a row says; from there, the tenant that is stored."""
        row = self.table.cursor_row
        if row is not None:
            self.show_row(row)

    @on(RowOpened)
    def _row_opened(self, event: RowOpened) -> None:
        event.prevent_default()
        self.show_row(event.row)

    def show_row(self, row: RowResult) -> None:
        """One row in full."""

        def go(opens: bool | None) -> None:
            if opens and row.tenant_id is not None:
                self.atlas.navigation.go(to_tenant(row.tenant_id))

        self.app.push_screen(ImportRow(row), go)

    def command_next_tab(self) -> None:
        """The next class."""
        self.set_filter(ListFilter(turned(list(Section), self.section, 1).filter))

    def command_previous_tab(self) -> None:
        """The class before."""
        self.set_filter(ListFilter(turned(list(Section), self.section, -1).filter))

    # What is done with them

    def command_actions(self) -> None:
        """Import, with or without what is refused; another tag; look again."""
        session, where = self.session, self.session.workspace.workspace_id
        self.ask(
            "allowance",
            lambda: allowance.allowance(session.db, session.who, Capability.PROVIDER_MANAGE, where),
            lambda answer: self._open_menu(answer.refusal),
            self.tell_error,
        )

    def _open_menu(self, refusal: str) -> None:
        plan = self.plan
        if plan is None:
            self.atlas.flash("No file was read; :import FILE reads one.", "warn")
            return
        refused, writes = plan.totals[RowClass.REFUSED], self._writes(plan)
        nothing = refusal or ("" if writes else "There is nothing to write.")
        whole = nothing or (f"{count(refused, 'row')} refused: mend the file, or leave them out." if refused else "")
        rest = nothing or ("" if refused else "No row is refused.")
        items = [
            MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, why)
            for id, why in (("import_all", whole), ("import_rest", rest), ("import_tag", refusal), ("import_again", ""))
        ]
        self.app.push_screen(Menu(self.crumb().capitalize(), items), lambda id: self.do(id) if id is not None else None)

    @staticmethod
    def _writes(plan: Plan) -> int:
        return plan.totals[RowClass.CREATE] + plan.totals[RowClass.UPDATE]

    def command_import_all(self) -> None:
        """Every row, or nothing."""
        self._ask_first(skip_refused=False)

    def command_import_rest(self) -> None:
        """All rows that are not refused, or nothing."""
        self._ask_first(skip_refused=True)

    def _ask_first(self, *, skip_refused: bool) -> None:
        plan, source = self.plan, self.source
        if plan is None or source is None:
            return
        totals = plan.totals
        sentences = [
            f"Creates {count(totals[RowClass.CREATE], 'tenant')} and updates {totals[RowClass.UPDATE]:,} in "
            f"{self.session.workspace.name}; {count(totals[RowClass.UNCHANGED], 'row changes', 'rows change')} nothing.",
        ]
        if skip_refused:
            sentences.insert(0, f"Leaves out {count(totals[RowClass.REFUSED], 'refused row')}.")
        if source.tags:
            sentences.append(f"Each created or updated one gets the tags {', '.join(source.tags)}.")
        sentences += [
            "All of it is written at once, or nothing.",
            "Connections are not made: each new tenant is onboarded, or gets its connection, afterwards.",
        ]
        title = f"Import {count(self._writes(plan), 'tenant')} from {source.path.name}?"

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self._apply(plan, skip_refused, confirmed.ticket)

        self.app.push_screen(ConfirmName(title, sentences, confirm_label="Import"), go)

    def _apply(self, plan: Plan, skip_refused: bool, ticket: str | None) -> None:
        session, atlas = self.session, self.atlas

        def done(found: Imported) -> None:
            atlas.flash(
                f"{found.created:,} created, {found.updated:,} updated, {found.unchanged:,} unchanged, {found.skipped:,} left out",
                "ok",
            )
            self.source = self.plan = self._rows = None
            if atlas.seen is self and atlas.screen is self:
                atlas.navigation.go(Link(View.TENANTS, filter=""))

        def failed(error: AtlasError) -> None:
            if isinstance(error, Conflict):
                self._again("Nothing was written: tenants of the file changed. This is the new preview.")
            else:
                self.tell_error(error)

        atlas.flash(f"importing {count(self._writes(plan), 'tenant')}...")
        atlas.ask(
            "import",
            lambda: fleet_import.apply(
                session.db, session.who, plan.workspace_id, plan, skip_refused=skip_refused, ticket=ticket
            ),
            done,
            failed,
            keep_all=True,
        )

    def command_import_tag(self) -> None:
        """One more tag for every tenant that is written."""
        source = self.source
        if source is None:
            return

        def go(texts: Mapping[str, str] | None) -> None:
            if texts is not None:
                self.source = source.tagged(read_extra_tags(texts["tags"]))
                self._again("")

        tags = Asked(
            "tags", "Extra tags", ", ".join(source.tags), "separated by commas; empty for none", read_extra_tags
        )
        sentences = ("Every tenant that is created or updated gets them, beside those of the file and those it has.",)
        self.app.push_screen(AskLines("Extra tags", sentences, (tags,), confirm_label="Preview"), go)

    def command_import_again(self) -> None:
        """Read the file again."""
        self._again("The file was read again.")

    def _again(self, say: str) -> None:
        source, session = self.source, self.session
        if source is None:
            return

        def show(plan: Plan) -> None:
            self.take(replace(source), plan)
            if say:
                self.atlas.flash(say, "warn")
            else:
                self.atlas.clear_notice()

        self.atlas.flash(f"reading {source.path.name}...")
        self.ask("import", lambda: read_plan(session, source), show, self.tell_error)
