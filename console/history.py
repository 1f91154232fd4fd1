"""What a reader gathers over time: recent happenings and once-a-minute samples. Reads only what was appended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from itertools import chain

import orjson

from console.present.positions import key
from console.snapshot import Happening, Snapshot, Trends
from state.home import Home, Journal
from state.journal import Follower, last_lines
from state.text import visible

KEPT = 20
"""Happenings of one kind."""
KINDS = 50
BACK = 400
"""Lines of the journals of events and kills looked at when the console opens."""
MINUTES = 60
CYCLES_BACK = 3600
"""Lines of the cycle journal looked at when the console opens: an hour at one a second."""


class History:
    """Follows the journals that feed the overview, and samples trends once a minute."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._followers: dict[str, Follower] = {}
        self._events: dict[str, deque[Happening]] = {}
        self._cycle = MinuteMeans()
        self._messages = MinuteMeans()
        self._marks: dict[str, deque[float | None]] = {}
        self._sampled: datetime | None = None
        self._told: tuple[Happening, ...] = ()
        self.trends = Trends()

    def poll(self) -> tuple[tuple[Happening, ...], Trends]:
        """Newest happenings first, and the trends; the same objects while nothing was appended."""
        events = [*self._new(Home.events, BACK), *self._new(Home.kills, KEPT)]
        made = [happening for happening in map(parse, events) if happening is not None]
        if made:
            self._told = self._gathered(made)
        if self._cycles(self._new(Home.cycles, CYCLES_BACK)):
            self._rebuild()
        return self._told, self.trends

    def _gathered(self, made: Iterable[Happening]) -> tuple[Happening, ...]:
        """Newest first, the newest KEPT of each kind: a flood of one kind does not wash away the others."""
        for happening in sorted(made, key=lambda each: each.at):
            self._events.setdefault(happening.event, deque(maxlen=KEPT)).append(happening)
        newest = sorted(self._events.items(), key=lambda each: each[1][-1].at)[-KINDS:]
        self._events = dict(newest)
        return tuple(sorted(chain.from_iterable(self._events.values()), key=lambda each: each.at, reverse=True))

    def sample(self, snapshot: Snapshot) -> None:
        """Once a minute: the mark of every open position."""
        book = snapshot.positions.current
        minute = snapshot.at.replace(second=0, microsecond=0)
        if book is None:
            return
        known = {key(position): position.mark for position in book.positions}
        fresh = self._sampled != minute
        if not fresh and known.keys() == self._marks.keys():
            return
        for name, mark in known.items():
            if name not in self._marks or fresh:
                self._marks.setdefault(name, deque(maxlen=MINUTES)).append(None if mark is None else float(mark))
        gone = self._marks.keys() - known.keys()
        for name in gone:
            del self._marks[name]
        self._sampled = minute
        self._rebuild()

    def _rebuild(self) -> None:
        marks = {name: tuple(samples) for name, samples in self._marks.items()}
        self.trends = Trends(self._cycle.samples(), self._messages.samples(), marks)

    def _new(self, entry: Journal, back: int) -> list[bytes]:
        """Lines appended since the last call; at the first one the newest `back`."""
        try:
            follower = self._followers.get(entry.path)
            if follower is None:
                path = self._home.path(entry)
                self._followers[entry.path] = Follower(path)
                return last_lines(path, back)
            return follower.poll().lines
        except OSError:
            return []  # the documents tell of disk trouble by name; journals only add to the picture

    def _cycles(self, lines: Iterable[bytes]) -> bool:
        changed = False
        for line in lines:
            try:
                cycle = orjson.loads(line)
                at = datetime.fromisoformat(cycle["at"])
                changed |= self._cycle.add(at, float(cycle["duration_ms"]))
                changed |= self._messages.add(at, float(cycle.get("messages_per_s", 0.0)))
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                continue  # the log screen shows such a line as it is
        return changed


class MinuteMeans:
    """Means over whole minutes; until the first is whole, its first value."""

    def __init__(self) -> None:
        self._whole: deque[float | None] = deque(maxlen=MINUTES)
        self._minute: datetime | None = None
        self._sum = 0.0
        self._count = 0
        self._first: float | None = None

    def add(self, at: datetime, value: float) -> bool:
        """Take one value; whether the samples changed."""
        minute = at.replace(second=0, microsecond=0)
        if self._minute is None:
            self._minute, self._first = minute, value
            self._sum, self._count = value, 1
            return True
        if minute == self._minute:
            self._sum, self._count = self._sum + value, self._count + 1
            return False
        self._whole.append(self._sum / self._count)
        silent = int((minute - self._minute).total_seconds()) // 60 - 1
        self._whole.extend([None] * max(0, min(silent, MINUTES)))
        self._minute, self._sum, self._count = minute, value, 1
        return True

    def samples(self) -> tuple[float | None, ...]:
        """Oldest first."""
        return tuple(self._whole) or ((self._first,) if self._first is not None else ())


def parse(line: bytes) -> Happening | None:
    """A line of the event journal or of the kill journal, made visible; None when it is neither."""
    try:
        found = orjson.loads(line)
        at = datetime.fromisoformat(found["at"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    if at.tzinfo is None:
        return None
    if "act" in found:
        return _kill(found, at)
    said = visible(str(found.get("message", "")), 300)
    return Happening(at, visible(str(found.get("event", "?")), 40), str(found.get("severity", "info")), said)


def _kill(found: dict[str, object], at: datetime) -> Happening | None:
    act = str(found["act"])
    if act in ("rung", "left"):
        return None  # the ladder shows these
    by, why = visible(str(found.get("by", "")), 80), visible(str(found.get("why", "")), 200)
    severity = "critical" if act in ("engaged", "again") else "warning" if act in ("refused", "disarmed") else "info"
    return Happening(at, f"KILL_{visible(act, 12).upper()}", severity, f"by {by}{': ' if why else ''}{why}")
