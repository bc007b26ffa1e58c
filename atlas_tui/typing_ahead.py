"""Keys that arrive together, as they do over a slow line: `/contoso` in one piece.

Promise: what was typed behind a key that opens a field arrives in the field. Textual gives a key to whatever has the focus when it comes
in, and acts on the one before only later, so the letters would go nowhere.

Must not know: which field it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from textual import events
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import App
    from textual.widget import Widget

    _Base = App[Any]
else:
    _Base = object


class TypesAhead(_Base):
    """Mix into an app, before `App`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._meant_for: WeakKeyDictionary[events.Key, Widget | None] = WeakKeyDictionary()
        super().__init__(*args, **kwargs)

    async def on_event(self, event: events.Event) -> None:
        """Remember what had the focus when a key came in."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._meant_for[event] = self.focused
        await super().on_event(event)

    async def on_key(self, event: events.Key) -> None:
        """A key that nothing took: if a field has the focus by now and had not then, it is the field's."""
        had_focus = self._meant_for.pop(event, self.focused)
        if isinstance(self.focused, Input) and self.focused is not had_focus:
            event.prevent_default()
            self.focused._forward_event(events.Key(event.key, event.character))
