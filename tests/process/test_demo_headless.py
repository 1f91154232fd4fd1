"""The demo without a terminal, run as a stranger would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = pytest.mark.process

MARGIN_S = 10.0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seconds", [25, pytest.param(60, marks=pytest.mark.storm)])
def test_a_headless_demo_trades_and_leaves_nothing_running(desk: Desk, seconds: int) -> None:
    desk.environ.clear()  # as it is shipped
    began = time.monotonic()
    demo = desk.start("demo", "--headless", "--seconds", str(seconds), "--seed", "7")

    desk.wait_for("the gate opens", lambda: demo.poll() is not None or desk.document("gate").get("open"), 15)
    told = desk.status()
    assert (told["engine"]["state"], told["gate"], told["source"]) == ("ok", {"open": True, "reasons": []}, "simulated")
    assert told["armed"] is True
    assert told["permit"]["valid"] is True

    assert demo.wait(seconds + MARGIN_S) == 0
    took = time.monotonic() - began
    assert desk.processes() == {}
    assert seconds <= took <= seconds + MARGIN_S
    assert desk.document("shadow_v2_positions")["fills"] >= 20
    assert desk.out(demo).startswith(f"export FLIGHTDECK_HOME={desk.home}\n")
    fills = len([line for line in desk.lines("shadow_trades") if line["event"] == "fill"])
    assert desk.document("shadow_v2_positions")["fills"] == fills
    assert desk.document("shadow_v2_positions")["orders"] == []
    assert f"shadow fills {fills} " in desk.out(demo)
    assert desk.err(demo) == ""


@pytest.mark.timeout(60)
def test_what_the_exchange_last_said_is_true_after_the_end(desk: Desk) -> None:
    desk.end(desk.demo())
    last = desk.document("exchange")
    assert (last["by"], last["resting"]) == ("supervisor", [])
    assert desk.document("supervisor")["engine"] == "stopped"
