"""The journal of the kill switch, `logs/kill.jsonl`, and the state folded from it.

Any process may append; the sentinel alone decides whether a kill is on, the journal tells who, why and how far.
Standard library only.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from state import sentinel
from state.clock import Clock, stamp
from state.home import Home

RUNGS = ("sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2")
TAIL = 256 * 1024
"""Bytes read back from the end of the journal: some 800 events, many kills."""


@dataclass(frozen=True, slots=True)
class RungSeen:
    """One rung of a kill, as first reported."""

    name: str
    at: str
    by: str


@dataclass(frozen=True, slots=True)
class KillState:
    """The kill switch as its sentinel and its journal tell it."""

    engaged: bool
    reason: str
    """What the look said; names the errno when absence could not be established."""
    kill_id: str | None = None
    why: str = ""
    by: str = ""
    since: str | None = None
    rungs: tuple[RungSeen, ...] = ()
    left: int | None = None
    """Orders still resting as last reported; None: unknown."""
    last_cancel_ns: int | None = None
    """CLOCK_BOOTTIME of the last cancel-all of this boot."""
    braked: bool = False

    @property
    def level(self) -> str:
        """HALT while engaged, else RUN."""
        return "HALT" if self.engaged else "RUN"

    def as_json(self) -> dict[str, Any]:
        """The `kill` object of `flightdeck status --json`."""
        return {
            "engaged": self.engaged,
            "level": self.level,
            "why": self.why if self.engaged else None,
            "since": self.since,
            "rungs": [{"name": rung.name, "at": rung.at, "by": rung.by} for rung in self.rungs],
        }

    def rung(self, name: str) -> RungSeen | None:
        """The rung of that name, if it was reached."""
        return next((rung for rung in self.rungs if rung.name == name), None)


@dataclass(slots=True)
class _Fold:
    kill_id: str | None
    boot_id: str
    why: str = ""
    by: str = ""
    since: str | None = None
    left: int | None = None
    braked: bool = False
    last_cancel_ns: int | None = None
    rungs: dict[str, RungSeen] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        act = event.get("act")
        if act == "rung" and event.get("rung") == "cancel_sent" and event.get("boot_id") == self.boot_id:
            self.last_cancel_ns = int(event.get("seq", 0))
        if self.kill_id is None or event.get("kill_id") != self.kill_id:
            return
        if act == "engaged" and self.since is None:
            self.why, self.by, self.since = str(event.get("why", "")), str(event.get("by", "")), str(event.get("at"))
            self.braked = event.get("via") == "brake"
        elif act == "rung" and event.get("rung") in RUNGS:
            name = str(event["rung"])
            self.rungs.setdefault(name, RungSeen(name, str(event.get("at")), str(event.get("by", ""))))
            self._count(event)
        elif act == "left":
            self._count(event)

    def _count(self, event: Mapping[str, Any]) -> None:
        if isinstance(event.get("left"), int):
            self.left = event["left"]


def fold(home: Home, clock: Clock, look: sentinel.Look | None = None) -> KillState:
    """The present state: the sentinel decides whether, the journal tells who, why and how far. Never raises."""
    look = look or sentinel.look(home)
    folded = _Fold(look.kill_id, clock.boot_id())
    for event in recent(home):
        folded.add(event)
    return KillState(
        engaged=look.engaged,
        reason=look.reason,
        kill_id=look.kill_id,
        why=folded.why or (look.reason if look.engaged else ""),
        by=folded.by,
        since=folded.since,
        rungs=tuple(folded.rungs[name] for name in RUNGS if name in folded.rungs),
        left=folded.left,
        last_cancel_ns=folded.last_cancel_ns,
        braked=folded.braked,
    )


def recent(home: Home) -> list[dict[str, Any]]:
    """The newest events of the journal, oldest first; lines that are not events are left out. Never raises."""
    try:
        with open(home.path(Home.kills), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read(TAIL).split(b"\n")
    except OSError:
        return []  # the sentinel alone decides; the journal only explains
    return [event for event in map(parse_event, lines) if event is not None]


def parse_event(line: bytes) -> dict[str, Any] | None:
    """One line as an event; None when it is not one."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def record(home: Home, clock: Clock, act: str, *, by: str, durable: bool = True, **more: object) -> None:
    """Append one event, in one write, after mending a line that a dying writer left open. Raises OSError."""
    event = {
        "at": stamp(clock.now()),
        "act": act,
        "by": by,
        **more,
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "boot_id": clock.boot_id(),
        "seq": clock.boottime_ns(),
    }
    body = json.dumps(event, ensure_ascii=True).encode() + b"\n"
    fd = os.open(home.path(Home.kills), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            body = b"\n" + body
        if os.write(fd, body) != len(body):
            raise OSError(errno.ENOSPC, "short write", Home.kills.path)
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
