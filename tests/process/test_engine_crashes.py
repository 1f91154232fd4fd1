"""The engine killed at random moments, and the brake on crash loops."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks")]

UNBRAKED = {
    "brake": False,
    "backoff_base_s": 0.01,
    "backoff_cap_s": 0.05,
    "permit_life_s": 1.0,
    "renew_s": 0.3,
    "stop_timeout_s": 5.0,
}
MOST_CHANGES = 60
"""Changes in the home after an engine's first cycle until it is killed, at most: some two seconds."""

AT_START = 0.3
"""The share of engines that are killed before their first cycle is seen."""


def engine(desk: Desk) -> int | None:
    """The one engine that runs; more than one fails the test at once."""
    engines = [pid for pid, word in desk.processes().items() if word == "engine"]
    if len(engines) > 1:  # one may have ended, and been followed by the other, while /proc was read
        engines = [pid for pid, word in desk.processes().items() if word == "engine" and pid in engines]
    assert len(engines) <= 1
    return engines[0] if engines else None


def started(desk: Desk, *, since: int) -> int | None:
    """The engine that runs now, when it is another one than `since`."""
    pid = engine(desk)
    return pid if pid != since else None


def cycled(desk: Desk, *, since: int) -> int | None:
    """The engine that beats now, when it is another one than `since`."""
    pid = engine(desk)
    return pid if pid is not None and pid != since and desk.document("bot_heartbeat").get("pid") == pid else None


def folded(desk: Desk) -> dict[str, Any]:
    """The shadow book as the lines of its journal make it, without our code."""
    lines = desk.lines("shadow_trades")
    assert len({line["fill_id"] for line in lines}) == len(lines)
    held: Counter[str] = Counter()
    for line in lines:
        hundredths = int(Decimal(line["count"]) * 100)
        held[line["ticker"]] += hundredths if line["side"] == "YES" else -hundredths
    assert {line["event"] for line in lines} == {"fill"}  # nothing settles in these minutes
    return {
        "fills": len(lines),
        "fees_usd": sum(Decimal(line["fee_usd"]) for line in lines),
        "positions": {ticker: count for ticker, count in held.items() if count},
    }


def book(desk: Desk) -> dict[str, Any]:
    """The same of the document."""
    told = desk.document("shadow_v2_positions")
    signed = {
        each["ticker"]: int(Decimal(each["count"]) * 100) * (1 if each["side"] == "YES" else -1)
        for each in told["positions"]
    }
    return {"fills": told["fills"], "fees_usd": Decimal(told["fees_usd"]), "positions": signed}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("rounds", "seed"), [(20, 7), pytest.param(50, 11, marks=pytest.mark.storm)])
def test_an_engine_killed_at_random_moments_loses_nothing_and_counts_nothing_twice(
    desk: Desk, rounds: int, seed: int
) -> None:
    rng = random.Random(seed)
    desk.exchange(supervisor=UNBRAKED)
    up = desk.up()
    arming, last, fills = desk.document("armed")["arming_id"], 0, 0
    for number in range(rounds):
        if rng.random() < AT_START:
            last = desk.wait_for("an engine starts", lambda last=last: started(desk, since=last))  # type: ignore[misc]
            desk.changes(rng.randrange(4))
        else:
            last = desk.wait_for("an engine beats", lambda last=last: cycled(desk, since=last))  # type: ignore[misc]
            desk.changes(rng.randrange(MOST_CHANGES))
        os.kill(last, signal.SIGKILL)
        desk.wait_for("it is gone", lambda last=last: engine(desk) != last)  # type: ignore[misc]
        told = desk.document("shadow_v2_positions").get("fills", 0)
        assert fills <= told <= len(desk.lines("shadow_trades")), f"round {number}"
        fills = told
    desk.wait_for("an engine beats", lambda: cycled(desk, since=last))
    assert desk.document("supervisor")["restarts"] == rounds
    assert Counter(line["details"]["exit_class"] for line in desk.events("TRADING_ENGINE_EXITED")) == {
        "signalled": rounds
    }

    desk.wait_for("it goes on under the same start", lambda: desk.document("gate")["open"])
    assert desk.document("armed")["arming_id"] == arming
    desk.wait_for("six orders rest, not one more", lambda: len(desk.resting()) == 6)
    intended = Counter(line["client_order_id"] for line in desk.lines("intents") if line["act"] == "intent")
    assert {order["client_order_id"] for order in desk.orders()} <= intended.keys()
    assert set(intended.values()) == {1}

    assert desk.run("kill", "on") == 0
    desk.cycles(3)
    assert book(desk) == folded(desk)
    assert book(desk)["fills"] > 0
    assert sorted(desk.processes().values()) == ["engine", "exchange", "up"]
    assert desk.run("down") == 0
    assert up.wait(10) == 0
    assert sorted(desk.processes().values()) == ["exchange"]


