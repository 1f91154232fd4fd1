"""DECISIONS 26: each precondition of the permit, met and not met, and the office that writes it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.supervisor import permits
from engine.supervisor.permits import Evidence, Limits, PermitOffice, ProgressWatch, disk_free_share, withheld
from state import permit
from state.clock import SimulatedClock
from state.events import EventType
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat, Progress
from state.permit import Identity, LeaveReader
from state.sentinel import Anchor, Look

LIMITS = Limits(heartbeat_s=5.0, exchange_age_s=15.0, clock_offset_ms=250.0, disk_free_share=0.02)
BEAT = Heartbeat(
    pid=42,
    build="build-1",
    config_hash="config-1",
    clock_offset_ms=(-40.0, 60.0),
    progress=Progress(messages=10, listings=3),
    exchange_trading=True,
    market_open=12,
)
GOOD = Evidence(
    kill=Look(False, ""),
    armed=True,
    armed_reason="",
    arming_id="start-1",
    engine_alive=True,
    identity=Identity("build-1", "config-1"),
    heartbeat=BEAT,
    heartbeat_reason="",
    heartbeat_age_s=0.4,
    stalled=(),
    exchange=ExchangeView(resting=()),
    exchange_age_s=2.0,
    verified=True,
    disk_free_share=0.5,
)


def beat(**changes: Any) -> dict[str, Any]:
    return {"heartbeat": BEAT.model_copy(update=changes)}


def view(**changes: Any) -> dict[str, Any]:
    return {"exchange": ExchangeView(resting=()).model_copy(update=changes)}


def test_when_every_precondition_holds_nothing_withholds_the_permit() -> None:
    assert withheld(GOOD, LIMITS) == ()


SHUT = {
    "a kill": ({"kill": Look(True, "kill switch is on", "9-9")}, "kill: kill switch is on"),
    "a kill switch that cannot be read": ({"kill": Look(True, "cannot be read: EIO")}, "kill: cannot be read: EIO"),
    "not started": ({"armed": False, "armed_reason": "not started"}, "not started"),
    "orders of before": ({"verified": False}, "orders found at start are not yet verified gone"),
    "no engine": ({"engine_alive": False}, "engine is not running"),
    "no heartbeat": (
        {"heartbeat": None, "heartbeat_age_s": None, "heartbeat_reason": "empty (0 bytes)"},
        "heartbeat empty (0 bytes)",
    ),
    "a heartbeat of no known age": ({"heartbeat_age_s": None}, "heartbeat missing"),
    "an old heartbeat": ({"heartbeat_age_s": 5.1}, "heartbeat is 5 s old"),
    "another build": (beat(build="build-2"), "engine runs another build"),
    "another configuration": (beat(config_hash="config-2"), "engine runs another configuration"),
    "no progress": (
        {"stalled": ("listings stand at 3 for 20 s",)},
        "engine makes no progress: listings stand at 3 for 20 s",
    ),
    "unknown clock offset": (beat(clock_offset_ms=None), "clock offset unknown"),
    "clock behind": (beat(clock_offset_ms=(-251.0, 0.0)), "clock offset -251…+0 ms, limit ±250 ms"),
    "clock ahead": (beat(clock_offset_ms=(0.0, 251.0)), "clock offset +0…+251 ms, limit ±250 ms"),
    "an interval that holds nothing": (beat(clock_offset_ms=(60.0, -40.0)), "clock offset +60…-40 ms, limit ±250 ms"),
    "no listing": ({"exchange": None, "exchange_age_s": None}, "resting orders at the exchange unknown"),
    "a listing without an answer": (view(resting=None), "resting orders at the exchange unknown"),
    "a listing of no known age": ({"exchange_age_s": None}, "resting orders at the exchange unknown"),
    "an old listing": ({"exchange_age_s": 15.1}, "listing of resting orders is 15 s old"),
    "a listing from the future": ({"exchange_age_s": -3_600.0}, "listing of resting orders is -3600 s old"),
    "a listing that failed": (view(error="Unavailable: no route"), "Unavailable: no route"),
    "a full disk": ({"disk_free_share": 0.019}, "disk: 1.9% free, at least 2% wanted"),
    "a disk that cannot be asked": ({"disk_free_share": None}, "free disk space unknown"),
}


@pytest.mark.parametrize("cause", SHUT)
def test_each_precondition_that_fails_withholds_the_permit_and_is_named(cause: str) -> None:
    changes, reason = SHUT[cause]
    assert withheld(replace(GOOD, **changes), LIMITS) == (reason,)


OPEN = {
    "a heartbeat at its limit": {"heartbeat_age_s": 5.0},
    "an offset at its limits": beat(clock_offset_ms=(-250.0, 250.0)),
    "a listing at its limit": {"exchange_age_s": 15.0},
    "a listing of just now": {"exchange_age_s": 0.0},
    "a disk at its limit": {"disk_free_share": 0.02},
    "a paused exchange": beat(exchange_trading=False),
}


@pytest.mark.parametrize("cause", OPEN)
def test_what_lies_at_its_limit_is_within(cause: str) -> None:
    assert withheld(replace(GOOD, **OPEN[cause]), LIMITS) == ()


def test_every_reason_is_told_at_once() -> None:
    evidence = replace(GOOD, armed=False, armed_reason="not started", verified=False, disk_free_share=0.0)
    assert len(withheld(evidence, LIMITS)) == 3


class TestProgress:
    def beat(self, *, messages: int = 0, listings: int = 0, trading: bool = True, markets: int = 5) -> Heartbeat:
        progress = Progress(messages=messages, listings=listings)
        return Heartbeat(progress=progress, exchange_trading=trading, market_open=markets)

    def test_counters_that_grow_are_progress(self) -> None:
        watch = ProgressWatch(listings_s=15.0)
        assert all(watch.stalled(self.beat(messages=n, listings=n), 10.0 * n) == () for n in range(20))

    def test_listings_that_stand_still_are_none(self) -> None:
        watch = ProgressWatch(listings_s=15.0)
        assert watch.stalled(self.beat(messages=1, listings=3), 0.0) == ()
        assert watch.stalled(self.beat(messages=2, listings=3), 15.0) == ()
        assert watch.stalled(self.beat(messages=3, listings=3), 15.5) == ("listings stand at 3 for 16 s",)
        assert watch.stalled(self.beat(messages=4, listings=4), 16.0) == ()

    def test_messages_that_stand_still_count_while_markets_are_open(self) -> None:
        watch = ProgressWatch(listings_s=1_000.0)
        watch.stalled(self.beat(messages=7), 0.0)
        assert watch.stalled(self.beat(messages=7), 60.5) == ("messages stand at 7 for 60 s",)

    @pytest.mark.parametrize("why", [{"trading": False}, {"markets": 0}])
    def test_messages_may_stand_still_while_the_schedule_expects_none(self, why: dict[str, Any]) -> None:
        watch = ProgressWatch(listings_s=10_000.0)
        watch.stalled(self.beat(messages=7), 0.0)
        assert watch.stalled(self.beat(messages=7, **why), 3_600.0) == ()

    def test_after_a_pause_messages_have_their_time_again(self) -> None:
        watch = ProgressWatch(listings_s=10_000.0)
        watch.stalled(self.beat(messages=7), 0.0)
        watch.stalled(self.beat(messages=7, trading=False), 30.0)
        assert watch.stalled(self.beat(messages=7), 3_600.0) == ()
        assert watch.stalled(self.beat(messages=7), 3_661.0) == ("messages stand at 7 for 61 s",)


class TestDisk:
    def stat(self, monkeypatch: pytest.MonkeyPatch, **given: int) -> float | None:
        fields = {"f_blocks": 100, "f_bavail": 50, "f_files": 100, "f_favail": 70} | given
        monkeypatch.setattr(permits.os, "statvfs", lambda _: type("Found", (), fields))
        return disk_free_share(Path("/"))

    def test_the_scarcer_of_blocks_and_inodes_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.stat(monkeypatch) == 0.5
        assert self.stat(monkeypatch, f_favail=1) == 0.01

    def test_a_filesystem_without_a_count_of_inodes_has_no_limit_of_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.stat(monkeypatch, f_files=0, f_favail=0) == 0.5

    def test_what_cannot_be_told_is_unknown(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        assert disk_free_share(tmp_path / "none") is None
        assert self.stat(monkeypatch, f_blocks=0) is None


@pytest.fixture
def office(anchor: Anchor, clock: SimulatedClock, identity: Identity, emit: Any) -> PermitOffice:
    return PermitOffice(anchor, clock, identity, "77-1234", 15.0, emit)


class TestOffice:
    def test_a_renewed_permit_with_its_start_lets_orders_leave(
        self, office: PermitOffice, anchor: Anchor, clock: SimulatedClock, identity: Identity, leave: Any
    ) -> None:
        leave.arm()
        office.renew("start-1", "simulated")
        reader = LeaveReader(anchor, clock, identity)
        assert reader.look().granted
        clock.advance(15.1)
        assert not reader.look().granted
        office.renew("start-1", "simulated")
        assert reader.look().granted
        office.withdraw()
        assert not reader.look().granted
        office.withdraw()

    def test_a_permit_of_another_start_lets_nothing_leave(
        self, office: PermitOffice, anchor: Anchor, clock: SimulatedClock, identity: Identity, leave: Any
    ) -> None:
        leave.arm("start-2")
        office.renew("start-1", "simulated")
        assert not LeaveReader(anchor, clock, identity).look().granted

    def test_a_damaged_permit_goes_aside_before_it_is_replaced(
        self, office: PermitOffice, home: Home, emit: Any
    ) -> None:
        office.renew("start-1", "simulated")
        home.path(Home.permit).write_bytes(b'{"life_s": 1e9}')
        office.renew("start-1", "simulated")
        (kept,) = home.state.glob("permit.json.corrupted.*.json")
        assert kept.read_bytes() == b'{"life_s": 1e9}'
        assert "seal does not match" in emit.said(EventType.DOCUMENT_HEALED)[0]

    def test_a_permit_of_somebody_else_is_told(self, office: PermitOffice, leave: Any, emit: Any) -> None:
        leave.permit(supervisor="66-1")
        office.renew("start-1", "simulated")
        assert emit.said(EventType.DOCUMENT_HEALED) == ["state/permit.json was of another supervisor"]

    def test_our_own_permit_is_replaced_without_a_word(self, office: PermitOffice, emit: Any) -> None:
        for _ in range(3):
            office.renew("start-1", "simulated")
        assert emit.lines == []

    @pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"arming_id": "x"}', b"\xff" * 5_000])
    def test_a_damaged_start_goes_aside_so_that_the_next_one_finds_its_place_free(
        self, office: PermitOffice, home: Home, emit: Any, raw: bytes
    ) -> None:
        home.path(Home.armed).write_bytes(raw)
        office.drop_void_start()
        assert not home.path(Home.armed).exists()
        assert len(list(home.state.glob("armed.json.corrupted.*.json"))) == 1
        assert emit.types == [EventType.DOCUMENT_HEALED]

    def test_a_good_start_and_a_missing_one_are_left_alone(self, office: PermitOffice, home: Home, leave: Any) -> None:
        office.drop_void_start()
        leave.arm()
        before = home.path(Home.armed).read_bytes()
        office.drop_void_start()
        assert home.path(Home.armed).read_bytes() == before

    def test_the_permit_carries_what_it_was_given_to(
        self, office: PermitOffice, home: Home, clock: SimulatedClock
    ) -> None:
        office.renew("start-1", "simulated")
        fields = json.loads(home.path(Home.permit).read_bytes())
        assert fields["boot_id"] == clock.boot_id()
        assert fields["seq"] == clock.boottime_ns()
        told = ("mode", "build", "config_hash", "arming_id", "supervisor")
        assert [fields[name] for name in told] == ["simulated", "build-1", "config-1", "start-1", "77-1234"]
        assert os.stat(home.path(Home.permit)).st_mode & 0o777 == 0o640

    def test_a_wall_that_jumps_changes_no_permit(
        self, office: PermitOffice, anchor: Anchor, clock: SimulatedClock, identity: Identity, leave: Any
    ) -> None:
        leave.arm()
        office.renew("start-1", "simulated")
        clock.wall -= timedelta(days=90)
        assert LeaveReader(anchor, clock, identity).look().granted
        assert permit.read_sealed(anchor, permit.PERMIT)
