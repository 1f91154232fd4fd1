"""Supervisor, engine, console and exchange killed -9 at random (K-11, P-01): what holds in every round.

Never two engines and no orphan; a kill that stood stands on; after the life of its last permit a dead or frozen
supervisor's desk sends nothing; no order leaves under a kill once it is denied, from a frozen engine neither; a
person's command that is killed -9 lowers nothing; and in the end all agrees with the exchange, and no file was damaged.
STORM_ROUNDS and STORM_SEED in the environment make another storm of it (`python -m benchmarks.soak`).
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.process.exchange_rig import Rig, rig, write_config
from tests.process.ledger import differences, kept
from tests.process.storm_desk import ACTS, ENGINE, STORMY, Storm
from tests.process.storms import storm_of

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks")]

VICTIMS = (("engine",), ("up",), ("up",), ("console",), ("exchange",), ("engine", "up"), ("engine", "up", "exchange"))
EARLY = 0.4
"""The share of rounds in which nobody waits until the desk is up."""
HARMED = 0.1
"""The share of rounds in which each of the harms is done before the deaths: freezing one, interrupting a command."""
KILLED = 0.3
"""The share of rounds before whose deaths a kill is engaged."""
MOST_CHANGES = 25
LONG_FROZEN = 2
"""A seed by which the first freeze lasts for three seconds beyond the permit's life, nearly."""


def lines_of_account(rig: Rig) -> list[dict[str, object]]:
    """The journal's lines of the account that the exchange has now; each exchange that was started had its own."""
    account = f"simulated-{hashlib.sha256(rig.credentials['key_id'].encode()).hexdigest()[:12]}"
    return [line for line in rig.desk.lines("intents") if line["account"] == account]


@pytest.mark.timeout(60 * 60 * 12)
@pytest.mark.parametrize(("rounds", "seed"), [(10, 5), pytest.param(60, 6, marks=pytest.mark.storm)])
def test_k11_p01_whoever_is_killed_whenever_nothing_is_doubled_orphaned_lowered_or_sent_without_leave(
    desk: Desk, rounds: int, seed: int
) -> None:
    rounds, seed = storm_of(rounds, seed)
    rng = random.Random(seed)
    with rig(desk, speed=10.0) as made:
        write_config(made, supervisor=STORMY, engine=ENGINE)
        storm = Storm(made, rng, f"seed {seed}")
        for number in range(rounds):
            storm.about = f"seed {seed}, round {number} of {rounds}"
            storm.bring_up()
            if rng.random() >= EARLY:
                storm.trade()
                if storm.killed is not None and rng.random() < 0.5:
                    storm.clear()
            desk.changes(rng.randrange(1, MOST_CHANGES))
            for harm in (storm.freeze_supervisor, storm.freeze_engine, lambda: storm.interrupt(rng.choice([*ACTS]))):
                if rng.random() < HARMED:
                    harm()
            if storm.killed is None and rng.random() < KILLED:
                storm.kill()
            storm.strike(rng.choice(VICTIMS))
        storm.about = f"seed {seed}, afterwards"
        storm.bring_up()
        if storm.killed is not None:
            storm.clear()
        storm.trade()
        if storm.killed is None:  # else the start found a clear that had been interrupted
            storm.kill()
        storm.wait("verified", lambda: storm.rung("verified_2"))
        storm.wait("all has ended", lambda: all_ended(made))
        assert differences(lines_of_account(made), desk.ask) == [], storm.about
        twice = {name: times for name, times in Counter(made.tap.names()).items() if times > 1}
        assert twice == {}, storm.about
        storm.strike(("console",))
        assert desk.run("down") == 0
        storm.close()
    assert [file.name for file in desk.path("state").iterdir() if ".corrupted." in file.name] == []


@pytest.mark.timeout(120)
def test_k11_when_a_supervisor_freezes_its_engine_lives_on_and_sends_nothing_once_the_permit_has_run_out(
    desk: Desk,
) -> None:
    """What the storm does now and then, and here for sure to a desk that sends all the time."""
    with rig(desk, speed=10.0) as made:
        write_config(made, supervisor=STORMY, engine=ENGINE)
        storm = Storm(made, random.Random(LONG_FROZEN), "a frozen supervisor")
        storm.bring_up()
        storm.trade()
        sent = len(made.tap.left)
        storm.wait("it sends", lambda: len(made.tap.left) > sent)
        engine, cycle = storm.running("engine"), desk.document("bot_heartbeat")["cycle"]
        storm.freeze_supervisor()
        assert storm.running("engine") == engine
        assert desk.document("bot_heartbeat")["cycle"] > cycle + 4
        sent = len(made.tap.left)
        storm.wait("it sends again", lambda: len(made.tap.left) > sent)
        storm.close()


def all_ended(rig: Rig) -> bool:
    orders, _ = kept(lines_of_account(rig))
    return all(order.end for order in orders.values())
