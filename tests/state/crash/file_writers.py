"""Documents, sealed files and journals: old or new and never torn, what was acknowledged stays, nothing is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

from state import permit, sentinel
from state.clock import SimulatedClock
from state.document import DocumentWriter, Outcome, read
from state.home import Home, Journal
from state.journal import JournalWriter, read_all
from state.models.gate import GateReport
from state.models.shadow import ShadowBook
from tests.state.crash.writer import Acknowledge, End, Found, Writer


def _quiet(*_: object, **__: object) -> None:
    """Nobody is told of events here."""


def _book(home: Home, clock: SimulatedClock) -> DocumentWriter[ShadowBook]:
    return DocumentWriter(home, Home.positions, clock, _quiet, ShadowBook())


def _report(home: Home, clock: SimulatedClock) -> DocumentWriter[GateReport]:
    return DocumentWriter(home, Home.gate, clock, _quiet, GateReport())


def _first_book(home: Home, clock: SimulatedClock) -> None:
    home.create()
    _book(home, clock).write(ShadowBook(fills=1))


def _two_books(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    writer = _book(home, clock)
    writer.heal()
    for fills in (2, 3):
        clock.advance(1)
        writer.write(ShadowBook(fills=fills))
        ack()
    return ""


def _old_or_new_book(found: Found) -> None:
    reading = read(found.home, Home.positions, ShadowBook, found.clock)
    assert reading.value is not None, reading
    assert 1 + found.acked <= reading.value.fills <= min(2 + found.acked, 3)
    again = _book(found.home, found.clock).heal()
    assert again == reading.value, "healing a good document changes nothing"
    assert sorted(os.listdir(found.home.state)) == ["shadow_v2_positions.json"]


def _first_report(home: Home, clock: SimulatedClock) -> None:
    home.create()
    _report(home, clock).write(GateReport(reasons=("1",)))


def _two_reports(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    writer = _report(home, clock)
    writer.heal()
    for reason in "23":
        clock.advance(1)
        writer.write(GateReport(reasons=(reason,)))
        ack()
    return ""


def _a_report_or_named(found: Found) -> None:
    """Not durable: after a power cut any of them, or none and the reading says so; never a torn one."""
    reading = read(found.home, Home.gate, GateReport, found.clock)
    if reading.value is not None:
        assert reading.value.reasons in (("1",), ("2",), ("3",))
    if found.end is not End.POWER_CUT:
        assert reading.value is not None, reading
        assert 1 + found.acked <= int(reading.value.reasons[0]) <= 2 + found.acked
    else:
        assert reading.value is not None or reading.outcome in (Outcome.EMPTY, Outcome.CORRUPT)
    _report(found.home, found.clock).heal()
    assert read(found.home, Home.gate, GateReport, found.clock).value is not None


DAMAGED = b'{"schema_version":1,"fills":9,"cut he'


def _damaged_book(home: Home, clock: SimulatedClock) -> None:
    home.create()
    home.path(Home.positions).write_bytes(DAMAGED)


def _heal(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    _book(home, clock).heal()
    ack()
    return ""


def _evidence_is_kept(found: Found) -> None:
    kept = [file.read_bytes() for file in found.home.state.glob("shadow_v2_positions.json*")]
    assert DAMAGED in kept, "the damaged document is still there, under its name or set aside"
    reading = read(found.home, Home.positions, ShadowBook, found.clock)
    assert reading.value is None or reading.value.fills == 0
    assert reading.value is not None or not found.acked


def _sealed(name: str, *, durable: bool) -> Writer:
    def write(home: Home, generation: int) -> None:
        with sentinel.Anchor(home) as anchor:
            permit.write_sealed(anchor, name, {"generation": generation}, durable=durable)

    def prepare(home: Home, clock: SimulatedClock) -> None:
        home.create()
        write(home, 1)

    def act(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
        for generation in (2, 3):
            write(home, generation)
            ack()
        return ""

    def check(found: Found) -> None:
        with sentinel.Anchor(found.home) as anchor:
            try:
                generation = permit.read_sealed(anchor, name)["generation"]
            except permit.Refused:
                assert found.end is End.POWER_CUT
                assert not durable
                return
        sure = found.sure(durable=durable)
        assert 1 + sure <= generation <= min(2 + found.acked, 3)

    return Writer(prepare, act, check)


TORN = b'{"n":0,"torn in the mid'


def _journal(entry: Journal, *, rotate: bool = False, torn: bool = False) -> Writer:
    def prepare(home: Home, clock: SimulatedClock) -> None:
        home.create()
        if torn:
            home.path(entry).write_bytes(b'{"n":100}\n' + TORN)

    def act(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
        journal = JournalWriter(home, entry, clock=clock)
        for number in (1, 2, 3):
            clock.advance(1)
            if rotate and number == 2:
                os.rename(home.path(entry), f"{home.path(entry)}.1")
            journal.append({"n": number, "wide": "x" * 50})
            ack()
        return ""

    def check(found: Found) -> None:
        sure = found.sure(durable=entry.durable)
        numbers = _numbers(found.home, entry)
        assert numbers[torn:] in [[1, 2, 3][:length] for length in range(sure, min(found.acked + 1, 3) + 1)]
        if torn:
            files = found.home.path(entry).parent.glob(f"{Path(entry.path).name}*")
            assert any(TORN in file.read_bytes() for file in files), "no byte of a torn line is lost"
        JournalWriter(found.home, entry, clock=found.clock).append({"n": 4})
        assert _numbers(found.home, entry) == [*numbers, 4], "it goes on with a line of its own"

    return Writer(prepare, act, check)


def _numbers(home: Home, entry: Journal) -> list[int]:
    """The numbers of the lines that a reader takes, over a rotation."""
    found = []
    for line in (line for name in (f"{home.path(entry)}.1", home.path(entry)) for line in read_all(Path(name))):
        try:
            found.append(json.loads(line)["n"])
        except (ValueError, TypeError):
            assert entry.shared or not entry.durable or b"\0" in line, f"a line that is none: {line!r}"
    return found


FILE_WRITERS = {
    "durable document": Writer(_first_book, _two_books, _old_or_new_book),
    "loose document": Writer(_first_report, _two_reports, _a_report_or_named),
    "healing": Writer(_damaged_book, _heal, _evidence_is_kept),
    "sealed start": _sealed(permit.ARMED, durable=True),
    "sealed permit": _sealed(permit.PERMIT, durable=False),
    "journal of one": _journal(Home.fills),
    "journal of one after a torn line": _journal(Home.fills, torn=True),
    "journal rotated": _journal(Home.fills, rotate=True),
    "journal of many": _journal(Home.kills),
    "loose journal": _journal(Home.cycles),
    "loose journal of many": _journal(Home.events),
}
