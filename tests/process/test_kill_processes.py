"""The kill switch against running processes, by every way there is to reach it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.process.conftest import Desk, Terminal

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks"), pytest.mark.timeout(150)]

RUNGS = ["sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2"]


def kill(desk: Desk) -> dict[str, Any]:
    assert desk.run("kill", "status", "--json") == 0
    told: dict[str, Any] = json.loads(desk.out())
    return told


def assert_killed(desk: Desk, by: str) -> None:
    """Every rung in order with its time, nothing rests, no leave is left, and nothing came after the denial."""
    desk.wait_for("verified twice", lambda: any(line.get("rung") == "verified_2" for line in of_this_kill(desk)))
    told = desk.status()["kill"]
    assert told == kill(desk)
    assert (told["engaged"], told["level"]) == (True, "HALT")
    assert [rung["name"] for rung in told["rungs"]] == RUNGS
    times = [rung["at"] for rung in told["rungs"]]
    assert times == sorted(times)
    assert told["rungs"][2]["by"].startswith(by)
    assert desk.resting() == []
    assert not desk.path("state/permit.json").exists()
    assert not desk.path("state/armed.json").exists()
    [denied] = [line["seq"] for line in of_this_kill(desk) if line.get("rung") == "engine_denied"]
    assert [order for order in desk.orders() if desk.boottime_ns(order) > denied] == []


def of_this_kill(desk: Desk) -> list[dict[str, Any]]:
    """The journal's lines of the kill that was engaged last."""
    lines = desk.lines("kill")
    last = [line["kill_id"] for line in lines if line["act"] == "engaged"][-1:]
    return [line for line in lines if line.get("kill_id") in last]


def assert_stays_killed(desk: Desk) -> None:
    """Two engine cycles on: paper has ended too, nothing was armed or permitted, nothing was sent."""
    orders = desk.orders()
    desk.cycles(2)
    gate = desk.document("gate")
    assert (gate["open"], gate["level"], gate["paper_level"]) == (False, "HALT", "HALT")
    assert desk.document("shadow_v2_positions")["orders"] == []
    assert not desk.path("state/permit.json").exists()
    assert not desk.path("state/armed.json").exists()
    assert [order["order_id"] for order in desk.orders()] == [order["order_id"] for order in orders]


def go_again(desk: Desk) -> None:
    """Clear, which starts nothing; then start, under which new orders come in a new group."""
    earlier = {order["order_group_id"] for order in desk.orders()}
    assert desk.run("kill", "clear", "--reason", "tested", "--confirm", "CLEAR") == 0, desk.err()
    desk.cycles(2)
    desk.wait_for("paper trades again", lambda: desk.document("shadow_v2_positions")["orders"])
    assert desk.resting() == []
    assert not desk.path("state/armed.json").exists()
    assert desk.document("gate")["open"] is False

    desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
    desk.wait_for("orders rest again", lambda: len(desk.resting()) == 6)
    assert {order["order_group_id"] for order in desk.resting()}.isdisjoint(earlier)
    desk.wait_for("the gate opens", lambda: desk.document("gate")["open"])


def touch(desk: Desk) -> None:
    desk.path("state/kill_switch").touch()


def command(desk: Desk) -> None:
    assert desk.run("kill", "on", "--why", "a test") == 0


@pytest.mark.parametrize("act", [touch, command])
def test_a_kill_stops_everything_until_a_person_clears_and_starts(desk: Desk, act: Callable[[Desk], None]) -> None:
    demo = desk.demo()
    act(desk)
    assert_killed(desk, by="engine")
    assert_stays_killed(desk)
    go_again(desk)
    desk.end(demo)


def test_a_kill_with_the_engine_stopped_is_carried_out_by_the_supervisor(desk: Desk) -> None:
    demo = desk.demo()
    engine = desk.signal("engine", signal.SIGSTOP)
    command(desk)
    assert_killed(desk, by="supervisor")
    assert engine not in desk.processes()
    desk.wait_for("an engine is started again", lambda: desk.document("bot_heartbeat").get("pid") not in {None, engine})
    assert_stays_killed(desk)
    go_again(desk)
    desk.end(demo)


