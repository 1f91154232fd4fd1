"""Reads the terminal. What an application takes at once acts in the thread that reads: a picture under way does not
delay it, nor a terminal that takes no more output, behind which the event loop stands still.
"""

from __future__ import annotations

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.message import Message


class TakesKeys(App[int]):
    """An application with keys that must not wait."""

    def takes(self, pressed: Key) -> bool:
        """Act on a key if it is such a one, in whatever thread; whether it was."""
        raise NotImplementedError


class KeyDriver(LinuxDriver):
    """Offers each key to the application before it is queued."""

    def send_message(self, message: Message) -> None:
        app = self._app
        if not (isinstance(message, Key) and isinstance(app, TakesKeys) and app.takes(message)):
            super().send_message(message)
