"""The acts of the kill switch: an acknowledged kill stays, and an interrupted clear or start lets nothing leave."""

from __future__ import annotations

import json
import os

from state import kill, permit, sentinel
from state.clock import SimulatedClock
from state.home import Home
from state.kill_record import recent
from tests.state.crash.writer import Acknowledge, End, Found, Writer

IDENTITY = permit.Identity("build-1", "config-1")
SENTINEL = "state/kill_switch"


def _ran(home: Home, clock: SimulatedClock) -> None:
    """A home in which a supervisor runs."""
    home.create()
    told = {"start_id": "4242-777", "build": IDENTITY.build, "config_hash": IDENTITY.config_hash}
    told |= {"boot_id": clock.boot_id(), "seq": clock.boottime_ns()}  # type: ignore[dict-item]
    home.path(Home.supervisor).write_text(json.dumps(told))


def _prepared(home: Home, clock: SimulatedClock) -> None:
    _ran(home, clock)
    sentinel.prepare(home)


def _armed(home: Home, clock: SimulatedClock) -> None:
    _prepared(home, clock)
    assert kill.start(home, clock, wait_after_cancel_s=0, by="ann") == []


def _killed(home: Home, clock: SimulatedClock) -> None:
    """Killed, and the start not yet taken back by anybody."""
    _armed(home, clock)
    kill.engage(home, clock, why="before", via="test", by="ann")


def _nothing(home: Home, clock: SimulatedClock) -> None:
    """No home at all."""


def _engage(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    done = kill.engage(home, clock, why="drill", via="test", by="ann")
    if not done.unsynced:
        ack()
    return done.unsynced


def _touch_and_engage(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    os.close(os.open(home.below(SENTINEL), os.O_WRONLY | os.O_CREAT, 0o640))
    return _engage(home, clock, ack)


def _touch_and_observe(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    os.close(os.open(home.below(SENTINEL), os.O_WRONLY | os.O_CREAT, 0o640))
    state = kill.observe(home, clock, by="supervisor")
    if state.rung("sentinel_durable") is None:
        return "no rung"
    ack()
    return ""


def _clear(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    refusals = kill.clear(home, clock, reason="drill is over", by="ann")
    if not refusals:
        ack()
    return "; ".join(refusals)


def _start(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    refusals = kill.start(home, clock, wait_after_cancel_s=0, by="ann")
    if not refusals:
        ack()
    return "; ".join(refusals)


def _disarm(home: Home, clock: SimulatedClock, ack: Acknowledge) -> str:
    with sentinel.Anchor(home) as anchor:
        if kill.disarm(anchor, clock, by="ann", why="drill"):
            ack()
            return ""
    return "nothing to take back"


def _may_send(found: Found) -> bool:
    """Whether start and sentinel would let an order leave, had it a permit."""
    with sentinel.Anchor(found.home) as anchor:
        armed = permit.LeaveReader(anchor, found.clock, IDENTITY).look().armed
        return armed and not anchor.look().engaged


def _acts(found: Found) -> list[tuple[str, object]]:
    return [(event["act"], event.get("why") or event.get("rung")) for event in recent(found.home)]


def _kill_stands(found: Found) -> None:
    """What was acknowledged stands, with its reason and its rung; who was told of trouble has a kill all the same."""
    if found.acked or found.end is End.TOLD:
        assert sentinel.look(found.home).engaged
    if found.acked:
        assert [act for act, why in _acts(found) if why == "drill"], "the reason of an acknowledged kill"
        assert ("rung", "sentinel_durable") in _acts(found)


def _kill_stands_once_made_again(found: Found) -> None:
    """A home that is gone counts as killed only until somebody makes it again: an acknowledged kill is a file."""
    found.home.create()
    _kill_stands(found)


def _touch_stands(found: Found) -> None:
    if found.acked:
        assert sentinel.look(found.home).engaged
        assert ("rung", "sentinel_durable") in _acts(found)


def _killed_or_cleared(found: Found) -> None:
    assert not _may_send(found), "an interrupted clear arms nothing"
    if found.acked:
        assert not sentinel.look(found.home).engaged
        assert ("cleared", "drill is over") in _acts(found)
    if found.end in (End.RAISED, End.TOLD):
        assert kill.clear(found.home, found.clock, reason="again", by="ann") in ([], [OFF])


OFF = "the kill switch is off already; nothing to clear"


def _armed_or_not(found: Found) -> None:
    if found.acked:
        assert _may_send(found)
        assert ("started", None) in _acts(found)
    if found.end in (End.RAISED, End.TOLD):
        assert not _may_send(found), "a start that failed arms nothing"


def _taken_back(found: Found) -> None:
    if found.acked:
        assert not _may_send(found)


KILL_WRITERS = {
    "kill": Writer(_prepared, _engage, _kill_stands),
    "kill without a prepared file": Writer(_ran, _engage, _kill_stands),
    "kill where nothing ever ran": Writer(_nothing, _engage, _kill_stands_once_made_again),
    "kill of what was touched": Writer(_prepared, _touch_and_engage, _kill_stands),
    "touch that is observed": Writer(_prepared, _touch_and_observe, _touch_stands),
    "clear": Writer(_killed, _clear, _killed_or_cleared),
    "start": Writer(_prepared, _start, _armed_or_not),
    "taking the start back": Writer(_armed, _disarm, _taken_back),
}
