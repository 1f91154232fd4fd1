"""Appending: one whole line with one write; what a killed writer left is repaired."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from state.clock import SimulatedClock
from state.events import Emit, EventType
from state.home import Home
from state.journal import JournalWriter, encode, read_all
from state.models.events import SystemEvent
from state.models.heartbeat import Cycle, Progress
from state.models.kill import KillEvent
from state.models.trades import ShadowTrade

LINE = {"at": "2026-11-17T19:00:00Z", "n": 1}
GAP = 300_000_000
SINGLE, SHARED = Home.cycles, Home.events


def lines(home: Home, entry: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_all(home.path(entry))]


def broken(home: Home) -> list[Path]:
    return sorted((home.root / "logs").glob("*.broken-*"))


def test_a_mapping_and_a_model_become_one_line_each(home: Home) -> None:
    journal = JournalWriter(home, Home.kills)
    journal.append(KillEvent(at=datetime(2026, 11, 17, tzinfo=UTC), act="engaged", by="a test"))
    journal.append({"at": datetime(2026, 11, 17, tzinfo=UTC), "amount": Decimal("1.10"), "text": "two\nlines"})
    first, second = lines(home, Home.kills)
    assert (first["act"], first["at"]) == ("engaged", "2026-11-17T00:00:00.000000Z")
    assert second == {"at": "2026-11-17T00:00:00.000000Z", "amount": "1.10", "text": "two\nlines"}


def test_a_line_is_what_its_model_says_it_is(home: Home) -> None:
    at = datetime(2026, 11, 17, 14, 0, 5, 120, tzinfo=ZoneInfo("America/New_York"))
    trade = ShadowTrade(
        at=at, event="fill", fill_id="f", order_id=None, ticker="KXCPI-26NOV-T0.3", desk="ladders", family="CPI",
        side="NO", price=Decimal("0.4100"), count=Decimal("1E+1"), fee_usd=Decimal(0), market_at=at, fair=None,
        queue_ahead=None, basis="print", source="simulated",
    )  # fmt: skip
    cycle = Cycle(
        at=at, cycle=7, engine_status="ok", errors_this_cycle=("a", "b"), orders=1, market_open=None, duration_ms=0.5,
        progress=Progress(messages=3), level="RUN", paper_level="HALT",
    )  # fmt: skip
    event = SystemEvent(
        at=at, event=EventType.GATE_OPEN, subsystem="engine", severity="info", message="é", details={"n": None}
    )
    kill = KillEvent(at=at, act="engaged", by="a test")
    for line in (trade, cycle, event, kill):
        assert encode(line) == line.model_dump_json().encode() + b"\n"


def test_a_line_is_one_write(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = JournalWriter(home, SINGLE)
    written: list[bytes] = []
    write = os.write
    monkeypatch.setattr("state.journal.os.write", lambda fd, data: written.append(bytes(data)) or write(fd, data))
    journal.append(LINE)
    assert written == [b'{"at":"2026-11-17T19:00:00Z","n":1}\n']


def test_what_has_no_place_in_a_journal_is_refused_before_a_byte_is_written(home: Home) -> None:
    journal = JournalWriter(home, SINGLE)
    with pytest.raises(TypeError):
        journal.append({"at": object()})
    assert home.path(SINGLE).read_bytes() == b""


def test_the_torn_tail_of_a_single_writer_is_set_aside(
    home: Home, clock: SimulatedClock, emit: Emit, emitted: list[tuple[EventType, str, dict[str, Any]]]
) -> None:
    home.path(SINGLE).write_bytes(b'{"n":0}\n{"n":1,"half')
    journal = JournalWriter(home, SINGLE, emit, clock=clock)
    assert home.path(SINGLE).read_bytes() == b'{"n":0}\n'
    (kept,) = broken(home)
    assert kept.name == "run.jsonl.broken-20261117T190000000000"
    assert kept.read_bytes() == b'{"n":1,"half'
    assert [event for event, _, _ in emitted] == [EventType.JOURNAL_TAIL_SET_ASIDE]
    journal.append({"n": 2})
    assert lines(home, SINGLE) == [{"n": 0}, {"n": 2}]


def test_d06_a_zero_page_left_by_a_power_cut_is_set_aside(home: Home) -> None:
    home.path(SINGLE).write_bytes(b'{"n":0}\n' + b"\0" * 70_000)
    JournalWriter(home, SINGLE).append({"n": 1})
    assert lines(home, SINGLE) == [{"n": 0}, {"n": 1}]
    assert broken(home)[0].stat().st_size == 70_000


@pytest.mark.timeout(20)
def test_d06_a_giant_tail_left_by_a_power_cut_is_set_aside_without_being_held_or_taking_the_disk(
    home: Home, clock: SimulatedClock
) -> None:
    path = home.path(SINGLE)
    path.write_bytes(b'{"n":0}\n{"torn')
    with path.open("r+b") as file:
        file.seek(GAP)
        file.write(b"its end")
    tracemalloc.start()
    journal = JournalWriter(home, SINGLE, clock=clock)
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()
    journal.append({"n": 1})
    assert lines(home, SINGLE) == [{"n": 0}, {"n": 1}]
    (kept,) = broken(home)
    stat = kept.stat()
    assert stat.st_size == GAP + len(b"its end") - len(b'{"n":0}\n')
    assert stat.st_blocks * 512 < 10_000_000
    with kept.open("rb") as file:
        assert file.read(10) == b'{"torn' + bytes(4)
        file.seek(-9, os.SEEK_END)
        assert file.read() == bytes(2) + b"its end"


def test_what_is_set_aside_twice_in_the_same_instant_is_kept_both_times(home: Home, clock: SimulatedClock) -> None:
    for torn in (b"first", b"\0second"):
        home.path(SINGLE).write_bytes(b'{"n":0}\n' + torn)
        JournalWriter(home, SINGLE, clock=clock).close()
    (kept,) = broken(home)
    assert kept.read_bytes() == b"first\0second"


def test_a_line_that_lacks_only_its_newline_is_finished(home: Home) -> None:
    home.path(SINGLE).write_bytes(b'{"n":0}\n{"n":1}')
    JournalWriter(home, SINGLE).append({"n": 2})
    assert [line["n"] for line in lines(home, SINGLE)] == [0, 1, 2]
    assert broken(home) == []


def test_a_shared_journal_gets_a_newline_before_the_next_line_and_loses_nothing(home: Home) -> None:
    home.path(SHARED).write_bytes(b'{"n":0}\n{"n":1,"half')
    journal = JournalWriter(home, SHARED)
    journal.append({"n": 2})
    with home.path(SHARED).open("ab") as other:
        other.write(b'{"torn again')
    journal.append({"n": 3})
    text = home.path(SHARED).read_bytes()
    assert text == b'{"n":0}\n{"n":1,"half\n{"n":2}\n{"torn again\n{"n":3}\n'
    assert broken(home) == []


def test_a_journal_moved_away_goes_on_in_a_new_file(home: Home, clock: SimulatedClock) -> None:
    journal = JournalWriter(home, SINGLE, clock=clock)
    journal.append({"n": 0})
    path = home.path(SINGLE)
    path.rename(path.with_name("run.jsonl.1"))
    clock.advance(0.005)
    journal.append({"n": 1})
    assert lines(home, SINGLE) == [{"n": 1}]
    path.unlink()
    clock.advance(0.005)
    journal.append({"n": 2})
    assert lines(home, SINGLE) == [{"n": 2}]


def test_d04_short_writes_are_completed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = JournalWriter(home, SINGLE)
    write = os.write
    monkeypatch.setattr("state.journal.os.write", lambda fd, data: write(fd, data[:1]))
    journal.append(LINE)
    monkeypatch.undo()
    assert lines(home, SINGLE) == [LINE]


def test_a_line_the_disk_has_no_room_for_leaves_nothing_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = JournalWriter(home, SINGLE)
    journal.append({"n": 0})
    write = os.write
    taken: list[int] = []

    def full(fd: int, data: bytes) -> int:
        if taken:
            raise OSError(28, "No space left on device")
        taken.append(write(fd, data[:5]))
        return 5

    monkeypatch.setattr("state.journal.os.write", full)
    with pytest.raises(OSError, match="No space"):
        journal.append({"n": 1, "text": "long enough"})
    monkeypatch.undo()
    assert home.path(SINGLE).read_bytes() == b'{"n":0}\n'
    journal.append({"n": 2})
    assert lines(home, SINGLE) == [{"n": 0}, {"n": 2}]


def test_d05_after_a_failed_fsync_the_file_is_opened_and_examined_afresh(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalWriter(home, Home.fills)
    descriptor = journal._fd

    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("state.journal.os.fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        journal.append(LINE)
    assert journal._fd == -1
    monkeypatch.undo()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)
    journal.append(LINE)
    assert lines(home, Home.fills) == [LINE, LINE]


@pytest.mark.parametrize(("entry", "sync", "times"), [(Home.fills, True, 1), (Home.fills, False, 0), (SINGLE, True, 0)])
def test_only_durable_journals_wait_for_the_disk(
    entry: Any, sync: bool, times: int, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalWriter(home, entry)
    synced: list[int] = []
    monkeypatch.setattr("state.journal.os.fsync", synced.append)
    journal.append(LINE, sync=sync)
    assert len(synced) == times


async def test_off_loop_lines_keep_their_order(home: Home) -> None:
    journal = JournalWriter(home, Home.fills)
    await asyncio.gather(*(journal.append_off_loop({"n": number}) for number in range(30)))
    assert [line["n"] for line in lines(home, Home.fills)] == list(range(30))


def test_secrets_never_reach_a_journal(home: Home) -> None:
    journal = JournalWriter(home, SINGLE)
    journal.append({"at": "now", "headers": {"KALSHI-ACCESS-SIGNATURE": "c2lnbmF0dXJl"}, "private_key": "abc"})
    text = home.path(SINGLE).read_text()
    assert "c2lnbmF0dXJl" not in text
    assert '"private_key":"[masked]"' in text


def test_a_journal_is_0640_and_no_link_is_followed(home: Home, tmp_path: Path) -> None:
    JournalWriter(home, SINGLE)
    assert home.path(SINGLE).stat().st_mode & 0o777 == 0o640 & ~_umask()
    home.path(SHARED).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        JournalWriter(home, SHARED)


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
