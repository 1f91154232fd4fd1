"""A desk in a storm: brought up, traded on, killed, cleared, and everything of it killed -9, frozen or interrupted."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tests.process.exchange_rig import Rig, start_exchange, write_config
from tests.process.storms import grown

if TYPE_CHECKING:
    from tests.process.conftest import Desk, Terminal

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
ENGINE = {"order_life_s": 10.0, "reconcile_every": 2, "request_life_s": 1.0}
"""Order life in market seconds, of which ten are one of ours: each second an engine wants to send anew."""
ON_ITS_WAY_S = 0.25
"""So late may the tap see, on a busy machine, what left in time."""
FROZEN_S = 3.0
"""At most so long something is frozen, beyond the life of its permit."""
CUT_S = 0.4
"""At most so long lives a command that is interrupted; most need less to their end."""
ACTS = {"on": ["--why"], "clear": ["--confirm", "CLEAR", "--reason"], "start": ["--confirm", "START"]}


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


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

    def running(self, name: str) -> int | None:
        """The one process of this name, if there is one."""
        return next((pid for pid, word in self.desk.processes().items() if word == name), None)

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
        self.wait("an engine beats", lambda: self.desk.document("bot_heartbeat").get("pid") in self.desk.processes())
        if self.killed is None and not self.desk.path("state/armed.json").exists():
            self.wait("start is taken", self.start)
        if self.killed is None:
            self.wait("orders rest", self.desk.resting)

    def start(self) -> bool:
        """Whether a start was taken, or has put back the kill of a clear that was interrupted."""
        half_way = self.half_cleared()
        if self.desk.run("kill", "start", "--confirm", "START") == 0:
            return True
        if half_way:
            self.killed = self.sentinel()
            assert self.killed is not None, self.about
        return half_way

    def half_cleared(self) -> bool:
        """Whether a clear was interrupted with the sentinel in its hands."""
        return any(self.desk.path("state").glob(".kill_switch.clearing-*"))

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

    # Harm

    def interrupt(self, act: str) -> None:
        """Kill -9 a person's command: a clear may take away a kill that was seen through, nothing else may."""
        before, verified = self.killed, self.rung("verified_2")
        words = [*ACTS[act], *([] if act == "start" else [self.about])]
        command = self.desk.start("kill", act, *words)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(self.rng.uniform(0.0, CUT_S))
        command.kill()
        command.wait()
        self.killed = self.sentinel()
        assert self.killed or not before or (act == "clear" and verified), f"{act} ({self.about})"
        assert not (act == "clear" and verified and self.desk.path("state/armed.json").exists()), self.about

    def freeze_supervisor(self) -> None:
        """When its last permit has run out nothing leaves, though the engine lives on and wants to send."""
        if (pid := self.running("up")) is None:
            return
        os.kill(pid, signal.SIGSTOP)
        self.wait("it stands still", lambda: _is_stopped(pid))
        over = max(now_ns(), self.desk.document("permit").get("seq", 0) + round(PERMIT_LIFE_S * 1e9))
        until = over + round(self.rng.uniform(0.0, FROZEN_S) * 1e9)
        self.wait("its permit has run out", lambda: now_ns() > until)
        self.left_nothing_since(over + round(ON_ITS_WAY_S * 1e9))
        os.kill(pid, signal.SIGCONT)

    def freeze_engine(self) -> None:
        """What it does when it goes on, perhaps under a kill, is seen by what leaves."""
        if (pid := self.running("engine")) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            if self.killed is None and self.rng.random() < 0.5:
                self.kill()
            until = now_ns() + round(self.rng.uniform(0.0, FROZEN_S) * 1e9)
            self.wait("it stood still for a while", lambda: now_ns() > until)
            os.kill(pid, signal.SIGCONT)

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
            self.dead_ns = now_ns()
            self.wait("no orphan", lambda: not {"up", "engine"} & set(self.desk.processes().values()))
        elif victim != "engine":
            self.wait(f"{victim} is gone", lambda: victim not in self.desk.processes().values())

    def sends_nothing(self) -> None:
        """Since a supervisor died nothing left this house that its last permit did not cover."""
        if self.dead_ns is not None:
            self.left_nothing_since(self.dead_ns + round(PERMIT_LIFE_S * 1e9))

    def left_nothing_since(self, last_ns: int) -> None:
        assert [name for name, at in self.rig.tap.left if at > last_ns] == [], self.about

    def close(self) -> None:
        if self.console is not None:
            self.console.close()


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
