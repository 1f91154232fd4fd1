"""What the supervisor goes by: files, read without ever believing more than they say."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.permits import Evidence, Limits, withheld
from state.clock import SimulatedClock
from state.home import Home
from state.sentinel import Look

PID = 4_242
OFF = Look(False, "")
LIMITS = Limits(heartbeat_s=5.0, exchange_age_s=15.0, clock_offset_ms=250.0, disk_free_share=0.0)


def gather(room: EvidenceRoom, pid: int | None = PID) -> Evidence:
    return room.gather(OFF, pid, verified=True)


def test_a_healthy_engine_and_a_start_leave_no_reason(room: EvidenceRoom, engine: Any, leave: Any) -> None:
    leave.arm()
    room.engine_started(PID)
    engine.beat()
    engine.list_account()
    assert withheld(gather(room), LIMITS) == ()


def test_a_heartbeat_of_another_engine_is_none(room: EvidenceRoom, engine: Any) -> None:
    engine.beat(pid=1)
    found = gather(room)
    assert (found.heartbeat, found.heartbeat_reason) == (None, "is not of this engine")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"pid": NaN}', b"x" * 100])
def test_a_heartbeat_that_cannot_be_read_is_named(room: EvidenceRoom, home: Home, raw: bytes) -> None:
    home.path(Home.heartbeat).write_bytes(raw)
    found = gather(room)
    assert found.heartbeat is None
    assert found.heartbeat_reason


def test_without_an_engine_nothing_is_alive(room: EvidenceRoom, engine: Any) -> None:
    engine.beat()
    found = gather(room, pid=None)
    assert not found.engine_alive
    assert found.heartbeat is None


def test_the_age_of_a_listing_is_that_of_the_answer_not_of_the_file(
    room: EvidenceRoom, engine: Any, clock: SimulatedClock
) -> None:
    asked = clock.now()
    clock.advance(20)
    engine.list_account(as_of=asked)
    assert gather(room).exchange_age_s == pytest.approx(20.0)


def test_a_wall_that_was_set_back_makes_no_listing_young(
    room: EvidenceRoom, engine: Any, clock: SimulatedClock, leave: Any
) -> None:
    leave.arm()
    room.engine_started(PID)
    engine.beat()
    engine.list_account()
    clock.wall -= timedelta(hours=1)
    clock.advance(0.5)
    engine.beat()
    assert any("resting orders" in reason for reason in withheld(gather(room), LIMITS))


class TestSilence:
    def test_counts_from_the_start_before_the_first_beat(self, room: EvidenceRoom, clock: SimulatedClock) -> None:
        room.engine_started(PID)
        clock.advance(3)
        assert room.silence_s() == pytest.approx(3.0)
        assert not room.engine_was_heard()

    def test_counts_from_the_last_beat_after_it(self, room: EvidenceRoom, clock: SimulatedClock, engine: Any) -> None:
        room.engine_started(PID)
        clock.advance(10)
        engine.beat()
        clock.advance(2)
        assert room.silence_s() == pytest.approx(2.0)
        assert room.engine_was_heard()

    def test_a_beat_of_the_engine_before_is_no_sign_of_this_one(
        self, room: EvidenceRoom, clock: SimulatedClock, engine: Any
    ) -> None:
        room.engine_started(1)
        engine.beat(pid=1)
        assert room.engine_was_heard()
        room.engine_started(PID)
        clock.advance(4)
        assert room.silence_s() == pytest.approx(4.0)
        assert not room.engine_was_heard()

    def test_an_engine_whose_disk_takes_no_beat_lives_as_long_as_it_touches_the_last(
        self, room: EvidenceRoom, home: Home, clock: SimulatedClock, engine: Any
    ) -> None:
        room.engine_started(PID)
        engine.beat()
        assert room.silence_s() == 0.0
        for second in range(1, 4):
            clock.advance(10)
            assert room.silence_s() == pytest.approx(10.0)
            os.utime(home.path(Home.heartbeat), (second, second))
            assert room.silence_s() == 0.0

    def test_a_beat_from_before_the_start_is_of_an_engine_that_had_the_same_pid(
        self, room: EvidenceRoom, clock: SimulatedClock, engine: Any
    ) -> None:
        engine.beat()
        clock.advance(3_600)
        room.engine_started(PID)
        clock.advance(1)
        assert room.silence_s() == pytest.approx(1.0)
        assert not room.engine_was_heard()

    @pytest.mark.parametrize("raw", [None, b"", b"{}", b"[1]", b"{" * 50])
    def test_a_heartbeat_damaged_for_a_moment_ends_no_engine(
        self, room: EvidenceRoom, home: Home, clock: SimulatedClock, engine: Any, raw: bytes | None
    ) -> None:
        room.engine_started(PID)
        clock.advance(3_600)
        engine.beat()
        assert room.silence_s() == 0.0
        if raw is None:
            home.path(Home.heartbeat).unlink()
        else:
            home.path(Home.heartbeat).write_bytes(raw)
        clock.advance(1)
        assert room.silence_s() == pytest.approx(1.0)

    def test_a_beat_that_stays_damaged_is_silence(
        self, room: EvidenceRoom, home: Home, clock: SimulatedClock, engine: Any
    ) -> None:
        room.engine_started(PID)
        engine.beat()
        room.silence_s()
        home.path(Home.heartbeat).write_bytes(b"")
        clock.advance(16)
        assert room.silence_s() == pytest.approx(16.0)
