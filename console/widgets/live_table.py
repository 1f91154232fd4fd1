"""A table that repaints only changed cells, and keeps cursor and scroll by the key of a row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from textual.binding import Binding

from console.lines import Line, Span, Tone, table_row
from console.present.positions import Column, Row
from console.snapshot import Snapshot
from console.widgets.pane import Pane

MARGIN = 3
"""Cells left of the first column, for the cursor."""


class LiveTable(Pane, can_focus=True):
    """Heading lines, a row of column names, rows. Subclasses say what they are made of."""

    BINDINGS = [
        Binding("up,k", "move(-1)", "row up", show=False),
        Binding("down,j", "move(1)", "row down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "edge(-1)", "first row", show=False),
        Binding("end", "edge(1)", "last row", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self.rows: list[Row] = []
        self.cursor: str | None = None
        """Key of the row under the cursor."""
        self._index = 0
        self._first = 0
        self._room = 1
        self._placed = False
        """Whether the reader chose a row; until then the top of the table is shown, whatever comes in there."""

    @abstractmethod
    def rows_of(self, snapshot: Snapshot, width: int) -> tuple[Sequence[Column], list[Row]]:
        """Columns and rows for a table of `width` cells."""

    @abstractmethod
    def heading_of(self, snapshot: Snapshot, width: int, place: str) -> Line:
        """Title; `place` tells which rows are seen when not all are."""

    @abstractmethod
    def trouble_of(self, snapshot: Snapshot, width: int) -> list[Line]:
        """What is wrong with the file that the rows are from."""

    @abstractmethod
    def none_of(self, snapshot: Snapshot) -> Line:
        """What stands where there are no rows."""

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        columns, rows = self.rows_of(snapshot, width - MARGIN)
        self._take(rows)
        trouble = self.trouble_of(snapshot, width)
        if not rows:
            return [self.heading_of(snapshot, width, ""), *trouble, self.none_of(snapshot)]
        self._room = max(1, height - len(trouble) - 2)
        self._scroll()
        body = rows[self._first : self._first + self._room]
        place = f"{self._first + 1}-{self._first + len(body)} seen" if len(body) < len(rows) else ""
        widths = tuple(column.cells for column in columns)
        right = tuple(column.right for column in columns)
        names = table_row(tuple(Span(column.heading, Tone.NOTE) for column in columns), widths, right)
        table = [self._row(row, widths, right) for row in body]
        return [self.heading_of(snapshot, width, place), *trouble, (Span(" " * MARGIN), *names), *table]

    def _row(self, row: Row, widths: tuple[int, ...], right: tuple[bool, ...]) -> Line:
        cells = table_row(row.cells, widths, right, self.glyphs.cut)
        if row.key != self.cursor or not self.has_focus:
            return (Span("   "), *cells)
        return (Span(f" {self.glyphs.here} ", Tone.KEY), Span(cells[0].text, Tone.TITLE), *cells[1:])

    def _take(self, rows: list[Row]) -> None:
        """New rows: the cursor stays on its key; when that is gone, on the row that took its place."""
        keys = [row.key for row in rows]
        if not self._placed:
            self.rows, self.cursor, self._index, self._first = rows, keys[0] if keys else None, 0, 0
            return
        top = self.rows[self._first].key if self._first < len(self.rows) else None
        offset = self._index - self._first
        self.rows = rows
        if self.cursor in keys:
            self._index = keys.index(self.cursor)
            self._first = max(0, self._index - offset)
        elif keys:
            self._index = min(self._index, len(keys) - 1)
            self.cursor = keys[self._index]
            self._first = keys.index(top) if top in keys else self._first
        else:
            self.cursor, self._index, self._first = None, 0, 0

    def _scroll(self) -> None:
        self._first = max(self._index - self._room + 1, min(self._first, self._index))
        self._first = max(0, min(self._first, len(self.rows) - self._room))

    def _go(self, index: int) -> None:
        if self.rows:
            self._index = max(0, min(index, len(self.rows) - 1))
            self.cursor = self.rows[self._index].key
            self._placed = self._index > 0
            self.redraw()

    def action_move(self, rows: int) -> None:
        """Cursor by `rows`."""
        self._go(self._index + rows)

    def action_page(self, pages: int) -> None:
        """Cursor by pages."""
        self._go(self._index + pages * self._room)

    def action_edge(self, end: int) -> None:
        """Cursor to the first or the last row."""
        self._go(0 if end < 0 else len(self.rows) - 1)

    def watch_has_focus(self, _has_focus: bool) -> None:
        """The cursor is seen while the table has the focus."""
        super().watch_has_focus(_has_focus)
        self.redraw()

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self._index] if self.rows else None