@pytest.mark.timeout(120)
def test_no_crash_lowers_a_kill(desk: Desk) -> None:
    desk.exchange(supervisor=UNBRAKED)
    desk.up()
    assert desk.run("kill", "on", "--why", "a test") == 0
    desk.wait_for(
        "verified", lambda: any(line.get("rung") == "verified_2" and line["kill_id"] for line in desk.lines("kill"))
    )
    orders, last = len(desk.orders()), 0
    for _ in range(4):
        last = desk.wait_for("an engine beats", lambda last=last: cycled(desk, since=last))  # type: ignore[misc]
        desk.cycles(1)
        gate = desk.document("gate")
        assert (gate["open"], gate["level"], gate["paper_level"]) == (False, "HALT", "HALT")
        assert desk.path("state/kill_switch").exists()
        assert not desk.path("state/armed.json").exists()
        assert not desk.path("state/permit.json").exists()
        os.kill(last, signal.SIGKILL)
        desk.wait_for("it is gone", lambda last=last: engine(desk) != last)  # type: ignore[misc]
    assert len(desk.orders()) == orders
    assert desk.run("kill", "status") == 0


@pytest.mark.timeout(120)
def test_a_crash_loop_is_braked_until_a_person_clears_the_kill(desk: Desk) -> None:
    desk.exchange(supervisor=UNBRAKED | {"brake": True, "brake_exits": 3, "backoff_base_s": 0.2, "backoff_cap_s": 1.0})
    desk.up()
    last = 0
    for _ in range(3):
        last = desk.wait_for("an engine beats", lambda last=last: cycled(desk, since=last))  # type: ignore[misc]
        os.kill(last, signal.SIGKILL)
    desk.wait_for("the brake", lambda: desk.document("supervisor").get("engine") == "braked")
    told = desk.status()
    assert (told["kill"]["engaged"], told["kill"]["level"]) == (True, "HALT")
    assert "3 exits within" in told["kill"]["why"]
    assert told["engine"]["state"] == "down"
    assert [event["severity"] for event in desk.events("CRASH_LOOP_BRAKE")] == ["critical"]
    delays = [float(event["message"].split()[-2]) for event in desk.events("TRADING_ENGINE_RESTARTING")]
    assert len(delays) == 2
    assert all(0.2 <= delay <= 1.0 for delay in delays)

    desk.wait_for("the supervisor cancels", lambda: desk.resting() == [])
    desk.wait_for("verified", lambda: len(desk.status()["kill"]["rungs"]) == 5)
    starts = len(desk.events("TRADING_ENGINE_STARTING"))
    assert desk.run("kill", "start", "--confirm", "START") == 1
    assert engine(desk) is None
    assert len(desk.events("TRADING_ENGINE_STARTING")) == starts

    assert desk.run("kill", "clear", "--reason", "mended", "--confirm", "CLEAR") == 0, desk.err()
    desk.wait_for("an engine beats", lambda: cycled(desk, since=last))
    assert desk.resting() == []
    desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
    desk.wait_for("orders rest again", lambda: len(desk.resting()) == 6)
