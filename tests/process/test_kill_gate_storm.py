"""The kill while an engine sleeps between its last look and its send, while the exchange fails, and without a network.

K-10, K-13, K-14 and K-15 of the catalogue; K-11 is in test_process_storm.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from engine.stopping import RungTeller, stop_at_exchange
from engine.venues.kalshi.cancel import VERIFIED_2, Progress
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, NewOrder
from state import kill
from state.clock import SystemClock
from state.home import Home
from state.sentinel import look
from tests.process.exchange_rig import rig, write_config
from tests.process.kill_points import ROOT
from tests.process.trader import Trader

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks"), pytest.mark.timeout(120)]

REST = "engine/venues/kalshi/rest.py"
LOOKED = "            left = True\n"
"""In REST: the order was looked at a last time and its bytes have not left."""
DENIED_WITHIN_S = 0.05
"""K-14's own bound, on the median of a few kills: a machine that runs other tests as well is now and then late."""
KILLS = 5


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def kill_lines(desk: Desk) -> list[dict[str, Any]]:
    """Lines of the kill that stands."""
    lines = desk.lines("kill")
    [last] = [line["kill_id"] for line in lines if line["act"] == "engaged"][-1:]
    return [line for line in lines if line.get("kill_id") == last]


def rungs(desk: Desk) -> set[str]:
    return {line["rung"] for line in kill_lines(desk) if line.get("rung")}


def denied_after(desk: Desk) -> float:
    """Seconds from a kill by rename, which is another one than stood before, to the line that says it is denied."""
    (desk.path("state") / "another").touch()
    began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    desk.path("state/another").rename(desk.path("state/kill_switch"))
    kill_id = look(Home(desk.home)).kill_id

    def denials() -> list[int]:
        denied = [line for line in desk.lines("kill") if line.get("rung") == "engine_denied"]
        return [line["seq"] for line in denied if line["kill_id"] == kill_id and line["by"].startswith("engine")]

    return float(desk.wait_for("denied", denials)[0] - began) / 1e9


def test_k10_an_engine_that_slept_through_a_kill_after_its_last_look_sends_and_the_exchange_refuses(
    desk: Desk, tmp_path: Path
) -> None:
    storm = tmp_path / "storm"
    storm.mkdir()
    line = (ROOT / REST).read_text().splitlines(keepends=True).index(LOOKED) + 1
    (storm / "points").write_text(f"{REST}:{line}:3\n")
    desk.environ |= {
        "PYTHONPATH": str(ROOT / "tests/process/crash_points"),
        "CRASH_POINTS": str(storm),
        "CRASH_SIGNAL": "SIGSTOP",
    }
    with rig(desk) as made:
        write_config(made)
        desk.start("up")
        desk.wait_for("the engine beats", lambda: desk.document("gate"))
        desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
        engine = desk.pid("engine")
        desk.wait_for("the engine sleeps before its third order leaves", lambda: stopped(engine))
        supervisor = desk.signal("up", signal.SIGSTOP)
        assert len(made.tap.left) == 2
        assert desk.run("kill", "on", "--cancel", "--why", "K-10") == 0, desk.err()
        assert desk.resting() == []

        os.kill(engine, signal.SIGCONT)
        desk.wait_for("the third order leaves", lambda: len(made.tap.left) == 3)
        desk.wait_for("the engine denies", lambda: "engine_denied" in rungs(desk))
        os.kill(supervisor, signal.SIGCONT)
        name = made.tap.names()[-1]
        refused = desk.wait_for(
            "it is refused",
            lambda: [
                each for each in desk.lines("intents") if each["act"] == "rejected" and each["client_order_id"] == name
            ],
        )
        assert "group" in refused[0]["reason"]
        assert name not in {order["client_order_id"] for order in desk.orders()}
        assert len(desk.orders()) == 2
        assert desk.resting() == []
        assert desk.run("down") == 0


