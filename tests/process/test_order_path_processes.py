"""Real orders through crashes, strangers and FLATTEN, on the demo's processes."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.venues.kalshi.portfolio import OrderAck
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, NewOrder, TimeInForce
from state.clock import SystemClock

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks")]


def by_hand(desk: Desk, ticker: str, price: int, count: int, side: BookSide = BookSide.BID) -> OrderAck:
    """An order of our account that this house did not intend: somebody trades on the exchange's own site."""

    async def send() -> OrderAck:
        credentials = json.loads(desk.path("credentials/credentials.json").read_bytes())
        signer = Signer.load(credentials["key_id"], Path(credentials["private_key_path"]))
        async with KalshiRest(credentials["base_url"], signer, SystemClock()) as rest:
            name = f"by-hand-{ticker}-{price}-{count}"
            tif = TimeInForce.IMMEDIATE_OR_CANCEL
            return await rest.create_order(NewOrder(name, ticker, side, price, count, tif), lambda: None)

    return asyncio.run(send())


def quoted(desk: Desk) -> list[str]:
    """Markets of the weather ladders with bids and offers well inside the range."""
    listed = desk.ask("/markets", status="open", series_ticker="KXHIGHNY", limit="200")["markets"]
    inside = [
        market
        for market in listed
        if Decimal(market["yes_bid_dollars"]) >= Decimal("0.1") and Decimal(market["yes_ask_dollars"]) <= Decimal("0.9")
    ]
    return [market["ticker"] for market in inside]


def gate(desk: Desk) -> dict[str, Any]:
    """The line of the gate "orders"."""
    lines = desk.document("gate").get("gates", ())
    return next((line for line in lines if line["name"] == "orders"), {"open": None, "reason": ""})


def in_order(desk: Desk) -> bool:
    return bool(desk.document("reconciliation").get("ok") and desk.document("gate").get("open"))


def test_an_engine_killed_outright_comes_back_knows_its_orders_and_goes_on_under_the_same_start(desk: Desk) -> None:
    desk.demo()
    arming = desk.document("armed")["arming_id"]
    before = {order["client_order_id"] for order in desk.resting()}
    dead = desk.signal("engine", signal.SIGKILL)
    desk.wait_for(
        "the next engine has reconciled",
        lambda: desk.document("bot_heartbeat").get("pid") != dead and in_order(desk),
    )
    told = desk.document("reconciliation")
    assert (told["orders_foreign"], told["orders_unresolved"], told["orders_resting"]) == (0, 0, 6)
    assert {order["client_order_id"] for order in desk.resting()} == before
    assert desk.document("armed")["arming_id"] == arming


def test_a_desk_whose_group_is_triggered_says_so_tries_seldom_and_trades_on_under_a_new_start(desk: Desk) -> None:
    desk.demo()
    assert desk.run("cancel") == 0  # with no kill on: what rests is gone, and its group takes no more

    def told() -> bool:
        return any("order_group_triggered" in error for error in desk.document("bot_heartbeat").get("errors", ()))

    desk.wait_for("the engine says why nothing rests", told)
    desk.wait_for(
        "it tries seldom", lambda: re.search(r"tried in ([89]|\d\d) s", str(desk.document("bot_heartbeat")["errors"]))
    )
    assert len(desk.events("ORDER_REJECTED")) < 15
    assert desk.run("kill", "start", "--confirm", "START") == 0, desk.err()
    desk.wait_for("it trades again", lambda: len(desk.resting()) == 6 and not told())


def test_a_stranger_s_position_shuts_the_gate_and_flatten_is_the_way_out(desk: Desk) -> None:
    desk.demo()
    desk.wait_for("all agrees", lambda: in_order(desk))
    assert desk.run("flatten", "--confirm", "FLATTEN") == 1
    assert "the kill switch is off" in desk.err()
    one, other = quoted(desk)[:2]
    assert by_hand(desk, one, 9_900, 300).filled
    assert by_hand(desk, other, 100, 200, BookSide.ASK).filled
    desk.wait_for("the gate is shut", lambda: gate(desk)["open"] is False)
    assert "positions differ" in gate(desk)["reason"]
    assert "flightdeck kill on --cancel" in gate(desk)["reason"]

    assert desk.run("kill", "on", "--why", "positions differ") == 0
    desk.wait_for("verified", lambda: any(line.get("rung") == "verified_2" for line in desk.lines("kill")))
    assert desk.run("flatten") == 2
    assert desk.run("flatten", "--confirm", "FLATTEN", "--timeout", "30") == 0, desk.out() + desk.err()
    assert desk.ask("/portfolio/positions", count_filter="position")["market_positions"] == []
    told = [line for line in desk.lines("kill") if line["act"] == "flatten"]
    assert told[-1]["left"] == 0

    assert desk.run("kill", "clear", "--reason", "flat", "--confirm", "CLEAR") == 0
    desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
    desk.wait_for("all agrees again", lambda: in_order(desk) and len(desk.resting()) == 6)


def test_a_stranger_s_position_is_kept_by_a_person_who_names_it_and_by_nothing_less(desk: Desk) -> None:
    desk.demo()
    desk.wait_for("all agrees", lambda: in_order(desk))
    one, other = quoted(desk)[:2]
    assert by_hand(desk, one, 9_900, 300).filled
    assert by_hand(desk, other, 100, 200, BookSide.ASK).filled
    desk.wait_for("the gate is shut", lambda: gate(desk)["open"] is False)
    assert "flightdeck accept" in desk.wait_for("it says so", lambda: gate(desk)["reason"])
    words = ["accept", "--reason", "a hedge", "--confirm", "ACCEPT", "--position"]
    assert desk.run(*words, f"{one}=2.00") == 1
    assert f"{one}: the exchange says that 3.00 is held, not 2.00; nothing was accepted" in desk.err()
    assert desk.run(*words[:3], "--position", f"{one}=3.00") == 2
    assert desk.run(*words, f"{one}=3.00") == 0, desk.err()
    desk.wait_for(
        "the other one is still told", lambda: other in gate(desk)["reason"] and one not in gate(desk)["reason"]
    )
    assert gate(desk)["open"] is False
    assert desk.run(*words, f"{other}=-2.00") == 0, desk.err()
    desk.wait_for("the gate opens", lambda: in_order(desk))
    told = [line for line in desk.lines("intents") if line["act"] == "accepted"]
    assert [(line["ticker"], line["count"]) for line in told] == [(one, "3.00"), (other, "-2.00")]
    assert all(line["reason"].startswith("a hedge (") for line in told)
    dead = desk.signal("engine", signal.SIGKILL)
    desk.wait_for("the next engine knows", lambda: desk.document("bot_heartbeat").get("pid") != dead and in_order(desk))


def test_a_demo_started_again_on_its_home_owes_nothing_to_the_account_of_the_last(desk: Desk) -> None:
    first = desk.demo()
    assert by_hand(desk, quoted(desk)[0], 9_900, 200).filled
    desk.wait_for("the position is seen", lambda: "positions differ" in gate(desk)["reason"])
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    known = len(desk.lines("intents"))
    desk.demo()
    desk.wait_for("all agrees", lambda: in_order(desk))
    lines = desk.lines("intents")
    assert len(lines) > known
    assert len({line["account"] for line in lines}) == 2
    assert len({line["client_order_id"] for line in lines if line["act"] == "intent"}) == 12
