from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.kalshi.clock_offset import ClockOffset, Offset

START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def test_one_answer_says_as_much_as_a_second_and_the_round_trip_allow() -> None:
    clock = ClockOffset()
    clock.observe("Fri, 20 Nov 2026 14:00:03 GMT", START + seconds(3.1), START + seconds(3.3))
    assert clock.offset == Offset(pytest.approx(-0.3), pytest.approx(0.9))
    assert clock.offset.within(1.0)
    assert not clock.offset.within(0.5)


def test_a_clock_that_moved_makes_it_start_anew() -> None:
    clock = ClockOffset()
    clock.observe("Fri, 20 Nov 2026 14:00:03 GMT", START + seconds(3), START + seconds(3.1))
    clock.observe("Fri, 20 Nov 2026 14:00:33 GMT", START + seconds(3), START + seconds(3.1))
    assert clock.resets == 1
    assert clock.offset is not None and clock.offset.low > 29


@pytest.mark.parametrize(
    "date", [None, "", "yesterday", "Fri, 99 Nov 2026 14:00:03 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_an_answer_without_a_readable_date_says_nothing(date: str | None) -> None:
    clock = ClockOffset()
    clock.observe(date, START, START)
    assert clock.offset is None


def test_an_answer_out_of_a_cache_says_nothing() -> None:
    clock = ClockOffset()
    clock.observe("Fri, 20 Nov 2026 14:00:03 GMT", START, START, age="12")
    assert clock.offset is None
    clock.observe("Fri, 20 Nov 2026 14:00:03 GMT", START, START, age="0")
    assert clock.offset is not None


@given(
    st.floats(-40, 40),
    st.lists(st.tuples(st.floats(0.001, 30), st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=30),
)
def test_the_interval_always_holds_the_truth_and_only_narrows(
    truth: float, answers: list[tuple[float, float, float]]
) -> None:
    clock, now, width = ClockOffset(), START, float("inf")
    for pause, trip, where in answers:
        sent = now + seconds(pause)
        served = sent + seconds(trip * where) + seconds(truth)
        now = sent + seconds(trip)
        clock.observe(format_datetime(served.replace(microsecond=0), usegmt=True), sent, now)
        assert clock.offset is not None
        assert clock.offset.low - 1e-5 <= truth <= clock.offset.high + 1e-5
        assert clock.offset.high - clock.offset.low <= width + 1e-9
        width = clock.offset.high - clock.offset.low
