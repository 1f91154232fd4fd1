"""`logs/intents.jsonl` as one account reads and writes it. Other processes append too (FLATTEN), so it is read on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from engine.orders.lines import Fields
from engine.venues.kalshi.hosts import Source
from state.clock import Clock
from state.events import EventType
from state.following import Follower
from state.home import Home
from state.journal import JournalWriter
from state.lines import piece_before
from state.models.orders import OrderEvent

CARRIED = b'"carried"'
PIECE = 1024 * 1024
AT_ONCE = 64 * 1024
"""Bytes read before others on the loop have their turn: some hundred lines."""


@dataclass(frozen=True, slots=True)
class Read:
    """Lines, oldest first. `anew`: the file was cut or exchanged, and these are from its beginning."""

    lines: list[OrderEvent]
    anew: bool


@dataclass(slots=True)
class OrderJournal:
    """Writes the lines of one account, durable and off the loop, and reads those of all its writers, once each."""

    clock: Clock
    account: str
    source: Source
    emit: Callable[..., None]
    writer: JournalWriter
    follower: Follower
    _waiting: deque[OrderEvent] = field(default_factory=deque)
    _flushing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def open(cls, home: Home, clock: Clock, account: str, source: Source, emit: Callable[..., None]) -> OrderJournal:
        """The journal of a home, read from where the account carried all before, else from its first line. OSError."""
        path = home.path(Home.intents)
        writer = JournalWriter(home, Home.intents, emit, clock=clock)
        return cls(clock, account, source, emit, writer, Follower(path, _last_carried(path, account)))

    async def write(self, fields: Fields) -> None:
        """One line, on disk when this returns. Raises OSError: then it is not known to be there."""
        await self.writer.append_off_loop(self._line(fields))

    def queue(self, lines: Iterable[Fields]) -> None:
        """Lines for the next `flush`: what became known is not lost by waiting, the exchange tells it again."""
        self._waiting.extend(map(self._line, lines))

    async def flush(self) -> None:
        """Write what waits, in order. Raises OSError; what was not written then waits on."""
        async with self._flushing:
            while self._waiting:
                await self.writer.append_off_loop(self._waiting[0], sync=len(self._waiting) == 1)
                self._waiting.popleft()

    async def read_on(self) -> AsyncIterator[Read]:
        """The lines of this account that were appended since the last call, our own among them. Raises OSError."""
        more = True
        while more:
            read, unreadable, more = await asyncio.to_thread(self._poll)
            if unreadable:
                self.emit(
                    EventType.JOURNAL_LINE_UNREADABLE,
                    f"{unreadable} lines of {Home.intents.path} cannot be read; the exchange is asked what they told",
                    severity="error",
                    lines=unreadable,
                )
            yield read

    def close(self) -> None:
        """Close the files."""
        self.writer.close()
        self.follower.close()

    def _line(self, fields: Fields) -> OrderEvent:
        stamped = {"at": self.clock.now(), "account": self.account, "source": self.source}
        return OrderEvent.model_validate({**stamped, **fields})

    def _poll(self) -> tuple[Read, int, bool]:
        batch = self.follower.poll(AT_ONCE)
        lines, unreadable = [], 0
        for raw in batch.lines:
            try:
                line = OrderEvent.model_validate_json(raw)
            except ValidationError:
                unreadable += 1
            else:
                lines += [line] if line.account == self.account else []
        return Read(lines, batch.truncated or batch.replaced), unreadable, batch.more


def _last_carried(path: Path, account: str) -> int:
    """The byte at which the last line that carries this account's history begins; 0 where there is none."""
    end = path.stat().st_size
    while end > 0:
        piece = piece_before(path, PIECE, end)
        at = piece.data.rfind(CARRIED)
        while at >= 0:
            start = piece.data.rfind(b"\n", 0, at) + 1
            if _is_carried(piece.data[start : piece.data.find(b"\n", at)], account):
                return piece.start + start
            at = piece.data.rfind(CARRIED, 0, start)
        end = piece.start
    return 0


def _is_carried(raw: bytes, account: str) -> bool:
    try:
        line = OrderEvent.model_validate_json(raw)
    except ValidationError:
        return False
    return line.act == "carried" and line.carried is not None and line.account == account
