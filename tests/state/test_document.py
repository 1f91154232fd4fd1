"""Reading whatever lies there, for everybody; writing atomically and healing, for the one writer."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from state.clock import SimulatedClock, SystemClock
from state.document import MAX_BYTES, DocumentReader, DocumentWriter, Outcome, read
from state.events import Emit, EventType
from state.home import Home
from state.models.gate import GateReport
from state.models.shadow import ShadowBook

SHUT, OPEN = GateReport(), GateReport(open=True, level="RUN", reasons=())

Emitted = list[tuple[EventType, str, dict[str, Any]]]


@pytest.fixture
def path(home: Home) -> Path:
    return home.path(Home.gate)


@pytest.fixture
def writer(home: Home, clock: SimulatedClock, emit: Emit) -> DocumentWriter[GateReport]:
    return DocumentWriter(home, Home.gate, clock, emit, SHUT)


def set_aside(home: Home) -> list[Path]:
    return sorted(home.state.glob("*.corrupted.*.json"))


def as_directory(path: Path) -> None:
    path.mkdir()


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text("{}")
    path.symlink_to(target)


def as_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def as_socket(path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.path.relpath(path))
    listening.close()


def as_huge_sparse_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


ODD = [as_directory, as_pipe, as_link, as_dangling_link, as_socket, as_huge_sparse_file]


@pytest.mark.parametrize("make", ODD)
def test_reading_names_whatever_is_no_file_of_its_own(make: Any, home: Home, path: Path, clock: SimulatedClock) -> None:
    make(path)
    reading = read(home, Home.gate, GateReport, clock)
    assert reading.outcome is Outcome.CORRUPT
    assert reading.value is None
    assert reading.reason


def test_a_missing_document_is_missing_also_without_its_folder(home: Home, clock: SimulatedClock) -> None:
    assert read(home, Home.gate, GateReport, clock).outcome is Outcome.MISSING
    shutil.rmtree(home.state)
    assert read(home, Home.gate, GateReport, clock).outcome is Outcome.MISSING
    assert not home.state.exists()


def test_a_folder_that_is_a_file_is_not_a_missing_document(home: Home, clock: SimulatedClock) -> None:
    home.state.rmdir()
    home.state.write_text("")
    reading = read(home, Home.gate, GateReport, clock)
    assert (reading.outcome, reading.reason) == (Outcome.CORRUPT, "cannot be read: ENOTDIR Not a directory")


def test_reading_never_heals(home: Home, path: Path, clock: SimulatedClock) -> None:
    path.write_bytes(b"{")
    assert read(home, Home.gate, GateReport, clock).outcome is Outcome.CORRUPT
    assert path.read_bytes() == b"{"
    assert set_aside(home) == []


def test_what_is_written_is_read(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport]
) -> None:
    writer.write(OPEN)
    reading = read(home, Home.gate, GateReport, clock)
    assert reading.good
    assert reading.value is not None
    assert reading.value.model_copy(update={"boot_id": "", "seq": 0, "written_at": SHUT.written_at}) == OPEN
    assert (reading.value.boot_id, reading.value.seq) == (clock.boot_id(), clock.boottime_ns())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in home.state.iterdir()] == ["gate.json"]


def test_files_are_0640_whatever_the_umask(path: Path, writer: DocumentWriter[GateReport]) -> None:
    before = os.umask(0o077)
    try:
        writer.write(OPEN)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_healing_a_first_start_puts_the_safe_default_without_an_alarm(
    home: Home, clock: SimulatedClock, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    assert writer.heal() is None
    reading = read(home, Home.gate, GateReport, clock)
    assert reading.good
    assert reading.value is not None
    assert not reading.value.open
    assert emitted == []


def test_healing_returns_the_last_good_value_also_a_stale_one(
    home: Home, clock: SimulatedClock, writer: DocumentWriter[GateReport], emit: Emit
) -> None:
    writer.write(OPEN)
    clock.advance(3600)
    found = DocumentWriter(home, Home.gate, clock, emit, SHUT).heal()
    assert found is not None
    assert found.open


KINDS = {
    "empty": b"",
    "half": b'{"schema_version": 1, "open": tr',
    "garbage": bytes(range(256)),
    "list": b"[]",
    "nan": b'{"seq": NaN}',
    "ten_megabytes": b"x" * 10_000_000,
    "future": b'{"boot_id":"b","seq":1,"written_at":"2099-01-01T00:00:00Z"}',
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_corruption_found_at_start_is_set_aside_and_the_default_put_back(
    kind: str, home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    path.write_bytes(KINDS[kind])
    assert writer.heal() is None
    (kept,) = set_aside(home)
    assert kept.name == "gate.json.corrupted.20261117T190000000.json"
    assert kept.read_bytes() == KINDS[kind]
    reading = read(home, Home.gate, GateReport, clock)
    assert reading.value is not None
    assert not reading.value.open
    ((event, message, details),) = emitted
    assert event is EventType.DOCUMENT_HEALED
    assert message.startswith("state/gate.json was ")
    assert details["quarantine"] == kept.name


@pytest.mark.parametrize("kind", KINDS)
def test_each_corruption_found_while_running_is_set_aside_and_the_current_value_written(
    kind: str, home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    writer.write(SHUT)
    path.write_bytes(KINDS[kind])
    writer.write(OPEN)
    (kept,) = set_aside(home)
    assert kept.read_bytes() == KINDS[kind]
    reading = read(home, Home.gate, GateReport, clock)
    assert reading.value is not None
    assert reading.value.open
    assert [event for event, _, _ in emitted] == [EventType.DOCUMENT_HEALED]


@pytest.mark.parametrize("make", ODD)
def test_anything_in_the_place_of_the_file_is_moved_aside(
    make: Any, home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    writer.write(SHUT)
    path.unlink()
    make(path)
    writer.write(OPEN)
    assert read(home, Home.gate, GateReport, clock).good
    assert len(set_aside(home)) == 1
    assert len(emitted) == 1


def test_quarantine_is_never_over_an_earlier_one(
    home: Home, path: Path, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    writer.write(SHUT)
    for number in range(5):
        path.write_text(f"bad {number}")
        writer.write(OPEN)
    assert [kept.read_text() for kept in set_aside(home)] == [f"bad {number}" for number in range(5)]


def test_a_file_that_vanished_is_journalled_and_written_again(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    writer.write(SHUT)
    path.unlink()
    writer.write(OPEN)
    assert read(home, Home.gate, GateReport, clock).good
    assert emitted[0][1] == "state/gate.json was gone"


def test_a_touched_file_is_no_alarm(path: Path, writer: DocumentWriter[GateReport], emitted: Emitted) -> None:
    writer.write(SHUT)
    os.utime(path)
    writer.write(OPEN)
    assert emitted == []


def test_d12_a_copy_put_back_is_set_aside_and_told(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    writer.write(SHUT)
    shutil.copy(path, path.with_name("backup"))
    clock.advance(1)
    writer.write(OPEN)
    shutil.copy(path.with_name("backup"), path)
    clock.advance(1)
    writer.write(OPEN)
    assert emitted[0][2]["outcome"] == "rolled_back"
    assert len(set_aside(home)) == 1


def test_an_edit_by_hand_that_keeps_the_sequence_is_kept_as_evidence(
    home: Home, path: Path, writer: DocumentWriter[GateReport], emitted: Emitted
) -> None:
    writer.write(SHUT)
    path.write_bytes(path.read_bytes().replace(b'"open":false', b'"open":true'))
    writer.write(SHUT)
    assert len(set_aside(home)) == 1
    assert b'"open":true' in set_aside(home)[0].read_bytes()


def test_d07_a_second_writer_is_loud(
    home: Home, clock: SimulatedClock, writer: DocumentWriter[GateReport], emit: Emit, emitted: Emitted
) -> None:
    second = DocumentWriter(home, Home.gate, clock, emit, SHUT)
    writer.write(SHUT)
    clock.advance(1)
    second.write(SHUT)
    clock.advance(1)
    writer.write(OPEN)
    assert [message for _, message, _ in emitted] == ["state/gate.json was replaced by another writer"]


def test_taking_over_by_heal_is_quiet(
    home: Home, clock: SimulatedClock, writer: DocumentWriter[GateReport], emit: Emit, emitted: Emitted
) -> None:
    writer.write(SHUT)
    clock.advance(1)
    successor = DocumentWriter(home, Home.gate, clock, emit, SHUT)
    successor.heal()
    successor.write(OPEN)
    assert emitted == []


def test_leftovers_of_dead_writers_are_removed_and_those_of_living_ones_are_not(
    home: Home, path: Path, writer: DocumentWriter[GateReport]
) -> None:
    dead = path.with_name(".gate.json.999999999.tmp")
    living = path.with_name(".gate.json.1.tmp")
    dead.touch()
    living.touch()
    writer.heal()
    assert not dead.exists()
    assert living.exists()


def test_a_writer_that_never_heals_removes_the_leftovers_before_its_first_write(
    path: Path, writer: DocumentWriter[GateReport]
) -> None:
    dead = path.with_name(".gate.json.999999999.tmp")
    same_number = path.with_name(f".gate.json.{os.getpid()}.tmp")
    living = path.with_name(".gate.json.1.tmp")
    for leftover in (dead, same_number, living):
        leftover.touch()
    writer.write(OPEN)
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, living.name}


def test_a_writer_killed_in_the_middle_leaves_the_old_document(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(OPEN)

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("state.document.os.replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        writer.write(SHUT)
    monkeypatch.undo()
    reading = read(home, Home.gate, GateReport, clock)
    assert reading.value is not None
    assert reading.value.open
    assert [entry.name for entry in home.state.iterdir()] == ["gate.json"]


def test_d04_short_writes_are_completed(
    home: Home, clock: SimulatedClock, writer: DocumentWriter[GateReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr("state.disk.os.write", lambda fd, data: write(fd, data[:1]))
    writer.write(OPEN)
    monkeypatch.undo()
    assert read(home, Home.gate, GateReport, clock).good


def test_a_durable_document_is_fsynced_with_its_folder_before_it_counts(
    home: Home, clock: SimulatedClock, emit: Emit, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(fd: int) -> None:
        order.append("fsync folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "fsync file")
        fsync(fd)

    def noted_replace(source: Path, target: Path) -> None:
        order.append("rename")
        replace(source, target)

    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr("os.replace", noted_replace)
    DocumentWriter(home, Home.positions, clock, emit, ShadowBook()).write(ShadowBook())
    DocumentWriter(home, Home.gate, clock, emit, SHUT).write(SHUT)
    assert order == ["fsync file", "rename", "fsync folder", "rename"]


async def test_off_loop_writes_keep_their_order(home: Home, clock: SimulatedClock, emit: Emit) -> None:
    writer = DocumentWriter(home, Home.positions, clock, emit, ShadowBook())
    await asyncio.gather(*(writer.write_off_loop(ShadowBook(fills=number)) for number in range(20)))
    value = read(home, Home.positions, ShadowBook, clock).value
    assert value is not None
    assert value.fills == 19


def test_money_comes_back_exactly(home: Home, clock: SimulatedClock, emit: Emit) -> None:
    amount = Decimal("0.123456")
    DocumentWriter(home, Home.positions, clock, emit, ShadowBook()).write(ShadowBook(realised_usd=amount))
    value = read(home, Home.positions, ShadowBook, clock).value
    assert value is not None
    assert value.realised_usd == amount


def test_secrets_never_reach_a_document(path: Path, writer: DocumentWriter[GateReport]) -> None:
    writer.write(GateReport(reasons=("authorization: Bearer abcdef0123456789",)))
    assert b"abcdef0123456789" not in path.read_bytes()


def test_d08_readers_never_see_a_partial_document(
    home: Home, clock: SimulatedClock, writer: DocumentWriter[GateReport]
) -> None:
    """Two readers against 500 replacements of differing size."""
    writer.write(SHUT)
    done = threading.Event()
    outcomes: set[str] = set()

    def look() -> None:
        while not done.is_set():
            outcomes.add(read(home, Home.gate, GateReport, clock).outcome)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(500):
        writer.write(GateReport(reasons=("x" * (number % 700),)))
    done.set()
    for reader in readers:
        reader.join()
    assert outcomes == {"ok"}


def reader_of(home: Home, clock: SimulatedClock) -> DocumentReader[GateReport]:
    return DocumentReader(home, Home.gate, GateReport, clock)


def settle(path: Path) -> None:
    """Make the file look as if it had been written long ago, so that its mtime can be trusted."""
    os.utime(path, ns=(1_000_000_000, 1_000_000_000))


def test_an_unchanged_document_is_not_read_again_but_ages(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(home, clock)
    assert reader.read().outcome is Outcome.MISSING
    writer.write(OPEN)
    settle(path)
    assert reader.read().good
    monkeypatch.setattr("state.reading.os.open", None)
    clock.advance(5)
    assert reader.read().age_s == 5


def test_an_unchanged_document_goes_stale_without_being_read_again(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(OPEN)
    settle(path)
    reader = reader_of(home, clock)
    fresh = reader.read()
    assert fresh.good
    monkeypatch.setattr("state.reading.os.open", None)
    for age_s in (16, 32):
        clock.advance(16)
        stale = reader.read()
        assert (stale.outcome, stale.value, stale.age_s) == (Outcome.STALE, fresh.value, age_s)
        assert stale.reason == "16.0 s old, stale after 15 s", "when it went stale; how old it is says its age"


def test_a_reader_notices_a_document_put_back(
    home: Home, path: Path, clock: SimulatedClock, writer: DocumentWriter[GateReport]
) -> None:
    reader = reader_of(home, clock)
    writer.write(SHUT)
    old = path.read_bytes()
    clock.advance(1)
    writer.write(OPEN)
    assert reader.read().good
    path.write_bytes(old)
    assert reader.read().outcome is Outcome.ROLLED_BACK
    clock.advance(1)
    writer.write(OPEN)
    assert reader.read().good


def test_a_reader_follows_every_one_of_many_quick_changes(home: Home, emit: Emit) -> None:
    """Same size, same inode soon again, and an mtime that ticks every 4 ms: a change is still never missed.

    On the machine's clock, since it is compared with the mtime that the kernel gives.
    """
    writer = DocumentWriter(home, Home.positions, SystemClock(), emit, ShadowBook())
    reader = DocumentReader(home, Home.positions, ShadowBook, SystemClock())
    for number in range(100, 400):
        writer.write(ShadowBook(fills=number))
        value = reader.read().value
        assert value is not None
        assert value.fills == number


@pytest.mark.parametrize("make", ODD)
def test_a_reader_names_what_took_the_place_of_a_file_between_its_look_and_its_opening(
    make: Any,
    home: Home,
    path: Path,
    clock: SimulatedClock,
    writer: DocumentWriter[GateReport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer.write(OPEN)
    settle(path)
    reader = reader_of(home, clock)
    assert reader.read().good
    path.touch()  # changed: it will be opened
    really_open = os.open

    def opened_after_a_swap(name: str, flags: int) -> int:
        path.unlink()
        make(path)
        return really_open(name, flags)

    monkeypatch.setattr("state.reading.os.open", opened_after_a_swap)
    assert reader.read().value is None
    monkeypatch.undo()
    assert reader.read().value is None
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    clock.advance(1)
    writer.write(SHUT)
    assert reader.read().value == read(home, Home.gate, GateReport, clock).value


def test_a_document_replaced_between_look_and_opening_is_read_whole_and_looked_at_again(
    home: Home,
    path: Path,
    clock: SimulatedClock,
    writer: DocumentWriter[GateReport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer.write(OPEN)
    settle(path)
    reader = reader_of(home, clock)
    assert reader.read().good
    path.touch()
    really_open = os.open
    reasons = ("longer than what stood there before",) * 3

    def opened_after_a_write(name: str, flags: int) -> int:
        monkeypatch.undo()
        clock.advance(1)
        writer.write(GateReport(reasons=reasons))
        settle(path)
        return really_open(name, flags)

    monkeypatch.setattr("state.reading.os.open", opened_after_a_write)
    changed = reader.read()
    assert changed.value is not None
    assert changed.value.reasons == reasons
    again = reader.read()
    assert again.value is not changed.value, "the look was older than what was read, so it was read again"
    assert again.value == changed.value


def test_a_reader_sees_permissions_come_back(home: Home, path: Path, clock: SimulatedClock) -> None:
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    reader = reader_of(home, clock)
    assert reader.read().outcome is Outcome.CORRUPT
    path.unlink()
    assert reader.read().outcome is Outcome.MISSING
