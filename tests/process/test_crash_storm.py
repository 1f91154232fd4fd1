"""The engine killed -9 between any two lines of the order path, one after the other and at random.

After it our orders, fills, positions and money are the exchange's, no client_order_id was given twice, and no order
left this house twice.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from state.clock import SystemClock
from tests.process.exchange_rig import Rig, rig, write_config
from tests.process.kill_points import ROOT
from tests.process.ledger import differences, kept
from tests.process.storms import grown, storm_of

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks")]

ENUMERATED = 20
"""Of the path's lines, evenly spread, in `make test`; the storm takes every one."""


class Runner:
    """`path_runner` on a rig."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.process.path_runner", str(rig.desk.home), str(rig.tap.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, word: str, what: str = "") -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word} {what}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(30)


@pytest.fixture
def runner(desk: Desk, tier: str) -> Iterator[Runner]:
    with rig(desk, start=SystemClock().now().isoformat(), tier=tier) as made:
        runner = Runner(made)
        yield runner
        runner.close()


def assert_equal(rig: Rig, about: str) -> None:
    """Nothing differs, nothing was named twice, nothing was sent twice."""
    lines = rig.desk.lines("intents")
    assert differences(lines, rig.desk.ask) == [], about
    sent = Counter(rig.tap.names())
    assert {name: times for name, times in sent.items() if times > 1} == {}, about
    assert sent.keys() <= kept(lines)[0].keys(), about


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("share", "tier"),  # a round reads what Basic allows in two seconds: all of them would wait for twenty minutes
    [(ENUMERATED, "basic"), pytest.param(0, "unlimited", marks=pytest.mark.storm)],
    ids=["some", "every"],
)
def test_killed_before_any_line_of_the_order_path_the_next_engine_finds_all_of_it(
    runner: Runner, tmp_path: Path, share: int
) -> None:
    recorded = tmp_path / "recorded"
    assert runner.run("record", str(recorded)) == "ended 0"
    assert runner.run("recover") == "ended 0"
    assert_equal(runner.rig, "before the storm")
    points = recorded.read_text().split()
    assert len(points) > 250
    points = points[:: len(points) // share] if share else points
    missed = []
    for point in points:
        if runner.run("kill", f"{point}:1") != "killed":
            missed.append(point)  # a line of a rarer interleaving, which this run did not come by
        assert runner.run("recover") == "ended 0", point
        assert_equal(runner.rig, point)
    assert len(missed) <= len(points) / 10, missed


STORMY = {
    "brake": False,
    "backoff_base_s": 0.01,
    "backoff_cap_s": 0.05,
    "permit_life_s": 1.0,
    "renew_s": 0.3,
    "stop_timeout_s": 5.0,
    "healthy_after_s": 0.1,
}
QUICK_ENGINE = {"order_life_s": 20.0, "reconcile_every": 2, "request_life_s": 1.0}
"""Orders of two seconds at ten market seconds in a second: there is always one on its way."""
LATEST_S = 6.0
"""An engine that does not come by its point is killed wherever it is then."""
SPEED = 10.0


@pytest.mark.timeout(60 * 60 * 12)
@pytest.mark.parametrize(("rounds", "seed"), [(20, 1), pytest.param(200, 2, marks=pytest.mark.storm)])
def test_an_engine_killed_on_its_order_path_at_random_agrees_with_the_exchange_in_the_end(
    desk: Desk, tmp_path: Path, rounds: int, seed: int
) -> None:
    rounds, seed = storm_of(rounds, seed)
    rng = random.Random(seed)
    storm = tmp_path / "storm"
    storm.mkdir()
    desk.environ |= {
        "PYTHONPATH": str(ROOT / "tests/process/crash_points"),
        "CRASH_POINTS": str(storm),
        "CRASH_LATEST_S": str(LATEST_S),
    }
    with rig(desk, speed=SPEED, tier="basic") as made:
        write_config(made, supervisor=STORMY, engine=QUICK_ENGINE)
        desk.up()
        arming = desk.document("armed")["arming_id"]
        acts = {"acknowledged", "cancelled"}
        desk.wait_for("orders came and went", lambda: acts <= {line["act"] for line in desk.lines("intents")})
        points = (storm / "recorded").read_text().split()
        chosen = [f"{rng.choice(points)}:{rng.choice((1, 1, 2, 3))}" for _ in range(rounds)]
        (storm / "points").write_text("".join(f"{point}\n" for point in chosen[1:]))
        os.kill(desk.pid("engine"), signal.SIGKILL)
        seconds = 60 + rounds * 2 * LATEST_S
        restarts = "the storm is over"
        desk.wait_for(
            restarts, lambda: calm(desk, storm) and desk.document("supervisor")["restarts"] == rounds, seconds
        )
        desk.wait_for("it goes on under the same start", lambda: desk.document("gate").get("open"))
        assert desk.document("armed")["arming_id"] == arming
        known = len(desk.lines("intents"))
        desk.wait_for("it trades", lambda: len(desk.lines("intents")) > known)
        assert desk.run("kill", "on", "--why", f"the storm of seed {seed} is over") == 0
        desk.wait_for(
            "verified", lambda: any(line.get("rung") == "verified_2" and line["kill_id"] for line in desk.lines("kill"))
        )
        about = f"seed {seed}, points {chosen}"
        assert len((storm / "reached").read_text().split()) >= rounds / 2, about
        desk.wait_for("all agrees", lambda: settled(desk), 30.0)
        assert_equal(made, about)
        assert desk.run("down") == 0


def calm(desk: Desk, storm: Path) -> bool:
    """No point is left, and never was there a second engine."""
    assert grown(desk.processes())["engine"] <= 1
    return not (storm / "points").read_text()


def settled(desk: Desk) -> bool:
    """Nothing is alive in our books, and the reconciliation that says so is of after the kill."""
    told = desk.document("reconciliation")
    return bool(told.get("ok")) and all(order.end for order in kept(desk.lines("intents"))[0].values())
