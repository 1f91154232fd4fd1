"""The shadow positions, as a live table."""

from __future__ import annotations

from collections.abc import Sequence

from console.lines import Line
from console.present import positions
from console.present.panel import trouble
from console.present.positions import Column, Row
from console.snapshot import Snapshot
from console.widgets.live_table import LiveTable


class Positions(LiveTable):
    """Open paper positions; `wanted` filters by ticker or family."""

    heading = "SHADOW POSITIONS"
    wanted = ""

    def rows_of(self, snapshot: Snapshot, width: int) -> tuple[Sequence[Column], list[Row]]:
        return positions.columns(width), positions.rows(snapshot, width, self.glyphs, self.wanted)

    def heading_of(self, snapshot: Snapshot, width: int, place: str) -> Line:
        book = snapshot.positions.value
        hidden = len(book.positions) - len(self.rows) if book else 0
        return positions.heading(snapshot, width, self.glyphs, hidden, self.wanted, place)

    def trouble_of(self, snapshot: Snapshot, width: int) -> list[Line]:
        return trouble(snapshot.positions, width, self.glyphs)

    def none_of(self, snapshot: Snapshot) -> Line:
        return positions.empty(snapshot, self.wanted)

    def want(self, wanted: str) -> None:
        """Show only rows that hold `wanted`; "" shows all."""
        self.wanted = wanted
        self.redraw()
