"""Messages that threads post to the application."""

from __future__ import annotations

from textual.message import Message

from console.lines import Tone
from console.live import Looks
from console.snapshot import Snapshot


class SnapshotArrived(Message):
    """A newer picture of the home; one that waits is replaced by it."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotArrived)


class SettingsRead(Message):
    """What the settings say about the console."""

    def __init__(self, looks: Looks) -> None:
        super().__init__()
        self.looks = looks


class PictureWanted(Message):
    """A screen came into sight and has to be given the newest picture."""


class KillTried(Message):
    """What came of the kill key."""

    def __init__(self, said: str, tone: Tone) -> None:
        super().__init__()
        self.said, self.tone = said, tone
