"""Supervisor, engine, console and exchange killed -9 at random (K-11, P-01): what holds in every round.

Never two engines and no orphan; a kill that stood stands on; after the life of its last permit a dead supervisor's
desk sends nothing; no order leaves under a kill once it is denied; and in the end all agrees with the exchange.
STORM_ROUNDS and STORM_SEED in the environment make another storm of it (`python -m benchmarks.soak`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.process.exchange_rig import Rig, rig, start_exchange, write_config
from tests.process.ledger import differences, kept
from tests.process.storms import grown, storm_of

if TYPE_CHECKING:
    from tests.process.conftest import Desk, Terminal

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("process")]

T = TypeVar("T")
PERMIT_LIFE_S = 1.0
STORMY = {
    "brake": False,
    "backoff_base_s": 0.01,
    "backoff_cap_s": 0.05,
    "permit_life_s": PERMIT_LIFE_S,
    "renew_s": 0.3,
    "stop_timeout_s": 5.0,
}
ENGINE = {"order_life_s": 30.0, "reconcile_every": 2, "request_life_s": 1.0}
VICTIMS = (("engine",), ("up",), ("up",), ("console",), ("exchange",), ("engine", "up"), ("engine", "up", "exchange"))
EARLY = 0.4
"""The share of rounds in which nobody waits until the desk is up."""
KILLED = 0.3
"""The share of rounds before whose deaths a kill is engaged."""
MOST_CHANGES = 25


@dataclass
class Storm:
    """A desk that is up, or being brought up again, and what a person did to it."""

    rig: Rig
    rng: random.Random
    about: str
    killed: str | None = None
    """The kill that stands, by its sentinel."""
    console: Terminal | None = None
    dead_ns: int | None = None
    """Since when no supervisor lives (CLOCK_BOOTTIME)."""

    @property
    def desk(self) -> Desk:
        return self.rig.desk

    def wait(self, what: str, look: Callable[[], T]) -> T:
        """Wait, and at each look: one engine at most, no engine without its supervisor for long, the kill stands."""

        def looked() -> T:
            self.hold()
            return look()

        return self.desk.wait_for(f"{what} ({self.about})", looked)

    def hold(self) -> None:
        """What holds at every moment."""
        running = grown(self.desk.processes())
        assert running["engine"] <= 1, self.about
        assert running["up"] <= 1, self.about
        if self.killed is not None:
            assert self.sentinel() == self.killed, f"the kill is gone ({self.about})"
        if self.console is not None:
            self.console.shows("")

    def sentinel(self) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            found = self.desk.path("state/kill_switch").lstat()
            return f"{found.st_ino:x}-{found.st_ctime_ns:x}"
        return None

    # A person

    def bring_up(self) -> None:
        """Start what is not there: exchange, supervisor, console."""
        running = set(self.desk.processes().values())
        if "exchange" not in running:
            start_exchange(self.desk, port=self.rig.tap.target)
            write_config(self.rig, supervisor=STORMY, engine=ENGINE)
            for pid, word in self.desk.processes().items():
                if word == "up":  # it trades on an account that is no more
                    os.kill(pid, signal.SIGKILL)
                    self.gone("up")
            running.discard("up")
        if "up" not in running:
            self.sends_nothing()
            self.desk.start("up")
            self.dead_ns = None
        if "console" not in running:
            if self.console is not None:
                self.console.close()
            self.console = self.desk.terminal("console")

    def trade(self) -> None:
        """Start, unless a kill stands: orders rest."""
        self.wait("an engine beats", lambda: engine_beats(self.desk))
        if self.killed is None:
            if not self.desk.path("state/armed.json").exists():
                self.wait("start is taken", lambda: self.desk.run("kill", "start", "--confirm", "START") == 0)
            self.wait("orders rest", self.desk.resting)

    def kill(self) -> None:
        """Engage, one way or another, and note which kill it is."""
        if self.rng.random() < 0.5:
            self.desk.path("state/kill_switch").touch()
        else:
            assert self.desk.run("kill", "on", "--why", self.about) == 0
        self.killed = self.sentinel()
        assert self.killed is not None

    def clear(self) -> None:
        """See the kill through, and take it back; nothing left while it stood."""
        self.wait("verified", lambda: self.rung("verified_2"))
        denied = self.rung("engine_denied")
        assert denied is not None
        assert [name for name, at in self.rig.tap.left if at > denied["seq"]] == [], self.about
        self.wait("a whole cycle since the denial", lambda: self.levels(since=denied["at"]))
        gate = self.desk.document("gate")
        assert (gate["open"], gate["level"]) == (False, "HALT"), self.about
        self.killed = None
        assert self.desk.run("kill", "clear", "--reason", self.about, "--confirm", "CLEAR") == 0, self.desk.err()

    def levels(self, since: str) -> list[str]:
        """The levels told by every cycle that began after `since`: a verdict holds for its cycle, and then no more."""
        told = [line["level"] for line in self.desk.lines("run") if line["at"] > since][1:]
        assert set(told) <= {"HALT"}, self.about
        return told

    def rung(self, name: str) -> dict[str, Any] | None:
        """The line that tells that the kill that stands came so far."""
        lines = [line for line in self.desk.lines("kill") if line.get("rung") == name and line.get("kill_id")]
        found = [line for line in lines if line["kill_id"] == self.killed]
        return found[0] if found else None

    # Death

    def close(self) -> None:
        if self.console is not None:
            self.console.close()

    def strike(self, victims: tuple[str, ...]) -> None:
        """Kill -9."""
        for pid, word in self.desk.processes().items():
            if word in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for victim in victims:
            self.gone(victim)

    def gone(self, victim: str) -> None:
        """It has ended; with a supervisor its engine, at once."""
        if victim == "up":
            self.dead_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self.wait("no orphan", lambda: not {"up", "engine"} & set(self.desk.processes().values()))
        elif victim != "engine":
            self.wait(f"{victim} is gone", lambda: victim not in self.desk.processes().values())

    def sends_nothing(self) -> None:
        """Since a supervisor died nothing left this house that its last permit did not cover."""
        if self.dead_ns is not None:
            last = self.dead_ns + round(PERMIT_LIFE_S * 1e9)
            assert [name for name, at in self.rig.tap.left if at > last] == [], self.about


def engine_beats(desk: Desk) -> bool:
    """Whether the engine that runs has beaten."""
    return desk.document("bot_heartbeat").get("pid") in desk.processes()


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
            if storm.killed is None and rng.random() < KILLED:
                storm.kill()
            storm.strike(rng.choice(VICTIMS))
        storm.about = f"seed {seed}, afterwards"
        storm.bring_up()
        if storm.killed is not None:
            storm.clear()
        storm.trade()
        storm.kill()
        storm.wait("verified", lambda: storm.rung("verified_2"))
        storm.wait("all has ended", lambda: all_ended(made))
        assert differences(lines_of_account(made), desk.ask) == [], storm.about
        twice = {name: times for name, times in Counter(made.tap.names()).items() if times > 1}
        assert twice == {}, storm.about
        storm.strike(("console",))
        assert desk.run("down") == 0
        storm.close()


def all_ended(rig: Rig) -> bool:
    orders, _ = kept(lines_of_account(rig))
    return all(order.end for order in orders.values())