def test_a_kill_with_engine_and_supervisor_dead_is_carried_out_by_the_command(desk: Desk) -> None:
    demo = desk.demo()
    desk.signal("up", signal.SIGKILL)
    desk.wait_for("the engine ends with its supervisor", lambda: "engine" not in desk.processes().values())
    assert len(desk.resting()) == 6
    assert desk.document("exchange")["resting"]
    assert desk.run("kill", "on", "--cancel", "--why", "a test") == 0, desk.err()
    assert_killed(desk, by="")
    assert desk.document("exchange")["resting"] == []
    desk.end(demo)


def test_a_kill_outlives_everything_that_ran(desk: Desk) -> None:
    demo = desk.demo()
    command(desk)
    assert_killed(desk, by="engine")
    desk.end(demo)
    before = kill(desk)

    demo = desk.start("demo", "--headless", "--seconds", "600")
    desk.wait_for("an engine runs", lambda: "engine" in desk.processes().values())
    desk.cycles(3)
    assert kill(desk) == before
    assert_stays_killed(desk)
    assert desk.orders() == []
    go_again(desk)
    desk.end(demo)


def test_a_command_that_cancels_says_nothing_for_an_engine_that_may_still_send(desk: Desk) -> None:
    demo = desk.demo()
    supervisor, engine = desk.signal("up", signal.SIGSTOP), desk.signal("engine", signal.SIGSTOP)
    assert desk.run("kill", "on", "--cancel") == 0, desk.err()
    assert desk.resting() == []
    assert [rung["name"] for rung in kill(desk)["rungs"]] == [name for name in RUNGS if name != "engine_denied"]

    os.kill(engine, signal.SIGCONT)
    desk.wait_for("the engine denies for itself", lambda: len(kill(desk)["rungs"]) == len(RUNGS))
    os.kill(supervisor, signal.SIGCONT)
    assert_stays_killed(desk)
    desk.end(demo)


def test_k_in_the_console_kills_and_shows_each_rung_with_its_time(desk: Desk, console_demo: Terminal) -> None:
    console_demo.press(b"K")
    assert_killed(desk, by="engine")
    desk.wait_for("the console says so", lambda: console_demo.shows("KILLED"))
    for rung in kill(desk)["rungs"]:
        desk.wait_for(f"{rung['name']} is on screen", lambda rung=rung: console_demo.shows(rung["name"].split("_")[0]))  # type: ignore[misc]
    assert "console" in kill(desk)["why"] or "console" in of_this_kill(desk)[0]["via"]
    assert_stays_killed(desk)
    go_again(desk)
    desk.wait_for("the console shows that too", lambda: console_demo.shows("MAY TRADE"))
    console_demo.press(b"q")
    assert console_demo.command.wait(30) == 0


def test_a_kill_while_the_exchange_hangs_denies_at_once_and_claims_no_more_than_is_known(desk: Desk) -> None:
    demo = desk.demo()
    exchange = desk.signal("exchange", signal.SIGSTOP)
    command(desk)
    desk.wait_for("denied", lambda: any(line.get("rung") == "engine_denied" for line in of_this_kill(desk)))
    desk.wait_for("no start is left", lambda: not desk.path("state/armed.json").exists())
    desk.wait_for("no permit is left", lambda: not desk.path("state/permit.json").exists())
    assert [rung["name"] for rung in kill(desk)["rungs"]] == RUNGS[:2]
    assert desk.run("kill", "clear", "--reason", "a test", "--confirm", "CLEAR") == 1
    assert "not verified" in desk.err()

    os.kill(exchange, signal.SIGCONT)
    assert_killed(desk, by="")
    desk.end(demo)


def test_a_home_that_is_moved_away_sends_nothing_and_needs_a_start_when_it_is_back(desk: Desk) -> None:
    demo = desk.demo()
    before = desk.processes()
    away = desk.home.with_name("away")
    desk.home.rename(away)
    desk.home = away
    desk.wait_for("the start is taken back", lambda: not desk.path("state/armed.json").exists())
    desk.wait_for("the permit is taken back", lambda: not desk.path("state/permit.json").exists())
    desk.wait_for("all is cancelled all the same", lambda: desk.orders() and desk.resting() == [])
    sent = {order["order_id"] for order in desk.orders()}

    desk.home = away.rename(away.with_name("home"))
    desk.cycles(3)
    assert {order["order_id"] for order in desk.orders()} == sent
    assert desk.processes() == before
    assert desk.document("gate")["open"] is False
    desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
    desk.wait_for("orders rest again", lambda: len(desk.resting()) == 6)
    desk.end(demo)
