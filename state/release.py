"""The two acts that let trading go again, in their parts: may the kill be cleared, may trading start; then do it.

`state.kill` journals what is asked for here and how it ended. Standard library only.
"""
# each of these system calls, and no other, is meant
# ruff: noqa: PTH104, PTH108, PTH208

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass

from state import permit, sentinel
from state.clock import NANOS, Clock, stamp
from state.home import Home
from state.kill_journal import KillState, fold
from state.kill_record import record_anyway, since
from state.lock import holder

A_KILL_CAME = "a kill came meanwhile; it stands"
INTERRUPTED = "a clear died half-way; its kill is put back and stands"
CLEARING = f".{sentinel.NAME}.clearing-"
"""Where a clear holds the sentinel until it is sure; left behind only by one that died."""
NO_SUPERVISOR = "no supervisor runs; start one: flightdeck up"


def clear_refusals(home: Home, state: KillState, kill_id: str | None) -> list[str]:
    """Why the kill of `state` may not be cleared. `kill_id`: the kill the person saw, None for any."""
    if not state.engaged:
        return ["the kill switch is off already; nothing to clear"]
    if state.kill_id is None:
        return [f"the sentinel cannot be read: {state.reason}"]
    if kill_id is not None and kill_id != state.kill_id:
        return ["this is another kill than the one shown; look again"]
    if state.unread:
        return [state.unread]
    verified = state.rung("verified_2") is not None and not state.left
    if not verified and not _is_absent(home.below(Home.exchange.path)):
        left = "unknown" if state.left is None else str(state.left)
        return [f"not verified that nothing rests at the exchange (left: {left}); run: flightdeck kill on --cancel"]
    return []


def _is_absent(path: str) -> bool:
    """Whether there is certainly nothing: any error but "no such entry" is doubt."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def take_away(home: Home, clock: Clock, state: KillState, mark: int) -> list[str]:
    """Remove the sentinel of `state`. A kill since byte `mark` of the journal wins: why not, then. Raises OSError.

    The sentinel is moved aside first and looked at again there. A kill that met it before it was moved has its line in
    the journal, or its mark on the file, by now; one that comes later finds no sentinel and places its own.
    """
    target = home.below(f"state/{sentinel.NAME}")
    aside = home.below(f"state/{CLEARING}{os.urandom(4).hex()}")
    try:
        judged = os.lstat(target)
        if sentinel.identity_of(judged) != state.kill_id:
            return [A_KILL_CAME]
        os.rename(target, aside)
    except FileNotFoundError:
        return ["somebody else cleared it meanwhile"]
    try:
        sentinel.sync_folder(home)
        kills = [event for event in since(home, mark) if event.get("act") in ("engaged", "again")]
        if not kills and _placed(os.lstat(aside)) == _placed(judged):
            _discard(aside)
            return []
    except FileNotFoundError:
        return [A_KILL_CAME]  # a start took us for dead, and put it back
    except OSError:
        _put_back(aside, target)
        raise
    if _put_back(aside, target):
        told = {"by": "somebody", "why": "sentinel touched while it was cleared", **(kills[-1] if kills else {})}
        by, why = str(told["by"]), str(told["why"])
        record_anyway(home, clock, "engaged", kill_id=sentinel.look(home).kill_id, by=by, why=why, via="put back")
    return [A_KILL_CAME]


def _placed(found: os.stat_result) -> tuple[int, int]:
    """What moving a sentinel leaves as it was."""
    return (found.st_ino, found.st_mtime_ns)


def _put_back(aside: str, target: str) -> bool:
    """The sentinel again; False when one that cannot be replaced stands already. Raises OSError when neither does."""
    try:
        os.rename(aside, target)
    except OSError:
        if not os.path.lexists(target):
            raise
        _discard(aside)
        return False
    return True


def _discard(aside: str) -> None:
    """Remove the sentinel. One that is a folder is kept out of the way: it may hold what somebody wants."""
    try:
        os.unlink(aside)
    except (IsADirectoryError, PermissionError):
        os.rename(aside, aside.replace("clearing", "cleared"))


def put_back_interrupted(home: Home) -> bool:
    """Make the kill of a clear that died half-way stand again; whether there was one. Raises OSError."""
    folder = home.below("state")
    try:
        left = [name for name in os.listdir(folder) if name.startswith(CLEARING)]
    except FileNotFoundError:
        return False  # no home: the look says so, and is engaged
    for name in left:
        _put_back(f"{folder}/{name}", f"{folder}/{sentinel.NAME}")
    return bool(left)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """What a start is bound to: the supervisor that runs, its code and its configuration."""

    start_id: str
    build: str
    config_hash: str


def running_supervisor(home: Home, clock: Clock) -> Supervisor | str:
    """The supervisor as `supervisor.json` tells it, or why there is none to start with. Raises OSError.

    One that died leaves a document that is fresh for seconds still, and a lock that nobody holds.
    """
    if not _is_absent(home.below("state/supervisor.lock")) and holder(home, "supervisor") is None:
        return NO_SUPERVISOR
    told = _read_object(home.below(Home.supervisor.path))
    match told:
        case {
            "boot_id": boot,
            "seq": int(seq),
            "start_id": str(start),
            "build": str(build),
            "config_hash": str(config),
        }:
            pass
        case _:
            return NO_SUPERVISOR
    if boot != clock.boot_id() or not start:
        return NO_SUPERVISOR
    silent_s = (clock.boottime_ns() - seq) // NANOS
    if not 0 <= silent_s <= (Home.supervisor.stale_after or 0):
        return f"the supervisor is silent (state/supervisor.json is {silent_s} s old); see: flightdeck status"
    return Supervisor(start, build, config)


def _read_object(path: str) -> dict[str, object]:
    """A JSON object, or an empty one for whatever else is there: `running_supervisor` then names what is missing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            raw = os.read(fd, permit.LARGEST * 16) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        finally:
            os.close(fd)
        value = json.loads(raw)
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def start_refusals(home: Home, clock: Clock, wait_s: float) -> list[str]:
    """Why trading may not start now; `wait_s` counts from the last cancel-all, which may catch new orders so long."""
    refusals = [INTERRUPTED] if put_back_interrupted(home) else []
    state = fold(home, clock)
    if state.engaged:
        refusals.append(f"the kill switch is engaged ({state.why}); clear it first")
    if state.unread:
        refusals.append(state.unread)
    if state.last_cancel_ns is not None:
        rest = wait_s - (clock.boottime_ns() - state.last_cancel_ns) / NANOS
        if rest > 0:
            refusals.append(f"the last cancel-all may still catch new orders at the exchange for {rest:.0f} s")
    return refusals


def arm(anchor: sentinel.Anchor, clock: Clock, supervisor: Supervisor, by: str) -> None:
    """Write `armed.json`, durably. Raises OSError."""
    fields = {
        "schema_version": 1,
        "boot_id": clock.boot_id(),
        "seq": clock.boottime_ns(),
        "written_at": stamp(clock.now()),
        "arming_id": os.urandom(16).hex(),
        "by": by,
        "supervisor": supervisor.start_id,
        "build": supervisor.build,
        "config_hash": supervisor.config_hash,
    }
    permit.write_sealed(anchor, permit.ARMED, fields, durable=True)
