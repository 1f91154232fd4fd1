"""The book and its journals: a line is on file before it is in the book, the book before it is in the document.

After a crash the book is folded from the fill journal again, and the trades it closes that the trade journal lacks are
appended; so nothing is lost and nothing counts twice. While the disk refuses lines they wait in order, the book waits
with them, and `behind` tells the desk to rest nothing new.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from pydantic import ValidationError

from engine.shadow.book import Book, fold
from state.clock import Clock
from state.events import Emit, EventType
from state.home import Home, Journal
from state.journal import JournalWriter, read_all
from state.models.trades import MasterTrade, ShadowTrade


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start found: lines folded, lines that cannot be read, closed trades that had to be added."""

    lines: int
    unreadable: int
    trades_added: int


class Ledger:
    """The only writer of `logs/shadow_trades.jsonl` and of the shadow lines of `logs/master_trade_log.jsonl`."""

    def __init__(self, home: Home, clock: Clock, emit: Emit) -> None:
        self._home, self._emit = home, emit
        self._fills = JournalWriter(home, Home.fills, emit, clock=clock)
        self._trades = JournalWriter(home, Home.trades, emit, clock=clock)
        self._waiting: deque[ShadowTrade | MasterTrade] = deque()
        self._unsynced: set[Journal] = set()
        self._complained = False
        self._unreadable = 0
        self.book = Book()

    @property
    def behind(self) -> int:
        """Lines the disk has not taken yet."""
        return len(self._waiting)

    def recover(self) -> Recovery:
        """Fold the fill journal anew and complete the trade journal. Raises OSError when a journal cannot be read."""
        self._unreadable = 0
        self.book, closed = fold(self._read_fills())
        told = {str(line.get("trade_id")) for line in self._read_trades()}
        missing = [trade for trade in closed if trade.trade_id not in told]
        self._waiting = deque(missing)
        self._unsynced = {Home.fills, Home.trades}  # a run that died may have left lines that no disk has
        self.flush()
        if self._unreadable:
            self._emit(
                EventType.JOURNAL_LINE_UNREADABLE,
                f"{self._unreadable} lines of the shadow journals cannot be read; the book stands without them",
                severity="error",
                lines=self._unreadable,
            )
        return Recovery(self.book.lines, self._unreadable, len(missing))

    def record(self, line: ShadowTrade) -> None:
        """Journal one fill or settlement, then fold it; a line the disk refuses waits for `flush`."""
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits, in order. Disk trouble is journalled once and leaves the rest waiting."""
        while self._waiting:
            line = self._waiting[0]
            journal = self._fills if isinstance(line, ShadowTrade) else self._trades
            try:
                journal.append(line, sync=False)
            except OSError as error:
                self._complain(error)
                return
            self._waiting.popleft()
            self._unsynced.add(journal.entry)
            self._complained = False
            closed = self.book.apply(line) if isinstance(line, ShadowTrade) else None
            if closed is not None:
                self._waiting.appendleft(closed)

    async def sync(self) -> None:
        """Make every line so far survive a power cut; both journals wait for the disk together. Raises OSError."""
        waiting, self._unsynced = self._unsynced, set()
        try:
            await asyncio.gather(*(asyncio.to_thread(self._sync, entry) for entry in waiting))
        except BaseException:
            self._unsynced |= waiting
            raise

    def close(self) -> None:
        """Close both journals."""
        self._fills.close()
        self._trades.close()

    def _sync(self, entry: Journal) -> None:
        fd = os.open(self._home.path(entry), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _read_fills(self) -> Iterator[ShadowTrade]:
        for raw in read_all(self._home.path(Home.fills)):
            try:
                line = ShadowTrade.model_validate_json(raw)
                Book().apply(line)  # numbers finer than this house counts are as unreadable as torn text
            except (ValidationError, ValueError):
                self._unreadable += 1
                continue
            yield line

    def _read_trades(self) -> Iterator[dict[str, object]]:
        for raw in read_all(self._home.path(Home.trades)):
            try:
                line = orjson.loads(raw)
            except orjson.JSONDecodeError:
                line = None
            if isinstance(line, dict):
                yield line
            else:
                self._unreadable += 1

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self._emit(
                EventType.WRITE_FAILED,
                f"shadow journals: {error.strerror}; {self.behind} lines wait, nothing new rests until they are told",
                severity="error",
                errno=error.errno,
            )
