"""The shadow positions, as a live table."""

from __future__ import annotations

from collections.abc import Sequence

from console.lines import Line
from console.present import positions
from console.present.positions import Column, Row
from console.snapshot import Snapshot
from console.widgets.live_table import LiveTable


class Positions(LiveTable):
    """Open paper positions; `wanted` filters by ticker or family."""

    wanted = ""

    def parts(self, snapshot: Snapshot, width: int) -> tuple[list[Line], Sequence[Column], list[Row], Line]:
        inner = width - 3
        rows = positions.rows(snapshot, inner, self.glyphs, self.wanted)
        book = snapshot.positions.value
        hidden = len(book.positions) - len(rows) if book else 0
        heading = positions.heading(snapshot, width, self.glyphs, hidden, self.wanted)
        return heading, positions.columns(inner), rows, positions.empty(snapshot, self.wanted)

    def want(self, wanted: str) -> None:
        """Show only rows that hold `wanted`; "" shows all."""
        self.wanted = wanted
        self.redraw()
