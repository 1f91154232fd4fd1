"""Reads the keys. The kill key acts in the thread that reads the terminal: a picture under way does not delay it, nor
a terminal that takes no more output, behind which the event loop stands still. Every other key acts before the next
one is looked at, so that keys that arrive in one piece mean what they mean one by one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from textual.app import App, ScreenStackError, UnknownModeError
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, Key
from textual.message import Message
from textual.screen import Screen

from console.actions import KILL, OPENS_TEXT, Action

OPENS_WITHIN_S = 1.0
"""A text field that is not there by then is not what a person types into."""
ESCAPE_K = "alt+shift+k"
"""What Esc and then K, pressed within 0.1 s, are to a terminal; no text field takes them for a letter."""


class KeyedApp(App[int]):
    """An application whose kill key waits for nothing, and is a letter only in a text field."""

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__(driver_class=KeyDriver)
        self.actions = actions
        self._left = False
        """Whether the key read last was Esc: after it nobody types any more."""
        self._opening: Key | None = None
        """A key that was read and may open a text field as soon as it is handled."""

    @abstractmethod
    def action_kill(self) -> None:
        """Engage, in whatever thread."""

    def takes(self, read: Key) -> bool:
        """In the thread that reads: kill at once if that is the kill key, and no letter of what somebody types."""
        left, self._left = self._left, read.key == "escape"
        opening = self._opening  # the loop may take it away at any time
        opens = opening is not None and read.time - opening.time < OPENS_WITHIN_S
        if self._kills(read, typed=not left and (opens or self._types(read))):
            return True
        if read.key in OPENS_TEXT and not self._types(read):
            self._opening = read
        return False

    async def on_event(self, event: Event) -> None:
        """Act on a key in its turn; what is left is the widgets'."""
        if not (isinstance(event, Key) and not event.is_forwarded and await self._acts(event)):
            await super().on_event(event)
        if event is self._opening:
            self._opening = None

    async def _acts(self, pressed: Key) -> bool:
        if self._kills(pressed, typed=self._types(pressed)) or self._seen is None:
            return True
        await self._seen._mounted_event.wait()  # what a key acts on must be there
        self.app_focus = True  # whose key it is, whatever the terminal said of its window
        return not self._types(pressed) and await self._check_bindings(pressed.key)

    def _kills(self, pressed: Key, *, typed: bool) -> bool:
        if KILL not in self.actions or not (pressed.key == ESCAPE_K or (pressed.key == KILL.key and not typed)):
            return False
        self.action_kill()
        return True

    def _types(self, pressed: Key) -> bool:
        screen = self._seen
        focused = screen.focused if screen is not None else None
        return focused is not None and focused.check_consume_key(pressed.key, pressed.character)

    @property
    def _seen(self) -> Screen[object] | None:
        """None while there is no screen yet, or none any more: no key but the kill key means anything then."""
        try:
            return self.screen
        except (ScreenStackError, UnknownModeError):
            return None


class KeyDriver(LinuxDriver):
    """Offers each key to the application before it is queued."""

    def send_message(self, message: Message) -> None:
        app = self._app
        if not (isinstance(message, Key) and isinstance(app, KeyedApp) and app.takes(message)):
            super().send_message(message)
