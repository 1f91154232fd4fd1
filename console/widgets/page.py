"""A page of lines that scrolls."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from console.lines import Line, Span, Tone, fold
from console.snapshot import Snapshot
from console.widgets.pane import Pane


class Page(Pane, can_focus=True):
    """Shows lines it was given; arrows scroll."""

    BINDINGS = [
        Binding("up,k", "scroll_by(-1)", show=False),
        Binding("down,j", "scroll_by(1)", show=False),
        Binding("pageup", "scroll_pages(-1)", show=False),
        Binding("pagedown,space", "scroll_pages(1)", show=False),
        Binding("home", "scroll_by(-1000000)", show=False),
        Binding("end", "scroll_by(1000000)", show=False),
    ]

    def __init__(self, lines: Sequence[Line], *, indent: int = 3, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self._lines_given = tuple(lines)
        self._indent = indent
        self._first = 0

    def _folded(self) -> list[Line]:
        """The lines in rows of this width: nothing is cut off."""
        return [row for each in self._lines_given for row in fold(each, self.size.width, self._indent)]

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        rows = self._folded()[self._first :]
        if len(rows) > height:
            rows = [*rows[: height - 1], (Span(f"   {len(rows) - height + 1} more rows: PgDn", Tone.NOTE),)]
        return rows

    def action_scroll_by(self, rows: int) -> None:
        """Move by rows."""
        self._first = max(0, min(self._first + rows, len(self._folded()) - self.size.height))
        self.redraw()

    def action_scroll_pages(self, pages: int) -> None:
        """Move by pages."""
        self.action_scroll_by(pages * max(1, self.size.height - 1))