def test_k14_with_the_network_gone_a_kill_denies_at_once_claims_nothing_and_orders_end_by_their_expiry(
    desk: Desk,
) -> None:
    with rig(desk, speed=10.0) as made:
        write_config(made, engine={"order_life_s": 60.0, "reconcile_every": 2}, supervisor={"stop_timeout_s": 5.0})
        desk.up()
        made.tap.dead = True
        assert desk.run("kill", "on", "--why", "K-14") == 0
        desk.wait_for("denied", lambda: "engine_denied" in rungs(desk))
        at = {line.get("rung") or line["act"]: line["seq"] for line in kill_lines(desk)}
        assert [name for name, left in made.tap.left if left > at["engaged"] + DENIED_WITHIN_S * 1e9] == []
        assert median(denied_after(desk) for _ in range(KILLS)) <= DENIED_WITHIN_S
        desk.wait_for("no leave is left", lambda: not desk.path("state/armed.json").exists())
        assert not desk.path("state/permit.json").exists()
        desk.wait_for("what rested has expired", lambda: desk.orders() and not desk.resting())
        desk.wait_for("it is said", lambda: desk.events("ORDERS_NOT_VERIFIED"))
        assert rungs(desk) == {"sentinel_durable", "engine_denied"}
        assert [name for name, left in made.tap.left if left > at["engine_denied"]] == []
        assert desk.run("kill", "clear", "--reason", "K-14", "--confirm", "CLEAR") == 1

        made.tap.dead = False
        desk.wait_for("verified", lambda: "verified_2" in rungs(desk))
        assert desk.run("down") == 0


# --- the exchange fails while a kill is carried out


@pytest.fixture
async def trader(desk: Desk) -> AsyncIterator[Trader]:
    with rig(desk, start=SystemClock().now().isoformat()) as made:
        trader = Trader(made)
        await trader.rest.load_limits()
        await trader.agree()
        await trader.find_market()
        yield trader
        await trader.rest.close()
        trader.journal.close()


WRITES, LISTINGS = ("DELETE *", "PUT *"), ("GET /portfolio/orders",)
WHOLE = ("*",)
FAILS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "never answered": ("half_open", "on", WRITES),
    "answered 500": ("error_500", "before", WRITES),
    "answered 429": ("storm_429", "on", WRITES),
    "cut": ("disconnect", "before", WRITES),
    "acknowledged and not done": ("cancel_acknowledged_not_done", "on", WHOLE),
}
UNREAD: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "listing never answered": ("half_open", "on", LISTINGS),
    "listing answered 500": ("error_500", "after", LISTINGS),
    "listing answered 429": ("storm_429", "on", LISTINGS),
    "listing cut": ("disconnect", "after", LISTINGS),
    "key revoked": ("revoke_key", "on", WHOLE),
}


async def killing(trader: Trader, fault: tuple[str, str, tuple[str, ...]]) -> tuple[list[Progress], asyncio.Task[bool]]:
    """Two orders rest, the fault comes, then a kill is carried out; what it told so far, after three rounds of it."""
    home, clock = Home(trader.rig.desk.home), SystemClock()
    for _ in range(2):
        await trader.rests()
    name, value, scopes = fault
    trader.rig.fault(*({"name": name, "value": value, "where": where} for where in scopes))
    kill.engage(home, clock, why="K-13", via="test")
    told: list[Progress] = []
    problems = asyncio.Event()

    def listen(progress: Progress) -> None:
        told.append(progress)
        if len([each for each in told if each.problem or each.left]) >= 3:
            problems.set()

    teller = RungTeller(home, clock, look(home).kill_id, "test", listen)
    stopping = asyncio.create_task(stop_at_exchange(trader.rest, teller, groups=trader.path.groups))
    async with asyncio.timeout(30):
        await problems.wait()
    assert not stopping.done()
    return told, stopping


async def verified_once_lifted(trader: Trader, told: list[Progress], stopping: asyncio.Task[bool]) -> None:
    """It goes on by itself, and says that nothing rests when nothing does."""
    desk = trader.rig.desk
    assert "verified_2" not in {line.get("rung") for line in desk.lines("kill")}
    trader.rig.fault()
    async with asyncio.timeout(30):
        assert await stopping
    assert told[-1].rung == VERIFIED_2
    assert await asyncio.to_thread(desk.resting) == []
    await trader.agree()
    assert await trader.differences() == []


@pytest.mark.parametrize("fault", FAILS.values(), ids=FAILS)
async def test_k13_a_cancel_that_fails_is_tried_again_and_nobody_says_killed(
    trader: Trader, fault: tuple[str, str, tuple[str, ...]]
) -> None:
    told, stopping = await killing(trader, fault)
    assert len(await asyncio.to_thread(trader.rig.desk.resting)) == 2
    assert {2} <= {each.left for each in told} <= {2, None}
    assert {each.rung for each in told} <= {None, "cancel_sent"}
    await verified_once_lifted(trader, told, stopping)


async def test_k13_an_order_that_a_cancel_left_is_cancelled_by_name(trader: Trader) -> None:
    told, stopping = await killing(trader, ("cancel_acknowledged_not_done", "on", ("DELETE */batched", *WHOLE)))
    trader.rig.fault(
        {"name": "cancel_acknowledged_not_done", "value": "on", "where": "DELETE /portfolio/events/orders"},
        {"name": "cancel_acknowledged_not_done", "value": "on", "where": "PUT *"},
    )
    async with asyncio.timeout(30):
        assert await stopping
    assert await asyncio.to_thread(trader.rig.desk.resting) == []
    assert told[-1].rung == VERIFIED_2


