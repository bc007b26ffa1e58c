"""Keys that arrive together, as they do over a slow line or from a password manager: `/contoso` in one piece, or a name, Tab, a secret.

Promise: what was typed behind a key that opens a field arrives in the field, and what was typed behind a Tab in the one that it leads to.
Textual gives a key to whatever has the focus when it comes in, and acts on the one before only later: the letters would go nowhere,
or into the wrong field, of which a secret one does not even show it.

Must not know: which field it is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from textual import events
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import App
    from textual.widget import Widget

    _Base = App[Any]
else:
    _Base = object

_TABS: Final = ("tab", "shift+tab")
_AT_MOST: Final = 0.1
"""Seconds that keys are kept behind a Tab which some widget used for itself, so that it never comes back here."""


class TypesAhead(_Base):
    """Mix into an app, before `App`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._meant_for: WeakKeyDictionary[events.Key, Widget | None] = WeakKeyDictionary()
        self._tab: events.Key | None = None
        self._behind_tab: deque[events.Event] = deque()
        super().__init__(*args, **kwargs)

    async def on_event(self, event: events.Event) -> None:
        """Remember what had the focus when a key came in; keep what comes behind a Tab until Tab has moved the focus."""
        comes_in = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if comes_in and self._tab is not None:
            self._behind_tab.append(event)
            return
        if comes_in and isinstance(event, events.Key):
            self._meant_for[event] = self.focused
            if event.key in _TABS:
                self._tab = event
        await super().on_event(event)
        if event is not self._tab:
            return
        if comes_in and event.is_forwarded:
            # It is on its way through the focused widget and those around it, and comes back here to be acted on.
            self.set_timer(_AT_MOST, lambda: self._let_go(event))
        else:
            await self._let_go(event)

    async def _let_go(self, tab: events.Event) -> None:
        """A Tab is over: what was kept behind it goes on, up to the next one."""
        if tab is not self._tab:
            return
        self._tab = None
        while self._behind_tab and self._tab is None:
            await self.on_event(self._behind_tab.popleft())

    async def on_key(self, event: events.Key) -> None:
        """A key that nothing took: if a field has the focus by now and had not then, it is the field's."""
        had_focus = self._meant_for.pop(event, self.focused)
        if isinstance(self.focused, Input) and self.focused is not had_focus:
            event.prevent_default()
            self.focused._forward_event(events.Key(event.key, event.character))
