"""When the engine is started again."""

from __future__ import annotations

import os
import signal
from random import Random

import pytest

from engine.supervisor.restarts import Backoff, Brake, ExitClass, classify, describe


@pytest.mark.parametrize(
    ("code", "facts", "expected"),
    [
        (0, {}, ExitClass.UNASKED),
        (1, {}, ExitClass.FAILED),
        (os.EX_CONFIG, {}, ExitClass.CONFIG),
        (-signal.SIGSEGV, {}, ExitClass.SIGNALLED),
        (-signal.SIGKILL, {"unresponsive": True}, ExitClass.UNRESPONSIVE),
        (0, {"commanded": True}, ExitClass.COMMANDED),
        (-signal.SIGKILL, {"commanded": True, "unresponsive": True}, ExitClass.COMMANDED),
        (os.EX_CONFIG, {"commanded": True}, ExitClass.COMMANDED),
    ],
)
def test_an_exit_has_one_class(code: int, facts: dict[str, bool], expected: ExitClass) -> None:
    assert classify(code, **facts) is expected


def test_only_a_commanded_stop_and_a_wrong_configuration_are_not_restarted() -> None:
    assert {each for each in ExitClass if not each.restarts} == {ExitClass.COMMANDED, ExitClass.CONFIG}


@pytest.mark.parametrize(("code", "words"), [(0, "exit 0"), (78, "exit 78"), (-9, "SIGKILL"), (-37, "signal 37")])
def test_an_exit_is_told_as_people_say_it_and_a_nameless_signal_harms_nobody(code: int, words: str) -> None:
    assert describe(code) == words


def test_backoff_grows_with_jitter_up_to_its_cap_and_is_short_again_after_health() -> None:
    backoff = Backoff(0.5, 30.0, Random(7))
    delays = [backoff.next() for _ in range(200)]
    assert all(0.5 <= delay <= 30.0 for delay in delays)
    assert max(delays) > 20.0
    assert len(set(delays[:10])) == 10
    backoff.reset()
    assert backoff.next() == 0.5


def test_the_first_delay_is_within_the_base() -> None:
    assert all(Backoff(0.5, 30.0, Random(seed)).next() == 0.5 for seed in range(20))


def test_the_brake_trips_on_the_last_of_its_crashes_within_the_window() -> None:
    brake = Brake(3, 60.0)
    assert [brake.crashed(at) for at in (0.0, 30.0, 60.0)] == [False, False, True]


def test_crashes_spread_over_more_than_the_window_do_not_trip_the_brake() -> None:
    brake = Brake(3, 60.0)
    assert not any(brake.crashed(at) for at in (0.0, 31.0, 62.0, 93.0, 124.0))


def test_a_released_brake_has_forgotten_the_crashes() -> None:
    brake = Brake(2, 60.0)
    brake.crashed(0.0)
    assert brake.crashed(1.0)
    brake.release()
    assert not brake.crashed(2.0)