async def test_k13_who_never_asked_what_a_cancel_costs_cancels_many_by_name_all_the_same(trader: Trader) -> None:
    for _ in range(12):
        await trader.rests()
    trader.rig.fault(
        {"name": "cancel_acknowledged_not_done", "value": "on", "where": "DELETE /portfolio/events/orders"},
        {"name": "cancel_acknowledged_not_done", "value": "on", "where": "PUT *"},
    )
    given, heard = trader.rig.credentials, list[Progress]()
    signer = Signer.load(given["key_id"], Path(given["private_key_path"]))
    async with KalshiRest(given["base_url"], signer, SystemClock()) as supervisor:
        assert await stop_at_exchange(supervisor, heard.append, deadline_s=20)
    assert max(each.left or 0 for each in heard) == 12
    assert await asyncio.to_thread(trader.rig.desk.resting) == []


CLOSED_SPEED = 0.2
"""The exchange cancels what rested at a close a market second after it: here five seconds."""


@pytest.fixture
async def slow_trader(desk: Desk) -> AsyncIterator[Trader]:
    """On an exchange whose market time hardly moves."""
    with rig(desk, start=SystemClock().now().isoformat(), speed=CLOSED_SPEED) as made:
        trader = Trader(made)
        await trader.rest.load_limits()
        await trader.agree()
        await trader.find_market()
        yield trader
        await trader.rest.close()
        trader.journal.close()


async def test_k13_what_rests_in_a_closed_market_is_left_until_the_exchange_takes_it_out(slow_trader: Trader) -> None:
    trader, desk = slow_trader, slow_trader.rig.desk
    home, clock = Home(desk.home), SystemClock()
    orders = [await trader.rests() for _ in range(2)]
    markets = await trader.rest.markets(status="open", series_ticker="KXHIGHNY")
    open_still = max((each for each in markets if each.ticker != trader.ticker), key=lambda market: market.yes_bid or 0)
    await trader.rests(open_still.ticker)
    now = datetime.fromisoformat((await asyncio.to_thread(desk.ask, "/exchange/user_data_timestamp"))["as_of_time"])
    trader.rig.revise(trader.ticker, close_ts=int(now.timestamp()) + 1)
    async with asyncio.timeout(30):
        while (await asyncio.to_thread(desk.ask, f"/markets/{trader.ticker}"))["market"]["status"] != "closed":
            await asyncio.sleep(0.05)

    kill.engage(home, clock, why="K-13", via="test")
    told: list[Progress] = []
    tried = asyncio.Event()

    def listen(progress: Progress) -> None:
        told.append(progress)
        if len([each for each in told if each.left]) >= 3:
            tried.set()

    teller = RungTeller(home, clock, look(home).kill_id, "test", listen)
    stopping = asyncio.create_task(stop_at_exchange(trader.rest, teller, groups=trader.path.groups))
    async with asyncio.timeout(30):
        await tried.wait()
    # neither the group's trigger nor cancel-all nor a cancel by name reached them, but the one in another market
    assert {each["ticker"] for each in await asyncio.to_thread(desk.resting)} == {trader.ticker}
    assert {2} <= {each.left for each in told} <= {2, None}
    assert {each.rung for each in told} == {"cancel_sent", None}
    with pytest.raises(VenueError, match="MARKET_INACTIVE"):
        await trader.rest.cancel_order(str(orders[0].order_id), trader.ticker)
    with pytest.raises(VenueError, match="MARKET_INACTIVE"):
        await trader.rest.create_order(NewOrder("late", trader.ticker, BookSide.BID, 100, 100), lambda: None)

    async with asyncio.timeout(30):
        assert await stopping
    assert told[-1].rung == VERIFIED_2
    assert await asyncio.to_thread(desk.resting) == []
    assert {each["status"] for each in await asyncio.to_thread(desk.orders)} == {"canceled"}
    await trader.agree()
    assert await trader.differences() == []


@pytest.mark.parametrize("fault", UNREAD.values(), ids=UNREAD)
async def test_k15_a_listing_that_failed_is_unknown_and_never_none_left(
    trader: Trader, fault: tuple[str, str, tuple[str, ...]]
) -> None:
    told, stopping = await killing(trader, fault)
    assert {each.left for each in told} == {None}
    assert {each.rung for each in told} <= {None, "cancel_sent"}
    await verified_once_lifted(trader, told, stopping)
