"""The panes of the overview: each hands its slice of the Snapshot to a pure function."""

from __future__ import annotations

from console.lines import Line
from console.present.outside import events, exchange, windows
from console.present.rungs import ladder
from console.present.top import top_line, unread_line
from console.present.vitals import engine, gates
from console.snapshot import Snapshot
from console.widgets.pane import Pane


class TopLine(Pane):
    """The one line that is on every screen."""

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return [top_line(snapshot, width, self.glyphs)]

    def unread(self, width: int) -> list[Line]:
        return [unread_line(width, self.glyphs)]


class Gates(Pane):
    """Gates with reasons."""

    heading = "GATES"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return gates(snapshot, width, self.glyphs)


class KillLadder(Pane):
    """Rungs of the kill in force."""

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return ladder(snapshot, width, self.glyphs)


class EngineStrip(Pane):
    """Process, cycle, feed, orders, errors."""

    heading = "ENGINE"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return engine(snapshot, width, self.glyphs)


class Windows(Pane):
    """Freeze windows."""

    heading = "WINDOWS"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return windows(snapshot, width, self.glyphs)


class AtExchange(Pane):
    """What the exchange says rests."""

    heading = "AT THE EXCHANGE"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return exchange(snapshot, width, height, self.glyphs)


class Events(Pane):
    """Recent events."""

    heading = "EVENTS"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return events(snapshot, width, height, self.glyphs)
