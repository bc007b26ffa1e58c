"""Keys that arrive together, as they do over a slow line or from a password manager: `/contoso` in one piece, or a name, Tab, a secret.

Promise: what was typed behind a key that opens a field arrives in the field, behind a Tab in the one that it leads to, and behind the
key of a menu in the menu.
Textual gives a key to whatever has the focus when it comes in, and acts on the one before only later: the letters would go nowhere,
or into the wrong field, of which a secret one does not even show it.

Must not know: which field it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from textual import events
from textual.screen import ModalScreen
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen
    from textual.widget import Widget

    _Base = App[Any]
else:
    _Base = object

_TABS: Final = ("tab", "shift+tab")
_AT_MOST: Final = 0.1
"""Seconds that keys are kept behind a Tab which some widget used for itself, so that it never comes back here."""

_MENU_WITHIN: Final = 0.5
"""Seconds that keys are kept for a menu, which is not there before the database has said what may be done."""

_LOOK_EVERY: Final = 0.01


def _now() -> float:
    return asyncio.get_running_loop().time()


class TypesAhead(_Base):
    """Mix into an app, before `App`."""

    menu_keys: frozenset[str] = frozenset()
    """The keys that open a menu where nothing is typed into."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._meant_for: WeakKeyDictionary[events.Key, Widget | None] = WeakKeyDictionary()
        self._leading: events.Key | None = None
        self._behind: deque[events.Event] = deque()
        super().__init__(*args, **kwargs)

    async def on_event(self, event: events.Event) -> None:
        """Remember what had the focus when a key came in; keep what comes behind one that leads elsewhere until it has led there."""
        comes_in = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if comes_in and self._leading is not None:
            self._behind.append(event)
            return
        if comes_in and isinstance(event, events.Key):
            self._meant_for[event] = self.focused
            if event.key in _TABS:
                self._leading = event
            elif self._opens_menu(event):
                self._leading = event
                self._look_for_menu(event, self.screen, _now() + _MENU_WITHIN)
        is_tab = event is self._leading and event.key in _TABS
        await super().on_event(event)
        if not is_tab or event is not self._leading:
            return
        if comes_in and event.is_forwarded:
            # It is on its way through the focused widget and those around it, and comes back here to be acted on.
            self.set_timer(_AT_MOST, lambda: self._let_go(event))
        else:
            await self._let_go(event)

    def _opens_menu(self, event: events.Key) -> bool:
        if event.key not in self.menu_keys or isinstance(self.screen, ModalScreen):
            return False
        return self.focused is None or not self.focused.check_consume_key(event.key, event.character)

    def _look_for_menu(self, event: events.Key, before: Screen[Any], until: float) -> None:
        """Let what is kept go on as soon as something else has opened and has the focus, or it did not."""

        async def look() -> None:
            if (self.screen is not before and self.focused is not None) or _now() >= until:
                await self._let_go(event)
            else:
                self.set_timer(_LOOK_EVERY, look)

        self.set_timer(_LOOK_EVERY, look)

    async def _let_go(self, leading: events.Event) -> None:
        """A key has led where it leads: what was kept behind it goes on, up to the next one."""
        if leading is not self._leading:
            return
        self._leading = None
        while self._behind and self._leading is None:
            await self.on_event(self._behind.popleft())

    async def on_key(self, event: events.Key) -> None:
        """A key that nothing took: if a field has the focus by now and had not then, it is the field's."""
        had_focus = self._meant_for.pop(event, self.focused)
        if isinstance(self.focused, Input) and self.focused is not had_focus:
            event.prevent_default()
            self.focused._forward_event(events.Key(event.key, event.character))
