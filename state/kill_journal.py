"""The state of the kill switch: the sentinel decides whether, the journal tells who, why and how far.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from state import sentinel
from state.clock import Clock
from state.home import Home
from state.kill_record import parse_event, recent, record, record_anyway

__all__ = ["RUNGS", "KillState", "RungSeen", "fold", "parse_event", "recent", "record", "record_anyway"]

RUNGS = ("sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2")
CANCELLED = ("cancel_sent", "verified_2")
"""Before each a cancel-all may have left; where the exchange refused every one there is only the second."""
FOUND, REPEATED, TOLD = range(3)
"""How well a line knows why: a sentinel was found, a kill met one that stood, the kill that placed it told."""


@dataclass(frozen=True, slots=True)
class RungSeen:
    """One rung of a kill, as first reported."""

    name: str
    at: str
    by: str
    why: str = ""
    """What must be known with it: orders that are unresolved, or that a cancel-all was never acknowledged."""


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
    unread: str = ""
    """Why the journal could not be read; empty when it was."""

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
    """Takes any JSON object for an event; what is not of the expected type tells nothing."""

    kill_id: str | None
    boot_id: str
    why: str = ""
    by: str = ""
    since: str | None = None
    left: int | None = None
    braked: bool = False
    last_cancel_ns: int | None = None
    rungs: dict[str, RungSeen] = field(default_factory=dict)
    _knowledge: int = -1

    def add(self, event: Mapping[str, Any]) -> None:
        act, rung = event.get("act"), event.get("rung")
        if act == "rung" and rung in CANCELLED and event.get("boot_id") == self.boot_id:
            self._cancelled(event.get("seq"))
        if self.kill_id is None or event.get("kill_id") != self.kill_id:
            return
        if act in ("engaged", "again"):
            self._engaged(event)
        elif act == "rung" and rung in RUNGS:
            self.rungs.setdefault(rung, RungSeen(rung, *(_text(event, name) for name in ("at", "by", "why"))))
        if act in ("rung", "left") and type(left := event.get("left")) is int and left >= 0:
            self.left = left

    def _cancelled(self, seq: object) -> None:
        if type(seq) is int:
            self.last_cancel_ns = max(seq, self.last_cancel_ns or seq)

    def _engaged(self, event: Mapping[str, Any]) -> None:
        """The supervisor may have found the sentinel before the kill that placed it could write down why."""
        knowledge = REPEATED if event["act"] == "again" else FOUND if event.get("via") == "touch" else TOLD
        self.since = self.since or _text(event, "at") or None
        if knowledge > self._knowledge:
            self._knowledge = knowledge
            self.why, self.by, self.braked = _text(event, "why"), _text(event, "by"), event.get("via") == "brake"


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def fold(home: Home, clock: Clock, look: sentinel.Look | None = None) -> KillState:
    """The present state: the sentinel decides whether, the journal tells who, why and how far. Never raises."""
    look = look or sentinel.look(home)
    events, unread = _events(home, look.kill_id)
    folded = _Fold(look.kill_id, clock.boot_id())
    for event in events:
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
        unread=unread,
    )


def _events(home: Home, kill_id: str | None) -> tuple[list[dict[str, Any]], str]:
    try:
        return recent(home, *CANCELLED, *([kill_id] if kill_id else [])), ""
    except OSError as error:
        return [], f"kill journal cannot be read: {sentinel.named(error)}"
