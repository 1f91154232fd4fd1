"""A table that repaints only changed cells, and keeps cursor and scroll by the key of a row."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from console.lines import Line, Span, Tone, fit, table_row
from console.present.positions import Column, Row
from console.snapshot import Snapshot
from console.widgets.pane import Pane


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

    def parts(self, snapshot: Snapshot, width: int) -> tuple[list[Line], Sequence[Column], list[Row], Line]:
        """Heading, columns, rows, and the line that stands where there are no rows."""
        raise NotImplementedError

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        heading, columns, rows, none = self.parts(snapshot, width)
        self._take(rows)
        if not rows:
            return [*heading, none]
        widths = [column.cells for column in columns]
        right = [column.right for column in columns]
        names = [Span(column.heading, Tone.NOTE) for column in columns]
        self._room = max(1, height - len(heading) - 1)
        self._scroll()
        body = rows[self._first : self._first + self._room]
        table = [self._row(row, widths, right) for row in body]
        hidden = len(rows) - len(body)
        title = heading[0] if not hidden else self._with_place(heading[0], len(body), len(rows), width)
        return [title, *heading[1:], (Span("   "), *table_row(names, widths, right)), *table]

    def _row(self, row: Row, widths: Sequence[int], right: Sequence[bool]) -> Line:
        cells = table_row(row.cells, widths, right, self.glyphs.cut)
        if row.key != self.cursor or not self.has_focus:
            return (Span("   "), *cells)
        return (Span(f" {self.glyphs.here} ", Tone.KEY), Span(cells[0].text, Tone.TITLE), *cells[1:])

    def _with_place(self, title: Line, shown: int, total: int, width: int) -> Line:
        place = Span(f"   rows {self._first + 1}-{self._first + shown} of {total}", Tone.CAUTION)
        return fit((title[0], place, *title[1:]), width, self.glyphs.cut) if title else title

    def _take(self, rows: list[Row]) -> None:
        """New rows: the cursor stays on its key; when that is gone, on the row that took its place."""
        keys = [row.key for row in rows]
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

    def on_focus(self) -> None:
        """The cursor is seen while the table has the focus."""
        self.redraw()

    def on_blur(self) -> None:
        """The cursor is seen while the table has the focus."""
        self.redraw()

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self._index] if self.rows else None
