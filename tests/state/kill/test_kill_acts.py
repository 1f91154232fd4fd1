"""Engage, observe, disarm, clear, start: stopping is one act of anybody, going again two acts of a person."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from state import kill, release, sentinel
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold
from state.lock import Lock

if TYPE_CHECKING:
    from tests.state.kill.conftest import Trading


def test_a_kill_is_visible_durable_and_told(home: Home, clock: SimulatedClock) -> None:
    done = kill.engage(home, clock, why="drill", via="test", by="ann")

    state = fold(home, clock)
    assert (done.already, done.unsynced, done.kill_id) == (False, "", state.kill_id)
    assert (state.level, state.why, state.by, state.since) == ("HALT", "drill", "ann", "2026-11-17T19:00:00.000000Z")
    assert [rung.name for rung in state.rungs] == ["sentinel_durable"]


def test_a_second_kill_is_the_same_kill(home: Home, clock: SimulatedClock) -> None:
    first = kill.engage(home, clock, why="first", via="test")
    second = kill.engage(home, clock, why="second", via="test")

    assert (second.already, second.kill_id) == (True, first.kill_id)
    assert fold(home, clock).why == "first"


def test_a_kill_makes_the_home_it_needs(tmp_path: Path, clock: SimulatedClock) -> None:
    home = Home(tmp_path / "deep" / "home")

    done = kill.engage(home, clock, why="", via="test")

    assert done.found == "nothing ever ran here"
    assert sentinel.look(home).engaged


@pytest.mark.parametrize("trace", kill.TRACES)
def test_a_kill_tells_a_home_in_which_something_ran(home: Home, clock: SimulatedClock, trace: str) -> None:
    (home.state / trace).touch()

    assert kill.engage(home, clock, why="", via="test").found == "home"


def test_no_folder_for_logs_hinders_no_kill(tmp_path: Path, clock: SimulatedClock) -> None:
    home = Home(tmp_path)
    (tmp_path / "logs").touch()

    done = kill.engage(home, clock, why="", via="test")

    assert done.unsynced.startswith("not journalled: ")
    assert sentinel.look(home).engaged


def test_a_kill_that_cannot_be_placed_says_what_stops_trading_instead(tmp_path: Path, clock: SimulatedClock) -> None:
    (tmp_path / "state").touch()

    with pytest.raises(kill.KillError, match=r"cannot place .*ENOTDIR.*no order leaves after 15 s"):
        kill.engage(Home(tmp_path), clock, why="", via="test")


def test_a_kill_without_a_disk_that_answers_says_that_it_may_not_last(
    home: Home, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    done = kill.engage(home, clock, why="drill", via="test")

    assert done.unsynced == "not durable: EIO (Input/output error)"
    state = fold(home, clock)
    assert (state.engaged, state.why, state.rungs) == (True, "drill", ())

    monkeypatch.undo()
    assert [(rung.name, rung.by) for rung in kill.observe(home, clock, by="engine").rungs] == [
        ("sentinel_durable", "engine")
    ]


def test_a_touch_is_observed_once(home: Home, clock: SimulatedClock, trading: Trading) -> None:
    (home.state / sentinel.NAME).touch()

    first = kill.observe(home, clock, by="engine")
    assert kill.observe(home, clock, by="supervisor") == first

    assert first.by.startswith("owner ")
    assert first.since is not None
    assert trading.acts() == ["engaged", "rung"]


def test_without_a_kill_there_is_nothing_to_observe(home: Home, clock: SimulatedClock) -> None:
    assert kill.observe(home, clock, by="engine").level == "RUN"


def test_to_observe_needs_no_journal(home: Home, clock: SimulatedClock) -> None:
    (home.state / sentinel.NAME).touch()
    home.path(Home.kills).mkdir()

    assert kill.observe(home, clock, by="engine").engaged


def test_disarming_takes_the_start_back_journal_or_not(trading: Trading) -> None:
    trading.home.path(Home.kills).mkdir()

    assert kill.disarm(trading.anchor, trading.clock, by="engine", why="killed") is True
    assert kill.disarm(trading.anchor, trading.clock, by="engine", why="killed") is False
    assert trading.reader().look().armed_reason == "not started: armed.json missing"


def test_clearing_removes_the_sentinel_and_the_start_and_starts_nothing(trading: Trading) -> None:
    kill.engage(trading.home, trading.clock, why="drill", via="test")

    assert kill.clear(trading.home, trading.clock, reason="over", by="ann") == []

    assert not trading.anchor.look().engaged
    assert not trading.reader().look().armed
    assert sorted(os.listdir(trading.home.state)) == [sentinel.READY, "permit.json"]
    assert trading.acts() == ["engaged", "rung", "disarmed", "cleared"]


def test_what_is_off_cannot_be_cleared(home: Home, clock: SimulatedClock) -> None:
    assert kill.clear(home, clock, reason="x") == ["the kill switch is off already; nothing to clear"]


def test_only_the_kill_that_was_shown_is_cleared(home: Home, clock: SimulatedClock) -> None:
    kill.engage(home, clock, why="", via="test")

    assert kill.clear(home, clock, reason="x", kill_id="1-2") == ["this is another kill than the one shown; look again"]
    assert sentinel.look(home).engaged


@pytest.mark.parametrize("left", [0, None])
def test_where_an_exchange_is_known_a_kill_is_cleared_only_when_verified(trading: Trading, left: int | None) -> None:
    home, clock = trading.home, trading.clock
    home.path(Home.exchange).write_text("{}")
    kill.engage(home, clock, why="", via="test")

    assert "not verified" in kill.clear(home, clock, reason="x")[0]

    trading.verify(left)
    assert kill.clear(home, clock, reason="x") == []


def test_orders_found_after_all_keep_the_kill(trading: Trading) -> None:
    home, clock = trading.home, trading.clock
    home.path(Home.exchange).write_text("{}")
    kill.engage(home, clock, why="", via="test")
    trading.verify(left=3)

    assert "(left: 3)" in kill.clear(home, clock, reason="x")[0]


def test_an_exchange_file_that_cannot_be_looked_at_counts_as_one(
    trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill.engage(trading.home, trading.clock, why="", via="test")
    lstat = os.lstat

    def refuse(path: str) -> os.stat_result:
        if str(path).endswith("exchange.json"):
            raise OSError(5, "Input/output error")
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refuse)

    assert "not verified" in kill.clear(trading.home, trading.clock, reason="x")[0]


@pytest.mark.parametrize("act", ["clear", "start"])
def test_a_journal_that_cannot_be_read_refuses_both_acts(trading: Trading, act: str) -> None:
    home, clock = trading.home, trading.clock
    trading.supervise()
    if act == "clear":
        (home.state / sentinel.NAME).touch()
    home.path(Home.kills).mkdir()

    refusals = (
        kill.clear(home, clock, reason="x") if act == "clear" else kill.start(home, clock, wait_after_cancel_s=60)
    )

    assert refusals == ["kill journal cannot be read: EINVAL (is not a regular file)"]


def test_a_start_that_stays_keeps_the_kill(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    kill.engage(trading.home, trading.clock, why="", via="test")

    def unlink(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(PermissionError):
        kill.clear(trading.home, trading.clock, reason="x")

    assert trading.anchor.look().engaged


def test_a_clear_that_may_not_last_is_none(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    kill.engage(trading.home, trading.clock, why="", via="test")

    def sync_folder(_: Home) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sentinel, "sync_folder", sync_folder)
    with pytest.raises(OSError, match="Input/output error"):
        kill.clear(trading.home, trading.clock, reason="x")

    assert trading.anchor.look().engaged


def test_a_clear_that_died_half_way_is_put_back_by_the_next_start(trading: Trading) -> None:
    engaged = kill.engage(trading.home, trading.clock, why="x", via="test", by="mara")
    held = trading.home.state / f"{release.CLEARING}0badcafe"
    (trading.home.state / sentinel.NAME).rename(held)
    assert not sentinel.look(trading.home).engaged
    refusals = kill.start(trading.home, trading.clock, wait_after_cancel_s=0)
    assert release.INTERRUPTED in refusals
    assert sentinel.look(trading.home).engaged and engaged.kill_id
    assert not held.exists()


def test_a_start_arms_what_runs(trading: Trading) -> None:
    trading.armed.unlink()
    trading.supervise()

    assert kill.start(trading.home, trading.clock, wait_after_cancel_s=60.0, by="ann") == []

    look = trading.reader().look()
    assert look.armed
    assert look.permit_reason == "no permit: permit.json belongs to another start"
    trading.permits(arming_id=look.arming_id)
    assert trading.reader().look().granted


def test_a_supervisor_that_died_a_moment_ago_leaves_nothing_to_start(trading: Trading) -> None:
    trading.armed.unlink()
    trading.supervise()
    with Lock(trading.home, "supervisor", trading.clock):
        assert kill.start(trading.home, trading.clock, wait_after_cancel_s=60.0) == []
    trading.armed.unlink()

    assert kill.start(trading.home, trading.clock, wait_after_cancel_s=60.0) == [release.NO_SUPERVISOR]
    assert not trading.armed.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boot_id": "another"}, "no supervisor runs"),
        ({"start_id": ""}, "no supervisor runs"),
        ({"start_id": None}, "no supervisor runs"),
        ({"build": None}, "no supervisor runs"),
        ({"seq": None}, "no supervisor runs"),
        ({"seq": [1]}, "no supervisor runs"),
        ({"seq": 0}, "the supervisor is silent"),
        ({"seq": 10**30}, "the supervisor is silent"),
    ],
)
def test_without_a_supervisor_there_is_nothing_to_start(
    trading: Trading, changes: dict[str, object], reason: str
) -> None:
    trading.armed.unlink()
    trading.supervise(**changes)

    assert kill.start(trading.home, trading.clock, wait_after_cancel_s=60.0)[0].startswith(reason)
    assert not trading.armed.exists()


@pytest.mark.parametrize("body", [None, b"", b"[]", b"[" * 60_000, b"\xff", "fifo", "folder"])
def test_no_supervisor_file_of_any_form_arms_or_hangs(trading: Trading, body: bytes | str | None) -> None:
    path = trading.home.path(Home.supervisor)
    if isinstance(body, bytes):
        path.write_bytes(body)
    elif body is not None:
        (os.mkfifo if body == "fifo" else os.mkdir)(path)

    refusals = kill.start(trading.home, trading.clock, wait_after_cancel_s=60.0)

    assert refusals == ["no supervisor runs; start one: flightdeck up"]


def test_a_start_is_refused_while_the_kill_stands_and_while_a_cancel_may_catch_new_orders(trading: Trading) -> None:
    home, clock = trading.home, trading.clock
    trading.supervise()
    kill.engage(home, clock, why="drill", via="test")
    assert kill.start(home, clock, wait_after_cancel_s=60.0) == ["the kill switch is engaged (drill); clear it first"]

    kill.record(home, clock, "rung", by="engine", rung="cancel_sent", kill_id=None)
    kill.clear(home, clock, reason="over")
    clock.advance(10.0)
    assert "for 50 s" in kill.start(home, clock, wait_after_cancel_s=60.0)[0]

    clock.advance(50.0)
    trading.supervise()
    assert kill.start(home, clock, wait_after_cancel_s=60.0) == []


def test_a_new_supervisor_gets_nothing_from_an_older_start(trading: Trading) -> None:
    trading.permits(supervisor="1-1")

    assert trading.reader().look().permit_reason.endswith("is of another supervisor than the start")
