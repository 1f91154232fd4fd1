"""A page of lines that scrolls."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from console.lines import Line
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

    def __init__(self, lines: Sequence[Line], *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self._all = list(lines)
        self._first = 0

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return self._all[self._first :]

    def action_scroll_by(self, rows: int) -> None:
        """Move by rows."""
        self._first = max(0, min(self._first + rows, len(self._all) - self.size.height))
        self.redraw()

    def action_scroll_pages(self, pages: int) -> None:
        """Move by pages."""
        self.action_scroll_by(pages * max(1, self.size.height - 1))
