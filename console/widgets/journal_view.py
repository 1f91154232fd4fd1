"""The rows of a journal: a window on a JournalTail that follows its end, or stays where the reader is."""

from __future__ import annotations

from textual.binding import Binding
from textual.message import Message

from console.lines import Line, Span, Tone, fit, retone
from console.matching import EVERYTHING, Matcher
from console.present.log import log_line
from console.snapshot import Snapshot
from console.tail import JournalTail
from console.widgets.pane import Pane


class JournalView(Pane, can_focus=True):
    """Cursor and scroll are positions among lines; they stay with their line when lines come or go around it."""

    BINDINGS = [
        Binding("up,k", "move(-1)", "line up", show=False),
        Binding("down,j", "move(1)", "line down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown,space", "page(1)", "page down", show=False),
        Binding("home", "edge(-1)", "oldest line held", show=False),
        Binding("end", "edge(1)", "newest line, and follow", show=False),
        Binding("enter", "open", "open the line", show=False),
    ]

    class OlderWanted(Message):
        """The reader is at the first line held."""

    class Opened(Message):
        """A line is to be shown whole."""

        def __init__(self, raw: bytes) -> None:
            super().__init__()
            self.raw = raw

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self.tail: JournalTail | None = None
        self.marked: Matcher = EVERYTHING
        self.following = True
        self.cursor = 0
        self._first = 0

    def take(self, tail: JournalTail) -> None:
        """Another journal, or another filter: at its end, following."""
        self.tail, self.following = tail, True
        self.cursor = self._first = 0
        self.moved(0, 0)

    def moved(self, front: int, gone: int) -> None:
        """Lines came (`front`) or went (`gone`) in front; paint."""
        shift = front - gone
        self.cursor, self._first = max(0, self.cursor + shift), max(0, self._first + shift)
        if self.following:
            self.cursor = max(0, self._count - 1)
        self.redraw()

    @property
    def _count(self) -> int:
        return len(self.tail.lines) if self.tail else 0

    @property
    def current(self) -> bytes | None:
        """The line under the cursor."""
        return self.tail.lines[self.cursor] if self.tail and self.cursor < self._count else None

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        if self.tail is None:
            return [(Span("   reading …", Tone.NOTE),)]
        if not self._count:
            return [(Span(f"   {self._nothing()}", Tone.NOTE),)]
        self._first = max(self.cursor - height + 1, min(self._first, self.cursor), 0)
        self._first = max(0, min(self._first, self._count - height))
        rows = enumerate(self.tail.window(self._first, height), self._first)
        return [self._row(index, raw, width) for index, raw in rows]

    def _nothing(self) -> str:
        assert self.tail is not None
        if self.tail.matcher:
            return f"nothing matches {self.tail.matcher.text}" + (
                "" if self.tail.complete else " so far; searching further back …"
            )
        return f"{self.tail.path.name} is missing or empty: nothing was journalled yet"

    def _row(self, index: int, raw: bytes, width: int) -> Line:
        row = fit(log_line(raw), width, self.glyphs.cut)
        if index == self.cursor and not self.following:
            return retone(row, Tone.CURSOR)
        if self.marked and self.marked.matches(raw):
            return retone(row, Tone.MATCH)
        return row

    def jump(self, index: int) -> None:
        """Cursor to a line; following ends, or begins again at the last one."""
        if not self._count:
            return
        self.cursor = max(0, min(index, self._count - 1))
        self.following = False
        self.redraw()
        if index < 0 or self.cursor == 0:
            self.post_message(self.OlderWanted())

    def action_move(self, rows: int) -> None:
        """Cursor by rows."""
        self.jump(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        """Cursor by pages."""
        self.jump(self.cursor + pages * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        """To the oldest line held, or to the end, which is followed again."""
        self.jump(0 if end < 0 else self._count - 1)
        if end > 0:
            self.following = True
            self.redraw()

    def action_open(self) -> None:
        """Show the whole line."""
        if self.current is not None:
            self.post_message(self.Opened(self.current))
