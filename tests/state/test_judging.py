"""Bytes and now, to a named outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.clock import NANOS, SimulatedClock, stamp
from state.home import Home
from state.judging import MAX_BYTES, judge
from state.models.gate import GateReport
from state.outcome import Outcome

ANOTHER_BOOT = "11111111-1111-4111-8111-111111111111"
ENTRY = Home.gate


def written(clock: SimulatedClock, **changes: object) -> bytes:
    envelope = {"boot_id": clock.boot_id(), "seq": clock.boottime_ns(), "written_at": clock.now()}
    return GateReport(open=True).model_copy(update=envelope | changes).model_dump_json().encode()


BAD = {
    "empty": (b"", Outcome.EMPTY),
    "blank": (b" \n\n", Outcome.EMPTY),
    "half": (b'{"schema_version": 1, "open": tr', Outcome.CORRUPT),
    "garbage": (bytes(range(256)), Outcome.CORRUPT),
    "list": (b'[{"open": true}]', Outcome.CORRUPT),
    "null": (b"null", Outcome.CORRUPT),
    "number": (b"1", Outcome.CORRUPT),
    "nan": (b'{"seq": NaN}', Outcome.CORRUPT),
    "infinity": (
        b'{"boot_id":"b","seq":1,"gates":[{"name":"n","open":true,"value":"","age_s":-Infinity}]}',
        Outcome.CORRUPT,
    ),
    "ten_megabytes": (b" " * 10_000_000 + b"{}", Outcome.CORRUPT),
    "no_envelope": (b'{"open": true}', Outcome.CORRUPT),
    "wrong_type": (b'{"boot_id":"b","seq":1,"open":"perhaps"}', Outcome.CORRUPT),
    "invalid_utf8": (b'{"boot_id":"\xff\xfe","seq":1}', Outcome.CORRUPT),
    "deep": (b"[" * 100_000, Outcome.CORRUPT),
    "newer_schema": (b'{"boot_id":"b","seq":1,"schema_version":99}', Outcome.CORRUPT),
    "nul_bytes": (b"\0" * 512, Outcome.CORRUPT),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_bytes_have_a_named_outcome_and_no_value(kind: str, clock: SimulatedClock) -> None:
    raw, outcome = BAD[kind]
    reading = judge(raw, ENTRY, GateReport, clock)
    assert reading.outcome is outcome
    assert reading.value is None
    assert not reading.good
    assert reading.reason
    assert reading.size == len(raw)
    assert reading.reason.isprintable()


def test_a_document_just_written_is_good(clock: SimulatedClock) -> None:
    raw = written(clock)
    clock.advance(2)
    reading = judge(raw, ENTRY, GateReport, clock)
    assert (reading.outcome, reading.reason, reading.age_s) == (Outcome.OK, "", 2.0)
    assert reading.value is not None
    assert reading.value.open


def test_older_than_its_limit_is_stale_but_still_has_its_value(clock: SimulatedClock) -> None:
    raw = written(clock)
    clock.advance(15.5)
    reading = judge(raw, ENTRY, GateReport, clock)
    assert reading.outcome is Outcome.STALE
    assert reading.reason == "15.5 s old, stale after 15 s"
    assert reading.value is not None
    assert not reading.good


def test_written_in_another_boot_is_stale_whatever_the_wall_says(clock: SimulatedClock) -> None:
    reading = judge(written(clock, boot_id=ANOTHER_BOOT), ENTRY, GateReport, clock)
    assert reading.outcome is Outcome.STALE
    assert reading.reason == "written before this boot"


def test_a_document_that_never_grows_stale_survives_a_boot(clock: SimulatedClock) -> None:
    raw = written(clock, boot_id=ANOTHER_BOOT, seq=99 * 86_400 * NANOS)
    clock.advance(86_400)
    reading = judge(raw, Home.armed, GateReport, clock)
    assert (reading.outcome, reading.age_s) == (Outcome.OK, 86_400.0)


def test_a_sequence_ahead_of_this_boot_is_from_the_future(clock: SimulatedClock) -> None:
    raw = written(clock, seq=clock.boottime_ns() + 1)
    assert judge(raw, ENTRY, GateReport, clock).outcome is Outcome.FUTURE


@pytest.mark.parametrize("boot", ["00000000-0000-4000-8000-000000000000", ANOTHER_BOOT])
def test_a_wall_stamp_ahead_of_now_is_from_the_future(boot: str, clock: SimulatedClock) -> None:
    raw = written(clock, boot_id=boot, written_at=clock.now() + timedelta(days=26_000))
    reading = judge(raw, ENTRY, GateReport, clock)
    assert reading.outcome is Outcome.FUTURE
    assert reading.value is None


def test_d11_clock_set_back_between_documents_orders_them_by_sequence(clock: SimulatedClock) -> None:
    first = written(clock)
    seen = clock.boottime_ns()
    clock.advance(1)
    clock.wall -= timedelta(hours=1)
    reading = judge(written(clock), ENTRY, GateReport, clock, seen=seen)
    assert reading.outcome is Outcome.OK
    assert reading.age_s == 0
    assert judge(first, ENTRY, GateReport, clock, seen=clock.boottime_ns()).outcome is not Outcome.OK


def test_d12_an_older_valid_document_is_rolled_back(clock: SimulatedClock) -> None:
    old = written(clock)
    clock.advance(1)
    newer = judge(written(clock), ENTRY, GateReport, clock).value
    assert newer is not None
    reading = judge(old, ENTRY, GateReport, clock, seen=newer.seq)
    assert reading.outcome is Outcome.ROLLED_BACK
    assert reading.value is None


def test_d12_a_document_of_an_earlier_boot_after_one_of_this_is_rolled_back(clock: SimulatedClock) -> None:
    old = written(clock, boot_id=ANOTHER_BOOT)
    assert judge(old, Home.armed, GateReport, clock, seen=1).outcome is Outcome.ROLLED_BACK


def test_an_unknown_key_of_a_newer_writer_is_ignored(clock: SimulatedClock) -> None:
    raw = written(clock)[:-1] + b',"key_of_tomorrow":{"a":[1,2]}}'
    assert judge(raw, ENTRY, GateReport, clock).good


def test_the_reason_never_carries_control_characters(clock: SimulatedClock) -> None:
    raw = b'{"boot_id":"b","seq":1,"level":"\\u001b]52;c;aGk=\\u0007"}'
    assert judge(raw, ENTRY, GateReport, clock).reason.isprintable()


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    clock = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert judge(raw, ENTRY, GateReport, clock).outcome in (Outcome.EMPTY, Outcome.CORRUPT)


@given(data=st.data())
def test_d06_a_document_torn_anywhere_is_damaged_and_one_flipped_anywhere_raises_nothing(data: st.DataObject) -> None:
    clock = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
    raw = written(clock)
    cut = data.draw(st.integers(0, len(raw) - 1))
    assert judge(raw[:cut], ENTRY, GateReport, clock).outcome in (Outcome.EMPTY, Outcome.CORRUPT)
    flipped = bytearray(raw)
    flipped[cut] ^= 1 << data.draw(st.integers(0, 7))
    judge(bytes(flipped), ENTRY, GateReport, clock)


def test_the_size_limit_is_told_in_bytes(clock: SimulatedClock) -> None:
    assert f"{MAX_BYTES:,}" in judge(b"x" * (MAX_BYTES + 1), ENTRY, GateReport, clock).reason


def test_written_at_is_stamped_in_utc(clock: SimulatedClock) -> None:
    assert stamp(clock.now()).encode() in written(clock)
