from __future__ import annotations

import asyncio
import errno
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.view import contracts, dollars
from engine.shadow.book import Book, fold
from engine.shadow.ledger import Ledger
from engine.shadow.lines import usd
from state.clock import SimulatedClock
from state.events import EventType
from state.home import Home
from state.journal import JournalWriter
from state.models import JournalLine, Side
from state.models.trades import MasterTrade, ShadowTrade

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)


@dataclass
class Told:
    events: list[tuple[EventType, str]] = field(default_factory=list)

    def __call__(self, event: EventType, message: str, *, severity: str = "info", **details: object) -> None:
        self.events.append((event, message))


def fill(number: int, side: Side, price: int, count: int) -> ShadowTrade:
    return ShadowTrade(
        at=NOW + timedelta(seconds=number),
        event="fill",
        fill_id=f"p-{number}.1",
        order_id=f"p-{number}",
        ticker="KXCPI-26NOV-T0.3",
        desk="ladders",
        family="CPI",
        side=side,
        price=dollars(price),
        count=contracts(count),
        fee_usd=usd(100),
        market_at=NOW,
        fair=None,
        queue_ahead=contracts(0),
        basis="print",
        source="simulated",
    )


LINES = [fill(1, "YES", 4000, 1000), fill(2, "NO", 5500, 400), fill(3, "NO", 5400, 900), fill(4, "YES", 4400, 300)]


def home_in(folder: Path) -> Home:
    home = Home(folder / "home")
    home.create()
    return home


def opened(home: Home, told: Told | None = None) -> Ledger:
    return Ledger(home, SimulatedClock(NOW), told or Told())


def trade_ids(home: Home) -> list[str]:
    return [json.loads(line)["trade_id"] for line in home.path(Home.trades).read_text().splitlines()]


def test_a_fill_is_on_file_before_it_is_in_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, order = opened(home_in(tmp_path)), []
    append, apply = JournalWriter.append, Book.apply

    def to_file(writer: JournalWriter, line: JournalLine, *, sync: bool = True) -> None:
        order.append("file")
        append(writer, line, sync=sync)

    def to_book(book: Book, line: ShadowTrade) -> MasterTrade | None:
        order.append("book")
        return apply(book, line)

    monkeypatch.setattr(JournalWriter, "append", to_file)
    monkeypatch.setattr(Book, "apply", to_book)
    ledger.record(LINES[0])
    assert order == ["file", "book"]


class Disk:
    """Which files were fsynced, by name; refuses those it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: list[str] = []
        self.refuses: set[str] = set()
        self._fsync = os.fsync
        monkeypatch.setattr("engine.shadow.ledger.os.fsync", self)

    def __call__(self, fd: int) -> None:
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        if name in self.refuses:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.synced.append(name)
        self._fsync(fd)

    def told(self) -> set[str]:
        synced, self.synced = set(self.synced), []
        return synced


FILLS, TRADES = Path(Home.fills.path).name, Path(Home.trades.path).name


async def test_only_journals_with_new_lines_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, disk = opened(home_in(tmp_path)), Disk(monkeypatch)
    await ledger.sync()
    assert disk.told() == set()
    ledger.record(LINES[0])  # closes nothing
    await ledger.sync()
    assert disk.told() == {FILLS}
    await ledger.sync()
    assert disk.told() == set()
    ledger.record(LINES[1])
    await ledger.sync()
    assert disk.told() == {FILLS, TRADES}


async def test_lines_that_a_dead_run_left_are_made_durable_before_a_book_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_in(tmp_path)
    for line in LINES:
        opened(home).record(line)
    second = opened(home)
    second.recover()
    disk = Disk(monkeypatch)
    await second.sync()
    assert disk.told() == {FILLS, TRADES}


async def test_a_journal_the_disk_refused_is_waited_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, disk = opened(home_in(tmp_path)), Disk(monkeypatch)
    for line in LINES:
        ledger.record(line)
    disk.refuses = {FILLS}
    with pytest.raises(OSError, match="Input/output"):
        await ledger.sync()
    disk.refuses = set()
    disk.told()
    await ledger.sync()
    assert FILLS in disk.told()


async def test_a_wait_for_the_disk_that_was_given_up_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, disk = opened(home_in(tmp_path)), Disk(monkeypatch)
    ledger.record(LINES[0])
    waiting = asyncio.ensure_future(ledger.sync())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    disk.told()
    await ledger.sync()
    assert FILLS in disk.told()


def test_a_second_run_finds_the_book_and_writes_nothing_again(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    first = opened(home)
    for line in LINES:
        first.record(line)
    second = opened(home)
    recovery = second.recover()
    assert second.book == first.book
    assert (recovery.lines, recovery.unreadable, recovery.trades_added) == (4, 0, 0)
    assert trade_ids(home) == ["trade-p-2.1", "trade-p-3.1", "trade-p-4.1"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_wherever_the_journals_were_cut_nothing_is_lost_and_nothing_is_twice(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        home = home_in(Path(folder))
        ledger = opened(home)
        for line in LINES:
            ledger.record(line)
        ledger.close()
        fills, trades = home.path(Home.fills), home.path(Home.trades)
        raw = fills.read_bytes()
        fills.write_bytes(raw[: data.draw(st.integers(0, len(raw)), label="fills cut")])
        lasting = sum(1 for _ in range(raw[: fills.stat().st_size].count(b"\n")))
        if fills.stat().st_size in {position for position in range(len(raw)) if raw[position : position + 1] == b"\n"}:
            lasting += 1  # only the newline was lost: the line is whole
        kept = trades.read_bytes()
        told = max(0, lasting - 1)  # the first fill closes nothing; a trade is written after its fill
        whole = b"".join(kept.splitlines(keepends=True)[:told])
        trades.write_bytes(whole[: data.draw(st.integers(0, len(whole)), label="trades cut")])
        again = opened(home)
        again.recover()
        book, closed = fold(LINES[:lasting])
        assert again.book == book
        assert trade_ids(home) == [trade.trade_id for trade in closed]


def test_a_line_damaged_in_the_middle_is_named_and_never_fatal(tmp_path: Path) -> None:
    home, told = home_in(tmp_path), Told()
    ledger = opened(home)
    for line in LINES:
        ledger.record(line)
    ledger.close()
    rows = home.path(Home.fills).read_bytes().splitlines(keepends=True)
    rows[1] = b'{"at": "2026-11-17T19:00:02Z", "event": "fi\n'
    home.path(Home.fills).write_bytes(b"".join(rows))
    again = opened(home, told)
    recovery = again.recover()
    assert (recovery.lines, recovery.unreadable) == (3, 1)
    assert again.book.lines == 3
    assert [event for event, _ in told.events] == [EventType.JOURNAL_LINE_UNREADABLE]


def test_while_the_disk_refuses_lines_wait_in_order_and_the_book_waits_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, told = home_in(tmp_path), Told()
    ledger = opened(home, told)
    ledger.record(LINES[0])

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(JournalWriter, "append", full)
        for line in LINES[1:]:
            ledger.record(line)
        assert (ledger.behind, ledger.book.lines) == (3, 1)
    assert [event for event, _ in told.events] == [EventType.WRITE_FAILED]
    ledger.flush()
    assert ledger.behind == 0
    assert ledger.book == fold(LINES)[0]
    assert trade_ids(home) == ["trade-p-2.1", "trade-p-3.1", "trade-p-4.1"]
