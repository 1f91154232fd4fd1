"""The look made at the last moment before an order's bytes leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.last_look import LastLook
from engine.venues.kalshi.errors import Denied
from state.clock import SimulatedClock
from state.home import Home
from state.permit import Identity, LeaveReader
from state.sentinel import Anchor


@pytest.fixture
def look(anchor: Anchor, clock: SimulatedClock, identity: Identity) -> LastLook:
    return LastLook(anchor, LeaveReader(anchor, clock, identity))


@pytest.fixture
def granted(leave: Any) -> Any:
    leave.arm()
    leave.permit()
    return leave


@pytest.mark.usefixtures("granted")
def test_started_and_permitted_and_not_killed_an_order_leaves(look: LastLook) -> None:
    look.for_order("start-1")


def advance(home: Home, leave: Any) -> None:
    leave.clock.advance(15.1)


def set_clock_back(home: Home, leave: Any) -> None:
    leave.clock.boot_ns -= 1


REFUSALS: dict[str, tuple[Callable[[Home, Any], object], str]] = {
    "a kill": (lambda home, leave: leave.kill(), "kill switch is on"),
    "a kill by a folder": (lambda home, leave: (home.state / "kill_switch").mkdir(), "kill switch is on"),
    "a home that moved": (lambda home, leave: home.state.rename(home.root / "elsewhere"), "no home"),
    "no start": (lambda home, leave: home.path(Home.armed).unlink(), "not started: armed.json missing"),
    "a damaged start": (lambda home, leave: home.path(Home.armed).write_bytes(b"{"), "not JSON"),
    "no permit": (lambda home, leave: home.path(Home.permit).unlink(), "no permit: permit.json missing"),
    "an old permit": (advance, "ran out"),
    "a permit from the future": (set_clock_back, "from the future"),
    "a damaged permit": (lambda home, leave: home.path(Home.permit).write_bytes(b"[]"), "not an object"),
    "a permit of another start": (lambda home, leave: leave.permit("start-2"), "belongs to another start"),
    "another build": (lambda home, leave: leave.permit(build="build-2"), "is of another build"),
    "another configuration": (lambda home, leave: leave.permit(config_hash="x"), "is of another configuration"),
    "another boot": (lambda home, leave: leave.permit(boot_id="x"), "is of another boot"),
    "another supervisor": (lambda home, leave: leave.permit(supervisor="1-1"), "is of another supervisor"),
}


@pytest.mark.parametrize("cause", REFUSALS)
def test_each_doubt_denies_and_says_why(look: LastLook, home: Home, granted: Any, cause: str) -> None:
    look.for_order("start-1")
    spoil, reason = REFUSALS[cause]
    spoil(home, granted)
    with pytest.raises(Denied, match=reason):
        look.for_order("start-1")


def test_an_order_belongs_to_the_start_it_was_made_under(look: LastLook, granted: Any) -> None:
    granted.arm("start-2")
    granted.permit("start-2")
    with pytest.raises(Denied, match="started anew"):
        look.for_order("start-1")
    look.for_order("start-2")
