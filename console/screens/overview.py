"""The overview: may it trade, is it alive, what does it hold, what rests, what happened just now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.widget import Widget

from console.screens.base import ConsoleScreen
from console.snapshot import Snapshot
from console.widgets.panels import AtExchange, EngineStrip, Events, Gates, KillLadder, Windows
from console.widgets.positions import Positions

if TYPE_CHECKING:
    from console.widgets.filter_line import FilterLine

PAGES = ("vitals", "book")


class Overview(ConsoleScreen):
    """Two pages on a small terminal, one on a larger one."""

    AUTO_FOCUS = "Positions"

    def body(self) -> Iterator[Widget]:
        yield Container(
            KillLadder(id="ladder"),
            Gates(id="gates"),
            Container(EngineStrip(id="engine"), Windows(id="windows"), id="right"),
            id="vitals",
        )
        yield Container(
            Container(Positions(id="positions"), AtExchange(id="exchange"), id="book"),
            Events(id="events"),
            id="middle",
        )

    DEFAULT_CLASSES = "-page-vitals"

    def show(self, snapshot: Snapshot) -> None:
        self.set_class(snapshot.kill.engaged, "-killed")
        super().show(snapshot)

    def turn(self) -> None:
        """The other page of a small terminal."""
        for page in PAGES:
            self.toggle_class(f"-page-{page}")
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Paint panes that were hidden."""
        for pane in self.query("Pane"):
            pane.redraw()  # type: ignore[attr-defined]

    def content(self) -> str:
        row = self.query_one(Positions).current_row
        return "  ".join(cell.text for cell in row.cells) if row else ""

    def on_filter_line_wanted(self, message: FilterLine.Wanted) -> None:
        """Filter the positions as it is typed."""
        self.query_one(Positions).want(message.text)

    def on_filter_line_closed(self) -> None:
        """Back to the table."""
        self.query_one(Positions).focus()
