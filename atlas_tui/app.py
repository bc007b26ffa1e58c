"""The dashboard: opens the database, shows screens, listens to the change feed, and says how fresh everything is.

Promise: something is on the screen before a database library is imported; nothing here asks the database on the event loop; quitting
waits for no query; a fault of the program itself ends in a sentence, never in a dump of variables.

Must not know: what screens show, SQL, the network, how a worker works.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingsMap

from atlas_tui import continued, crash, hangup, staying, theme
from atlas_tui.charset import shows_blocks
from atlas_tui.feed import Changed, Feed, Freshness, Poller, Reached, open_feed
from atlas_tui.keymap import Keymap, resolve
from atlas_tui.links import Link
from atlas_tui.mailbox import Mailbox
from atlas_tui.notices import Notice
from atlas_tui.own_worker import OwnWorker
from atlas_tui.screens.app_commands import AppCommands
from atlas_tui.screens.form_drafts import DraftKeeper
from atlas_tui.screens.opening import OpeningScreen
from atlas_tui.screens.prose import Times
from atlas_tui.threads import Asks, use_daemon_threads
from atlas_tui.typing_ahead import TypesAhead
from atlas_tui.widgets.flash_line import Level
from atlas_tui.widgets.status_line import Segment
from storage.errors import AtlasError
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.screens.frame import AtlasScreen
    from atlas_tui.screens.navigation import Navigation
    from atlas_tui.session import Session
    from atlas_tui.standing import Standing
    from atlas_tui.worker_process import WorkerProcess
    from storage.consent_requests import ConsentLink
    from storage.notifications import Notification
    from storage.outages import Outage

DRAFT_SECONDS: Final = 3.0
"""How long the end of the program waits for drafts to be written."""

OTHER_SCREENS_AFTER: Final = 0.5
"""Seconds after which the screens that are not seen yet are imported: the rows of the first one go before."""

TICK_SECONDS: Final = 5.0
"""How often ages and the workers are looked at. Paints nothing unless something reads differently."""


class AtlasApp(TypesAhead, Asks, App[int], inherit_bindings=False):
    """The dashboard.

    Args:
        opener: Opens the database; called in a worker thread.
        keys: Command id → keys, from the configuration.
        worker: The worker to start once the database is open; None when there shall be none.
        theme_name: One of `theme.THEMES`; chosen by the terminal when None.
        clock: The present, in UTC.
        make_feed: Makes the change feed of a session.

    Raises:
        InvalidInput: A key cannot be bound, or the theme does not exist.
    """

    TITLE = "Atlas"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH: ClassVar[Any] = Path(__file__).with_name("styles") / "atlas.tcss"

    def __init__(
        self,
        opener: Callable[[], Session],
        *,
        keys: Mapping[str, str] | None = None,
        worker: WorkerProcess | None = None,
        theme_name: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        make_feed: Callable[[Session], Feed] = lambda session: open_feed(session.db),
    ) -> None:
        self.keymap: Keymap = resolve(keys or {})
        chosen = theme_name or theme.choose_theme(environ if environ is not None else {})
        super().__init__(ansi_color=chosen == theme.ANSI.name)
        theme.register(self)
        self.theme = chosen
        self._bindings = BindingsMap(
            Binding(key, "command('quit')", "quit", show=False, priority=True) for key in self.keymap["quit"]
        )
        self.menu_keys = frozenset(self.keymap["actions"])
        self.everywhere = AppCommands(self)
        self.blocks = shows_blocks(environ or {})
        self.clock = clock
        self.zone: tzinfo = UTC
        self.freshness = Freshness()
        self.notice: Notice | None = None
        self.standing: Standing | None = None
        self.mailbox = Mailbox(self)
        self.consent_links: dict[int, ConsentLink] = {}
        """Connection → the newest consent link made here: its address is nowhere else, and gone with the program."""
        self.worker = OwnWorker(self, worker)
        self.attendance = staying.Attendance()
        self.drafts = DraftKeeper(lambda error: self.call_from_thread(self.flash, str(error), "bad"))
        self._opener = opener
        self._make_feed = make_feed
        self._session: Session | None = None
        self._navigation: Navigation | None = None
        self._poller: Poller | None = None

    # What screens ask of the app

    @property
    def session(self) -> Session:
        """Who asks what.

        Raises:
            RuntimeError: The database is not open yet.
        """
        if self._session is None:
            raise RuntimeError("there is no session before the database is open")
        return self._session

    @property
    def navigation(self) -> Navigation:
        """The screens, and the way between them.

        Raises:
            RuntimeError: The database is not open yet.
        """
        if self._navigation is None:
            raise RuntimeError("there is nothing to go to before the database is open")
        return self._navigation

    @property
    def is_open(self) -> bool:
        """Whether the database is open."""
        return self._navigation is not None

    @property
    def times(self) -> Times:
        """How moments are shown now."""
        return Times(self.clock(), self.zone)

    @property
    def outage(self) -> Outage | None:
        """What many tenants suffer from at once, if anything; None on the system plane."""
        return self.standing.outage if self.standing is not None else None

    def flash(
        self, text: str, level: Level = "info", link: Link | None = None, *, about: Notification | None = None
    ) -> None:
        """Say something on the flash line of whatever screen is seen.

        Args:
            text: A sentence.
            level: How it looks.
            link: What `l` opens while the message stands.
            about: The notification that is said.
        """
        self.notice = Notice(text, level, link, about=about)
        if (screen := self.seen) is not None:
            screen.show_notice()

    def clear_notice(self) -> None:
        """Take the message away."""
        self.notice = None
        if (screen := self.seen) is not None:
            screen.show_notice()

    def carry_notice(self) -> None:
        """Somebody goes elsewhere: what was said goes along, for as long as it may."""
        self.notice = self.notice.carried() if self.notice is not None else None

    def hurry_feed(self) -> None:
        """Look for changes now; after an unreachable database, try again now."""
        if self._poller is not None:
            self._poller.hurry()

    def status_segments(self) -> tuple[list[Segment], list[Segment]]:
        """Line 1: where, who, and how fresh."""
        from atlas_tui.standing import identity, running

        return identity(self._session), running(self)

    @property
    def seen(self) -> AtlasScreen | None:
        """The screen that is seen, below any dialog; None before the database is open."""
        from atlas_tui.screens.frame import AtlasScreen

        for screen in reversed(self.screen_stack):
            if isinstance(screen, AtlasScreen) and screen.is_mounted:
                return screen
        return None

    def action_command(self, id: str) -> None:
        """A key of the app itself was pressed: one that works over dialogs too."""
        getattr(self.everywhere, f"command_{id}")()

    # Opening

    async def on_mount(self) -> None:
        """Paint, then open the database beside it."""
        use_daemon_threads()
        hangup.listen(self.hang_up)
        continued.listen(self._driver)
        await self.push_screen(OpeningScreen(self.keymap))
        self.call_after_refresh(self.open_database)

    def open_database(self) -> None:
        """Open it in a worker thread, and import the first screen there too."""

        def work() -> Session:
            session = self._opener()
            from atlas_tui.screens import navigation

            navigation.import_screen(navigation.first_view(session))
            return session

        self.ask("open", work, self._opened, self._not_opened)

    def _not_opened(self, error: AtlasError) -> None:
        gc.enable()
        # Somebody may have quit meanwhile: then no screen is left.
        if self.screen_stack and isinstance(self.screen, OpeningScreen):
            self.screen.show_error(error)

    async def _enter_first(self) -> None:
        from atlas_tui.screens.form_opening import remind_of_drafts
        from atlas_tui.screens.navigation import import_the_others
        from atlas_tui.screens.onboarding_opening import remind_of_onboardings

        await self.navigation.start()
        remind_of_drafts(self)
        remind_of_onboardings(self)
        self.mailbox.look()
        self.set_timer(OTHER_SCREENS_AFTER, partial(import_the_others, self))

    def _opened(self, session: Session) -> None:
        from atlas_tui.screens.navigation import Navigation

        self._session = session
        self._navigation = Navigation(self)
        self._poller = Poller(self._make_feed(session), self.post_message, self.clock)
        self.run_worker(self._poller.run, name="feed", group="feed", exit_on_error=False, thread=True)
        self.set_interval(TICK_SECONDS, self.tick)
        self.call_next(self._enter_first)
        self.worker.start()

    def enter_workspace(self, slug: str) -> None:
        """Go to another workspace.

        Raises:
            NotFound: There is none of that name for this person.
        """
        self._session = self.session.entered(slug)
        self.standing = None
        self.call_next(self.navigation.start_over)
        self.ask_standing()

    def rights_changed(self, session: Session) -> None:
        """The person may do more, or less, than before: every page asks again."""
        self._session = session
        self.spread(frozenset(Topic))
        self.show_status()

    # Changes

    def on_changed(self, message: Changed) -> None:
        """The feed has news."""
        self.freshness = replace(self.freshness, changed_at=self.clock(), error=None)
        self.spread(message.topics)
        if message.topics & {Topic.RUNS, Topic.WORKERS, Topic.CONNECTIONS}:
            self.ask_standing()
        if Topic.NOTIFICATIONS in message.topics:
            self.mailbox.look()
        if Topic.MEMBERS in message.topics:
            staying.ask(self)
        self.show_status()

    def spread(self, topics: frozenset[Topic]) -> None:
        """Tell the screen that is seen; the others ask when they are shown again."""
        for screen in self.navigation.screens():
            if screen is self.seen and not self.freshness.is_paused:
                screen.changed(topics)
            else:
                screen.miss(topics)

    def on_reached(self, message: Reached) -> None:
        """The database went away, or came back."""
        self.freshness = replace(self.freshness, error=message.error)
        if message.error is not None:
            self.flash(f"{message.error} Trying again; ctrl+r tries now.", "bad")
        else:
            self.flash("The database is back.", "ok")
        self.show_status()

    def tick(self) -> None:
        """Some seconds passed: ages, workers that died without a word, a feed that hangs."""
        if self._poller is not None:
            self.freshness = replace(self.freshness, answered_at=self._poller.answered_at)
        if (screen := self.seen) is not None and not self.freshness.is_paused:
            screen.show_ages()
        self.worker.look()
        if self.attendance.is_due():
            staying.ask(self)
        self.ask_standing()
        self.show_status()

    def show_status(self) -> None:
        """Line 1 and the tabs anew; only what reads differently is written."""
        if (screen := self.seen) is not None:
            screen.show_frame()

    def ask_standing(self) -> None:
        """Ask for workers and the queue."""
        from atlas_tui.standing import read_standing

        session = self.session

        def show(standing: Standing) -> None:
            self.standing = standing
            self.show_status()

        self.ask("standing", lambda: read_standing(session), show, lambda error: None)

    # The end

    def keep_drafts(self) -> None:
        """Write down what is typed into forms, and wait for it a little: the program is about to end."""
        for screen in self.screen_stack:
            if (keep := getattr(screen, "keep_draft", None)) is not None:
                keep()
        self.drafts.flush(DRAFT_SECONDS)

    def hang_up(self) -> None:
        """The line dropped, or somebody ends the program: keep the drafts, then quit."""
        self.keep_drafts()
        self.stop_listening()
        self.exit(0)

    def stop_listening(self) -> None:
        """End the feed's thread."""
        if self._poller is not None:
            self._poller.stop()

    def on_unmount(self) -> None:
        """The app ends."""
        hangup.stop_listening()
        self.stop_listening()

    def _handle_exception(self, error: Exception) -> None:
        """A fault of the program: a sentence instead of Textual's traceback with local variables."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._say_fault(error)

    def _fatal_error(self) -> None:
        """Textual's crash screen; never reached through `_handle_exception`, and harmless if something else calls it."""
        self._say_fault(RuntimeError("unknown"))

    def _say_fault(self, error: BaseException) -> None:
        if not self._exit_renderables:
            self._exit_renderables.append(Text(crash.message_for(error)))
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        """Textual ends the app with something to print, such as an error in a style sheet; only its kind is told."""
        kinds: Iterable[str] = (type(renderable).__name__ for renderable in renderables)
        self._say_fault(RuntimeError(", ".join(kinds)))
