"""The log: any journal, followed, paused, searched, filtered; a line opens as formatted JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from textual.widget import Widget

from console.actions import Action
from console.lines import Line, Span, Tone, line, spread
from console.matching import EVERYTHING, Matcher
from console.modals.detail import Detail
from console.screens.base import ConsoleScreen
from console.snapshot import Snapshot
from console.tail import JournalTail
from console.widgets.filter_line import FilterLine
from console.widgets.journal_view import JournalView
from console.widgets.pane import Pane
from state.home import Home, Journal

PAINT_S = 0.2
"""A journal that grows fast is painted at most this often."""
ENOUGH = 400
JOURNALS = tuple(sorted(Home.journals(), key=lambda entry: entry is not Home.events))
"""Events first, then the table's order."""


class JournalTitle(Pane):
    """Which journal, how it is followed, what the filter hides."""

    said = ""
    journal: Journal = JOURNALS[0]

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        names = [
            Span(f" {Path(entry.path).stem} ", Tone.CURSOR if entry is self.journal else Tone.NOTE)
            for entry in JOURNALS
        ]
        return [
            spread(
                line(Span(" LOG  ", Tone.TITLE), *names), line(Span("Tab: next ", Tone.NOTE)), width, self.glyphs.cut
            ),
            line(Span(f"   {self.journal.path}   ", Tone.LABEL), Span(self.said, Tone.NOTE)),
        ]


class Log(ConsoleScreen):
    """Reads its journal in a thread, woken by each Snapshot."""

    AUTO_FOCUS = "JournalView"
    searches = True

    def __init__(self, home: Home, actions: Sequence[Action], possible: dict[str, bool], *, read_only: bool) -> None:
        super().__init__(actions, possible, read_only=read_only)
        self._home = home
        self._opened = False
        self._busy = asyncio.Lock()
        self._matcher = EVERYTHING
        self._polling = False
        self._new = 0

    def body(self) -> Iterator[Widget]:
        yield JournalTitle(id="title")
        yield JournalView(id="journal")

    @property
    def view(self) -> JournalView:
        """The rows."""
        return self.query_one(JournalView)

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        if not self._opened:
            self._opened = True
            self._reopen()
        if self.is_current and not self._polling:
            self._polling = True
            self.run_worker(self._poll(), group="poll", exit_on_error=False)

    def turn(self) -> None:
        """The next journal."""
        title = self.query_one(JournalTitle)
        title.journal = JOURNALS[(JOURNALS.index(title.journal) + 1) % len(JOURNALS)]
        self._reopen()

    def _reopen(self) -> None:
        self._new = 0
        self.run_worker(self._open(self._matcher), group="open", exclusive=True, exit_on_error=False)

    async def _open(self, matcher: Matcher) -> None:
        """The journal from its end; with a filter, back until there is enough to see."""
        path = self._home.path(self.query_one(JournalTitle).journal)
        async with self._busy:
            try:
                tail = await asyncio.to_thread(JournalTail, path, matcher)
            except OSError as error:
                self._say(f"{path} cannot be read: {error.strerror}")
                return
            before = self.view.tail
            self.view.take(tail)
            if before is not None:
                before.close()
        await self._more(self.size.height - len(tail.lines))

    async def _more(self, wanted: int) -> None:
        """Look further back, a step at a time, so that the screen lives on."""
        tail = self.view.tail
        while tail is not None and tail is self.view.tail and not tail.complete and wanted > 0:
            try:
                async with self._busy:
                    found = await asyncio.to_thread(tail.older, wanted)
            except OSError as error:
                self._say(f"cannot be read further back: {error.strerror}")
                return
            wanted -= found
            if tail is self.view.tail:
                self.view.moved(found, 0)
                self._tell_state()
        self._tell_state()

    async def _poll(self) -> None:
        try:
            await self._take_new()
        except OSError as error:
            self._say(f"cannot be read: {error.strerror}")
        finally:
            self._polling = False

    async def _take_new(self) -> None:
        """Lines that were appended; painted at once, but not more often than every PAINT_S."""
        tail = self.view.tail
        if tail is None or self.paused:
            return
        async with self._busy:
            came, gone = await asyncio.to_thread(tail.poll)
        if not came or tail is not self.view.tail:
            return
        self._new = 0 if self.view.following else self._new + came
        self.view.moved(0, gone)
        self._tell_state()
        await asyncio.sleep(PAINT_S)

    def _tell_state(self) -> None:
        tail, view = self.view.tail, self.view
        if tail is None:
            return
        parts = ["paused" if self.paused else "following" if view.following else f"held, {self._new} new (End follows)"]
        parts.append(f"{len(tail.lines):,} lines of {tail.size / 1e6:,.1f} MB")
        if tail.matcher:
            parts.append(
                f"filter /{tail.matcher.text}"
                + ("" if tail.complete else f", looked back to {tail.start / 1e6:,.1f} MB")
            )
        if view.marked:
            parts.append(f"search {view.marked.text}: n older, N newer")
        self._say("   ".join(parts))

    def _say(self, text: str) -> None:
        title = self.query_one(JournalTitle)
        title.said = text
        title.redraw()

    def on_filter_line_wanted(self, message: FilterLine.Wanted) -> None:
        """Filter or search as it is typed."""
        matcher = Matcher.parse(message.text)
        if message.purpose == "search":
            self.view.marked = matcher
            self.view.redraw()
        elif matcher != self._matcher:
            self._matcher = matcher
            self._reopen()

    def on_filter_line_closed(self, message: FilterLine.Closed) -> None:
        """Back to the rows; a search goes to its newest match."""
        self.view.focus()
        if message.purpose == "search" and message.text:
            self.jump(-1)

    def jump(self, direction: int) -> None:
        """To the next match of the search (of the filter when nothing is searched), upwards or downwards."""
        view, tail = self.view, self.view.tail
        if tail is None or not view.marked:
            self.tell("search first: s")
            return
        start = view.cursor + 1 if view.following and direction < 0 else view.cursor
        found = tail.find(start, direction, view.marked)
        if found is not None:
            view.jump(found)
            self._tell_state()
            return
        self.tell("no further match among the lines held" + ("" if tail.complete else "; looking further back"))
        if direction < 0 and not tail.complete:
            view.post_message(JournalView.OlderWanted())

    def on_journal_view_older_wanted(self) -> None:
        """Fetch older lines."""
        self.run_worker(self._more(ENOUGH), group="more", exclusive=True, exit_on_error=False)

    def on_journal_view_opened(self, message: JournalView.Opened) -> None:
        """Show one line whole."""
        self.app.push_screen(Detail(message.raw))

    def content(self) -> str:
        raw = self.view.current
        return raw.decode("utf-8", "replace") if raw else ""
