"""The kill switch: engage, clear, start.

Stopping is one act of anybody, any way, `touch` included. Going again is two acts of a person: *clear* removes the
sentinel and starts nothing; *start* arms. Standard library only, so that it works when all else is broken.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from typing import Any

from state import permit, sentinel
from state.clock import NANOS, Clock, stamp
from state.home import Home
from state.kill_journal import KillState, fold, parse_event, record


class KillError(Exception):
    """The sentinel could not be placed: says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """What `engage` did."""

    kill_id: str
    already: bool
    """It was on before; two kills are one."""
    found: str
    """How the home was found: "home" or "nothing ever ran here"."""
    unsynced: str = ""
    """Why the sentinel may not survive a power cut; empty when it does."""


def engage(home: Home, clock: Clock, *, why: str, via: str, by: str | None = None) -> Engagement:
    """Stop everything: visible first, durable second, then told. Raises KillError when no path could place it."""
    by = by or who()
    found = "home" if os.path.lexists(home.state) else "nothing ever ran here"
    try:
        home.create()
        placed = sentinel.place(home)
    except OSError as error:
        raise KillError(_cannot_place(home, error)) from error
    unsynced = _sync(home)
    kill_id = sentinel.look(home).kill_id or ""
    try:
        record(home, clock, "engaged" if placed else "again", kill_id=kill_id, by=by, why=why, via=via)
        if not unsynced:
            record(home, clock, "rung", kill_id=kill_id, rung="sentinel_durable", by=by)
    except OSError as error:
        unsynced = unsynced or f"not journalled: {sentinel.named(error)}"
    if not placed and not sentinel.look(home).engaged:
        return engage(home, clock, why=why, via=via, by=by)  # cleared while we were told "already": the kill wins
    return Engagement(kill_id, not placed, found, unsynced)


def _sync(home: Home) -> str:
    try:
        sentinel.sync(home)
    except OSError as error:
        return f"not durable: {sentinel.named(error)}"
    return ""


def _cannot_place(home: Home, error: OSError) -> str:
    return (
        f"cannot place {home.state / sentinel.NAME}: {sentinel.named(error)}; the permit will run out within "
        f"{permit.LONGEST_LIFE_S:.0f} s if its supervisor is stopped: kill its process, or `flightdeck down`"
    )


def observe(home: Home, clock: Clock, *, by: str) -> KillState:
    """Note a sentinel that nobody journalled (`touch`): who owns it, since when; makes it durable. Raises OSError."""
    state = fold(home, clock)
    if not state.engaged or state.kill_id is None or state.since is not None:
        return state
    found = os.stat(home.state / sentinel.NAME, follow_symlinks=False)
    owner = f"owner {login_name(found.st_uid)}"
    record(home, clock, "engaged", kill_id=state.kill_id, by=owner, why="sentinel placed by hand", via="touch")
    if not _sync(home):
        record(home, clock, "rung", kill_id=state.kill_id, rung="sentinel_durable", by=by)
    return fold(home, clock)


def disarm(anchor: sentinel.Anchor, clock: Clock, *, by: str, why: str) -> bool:
    """Take the start back; whether there was one. Raises OSError when it stays."""
    if anchor.doubt or not permit.remove(anchor, permit.ARMED, durable=True):
        return False
    record(anchor.home, clock, "disarmed", by=by, why=why)
    return True


def clear(home: Home, clock: Clock, *, reason: str, kill_id: str | None = None, by: str | None = None) -> list[str]:
    """Remove the sentinel, and start nothing. Returns why not; empty when it is off now. Raises OSError.

    `kill_id`, when given, is the kill the person saw; another one is refused.
    """
    by = by or who()
    seen = _size(home.path(Home.kills))
    state = fold(home, clock)
    refusals = _clear_refusals(home, state, kill_id)
    if refusals:
        record(home, clock, "refused", kill_id=state.kill_id, by=by, why=f"clear: {'; '.join(refusals)}")
        return refusals
    anchor = sentinel.Anchor(home)
    try:
        disarm(anchor, clock, by=by, why="clear")
    finally:
        anchor.close()
    aside = home.state / f".kill_switch.cleared-{state.kill_id}"
    os.rename(home.state / sentinel.NAME, aside)
    if _killed_since(home, seen):
        os.rename(aside, home.state / sentinel.NAME)
        return ["a kill came while clearing; it stands"]
    record(home, clock, "cleared", kill_id=state.kill_id, by=by, why=reason)
    _discard(aside)
    sentinel.prepare(home)
    return []


def _clear_refusals(home: Home, state: KillState, kill_id: str | None) -> list[str]:
    if not state.engaged:
        return ["the kill switch is off already; nothing to clear"]
    if state.kill_id is None:
        return [f"the sentinel cannot be read: {state.reason}"]
    if kill_id is not None and kill_id != state.kill_id:
        return ["this is another kill than the one shown; look again"]
    if state.rung("verified_2") is None and os.path.lexists(home.path(Home.exchange)):
        left = "unknown" if state.left is None else str(state.left)
        return [f"not verified that nothing rests at the exchange (left: {left}); run: flightdeck kill on --cancel"]
    return []


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _killed_since(home: Home, offset: int) -> bool:
    with open(home.path(Home.kills), "rb") as file:
        file.seek(offset)
        events = map(parse_event, file.read().split(b"\n"))
        return any(event and event.get("act") in {"engaged", "again"} for event in events)


def _discard(aside: os.PathLike[str]) -> None:
    try:
        os.unlink(aside)
    except (IsADirectoryError, PermissionError):
        return  # a folder was used as sentinel; it may hold what somebody wants, and is out of the way


def start(home: Home, clock: Clock, *, wait_after_cancel_s: float, by: str | None = None) -> list[str]:
    """Arm: the second act. Returns why not; empty when armed. Raises OSError.

    Bound to the running supervisor, this boot, its build and its configuration; any change of these drops it.
    """
    by = by or who()
    supervisor = _read_object(home.path(Home.supervisor))
    refusals = _start_refusals(home, clock, supervisor, wait_after_cancel_s)
    if refusals:
        record(home, clock, "refused", by=by, why=f"start: {'; '.join(refusals)}")
        return refusals
    anchor = sentinel.Anchor(home)
    try:
        record(home, clock, "started", by=by)
        fields = {
            "schema_version": 1,
            "boot_id": clock.boot_id(),
            "seq": clock.boottime_ns(),
            "written_at": stamp(clock.now()),
            "arming_id": uuid.uuid4().hex,
            "by": by,
            "supervisor": supervisor["start_id"],
            "build": supervisor["build"],
            "config_hash": supervisor["config_hash"],
        }
        permit.write_sealed(anchor, permit.ARMED, fields, durable=True)
        if anchor.look().engaged:
            disarm(anchor, clock, by=by, why="killed while starting")
            return ["a kill came while starting; it stands"]
    finally:
        anchor.close()
    return []


def _start_refusals(home: Home, clock: Clock, supervisor: dict[str, Any], wait_s: float) -> list[str]:
    refusals = []
    state = fold(home, clock)
    if state.engaged:
        refusals.append(f"the kill switch is engaged ({state.why}); clear it first")
    if state.last_cancel_ns is not None:
        rest = wait_s - (clock.boottime_ns() - state.last_cancel_ns) / NANOS
        if rest > 0:
            refusals.append(f"the last cancel-all may still catch new orders at the exchange for {rest:.0f} s")
    if not supervisor.get("start_id") or supervisor.get("boot_id") != clock.boot_id():
        refusals.append("no supervisor runs; start one: flightdeck up")
    elif (clock.boottime_ns() - int(supervisor.get("seq", 0))) / NANOS > Home.supervisor.stale_after:  # type: ignore[operator]
        refusals.append("the supervisor is silent (state/supervisor.json is stale); see: flightdeck status")
    return refusals


def _read_object(path: os.PathLike[str]) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(permit.LARGEST * 16))
    except (OSError, ValueError):
        return {}  # an unreadable supervisor is none: start is refused and says so
    return value if isinstance(value, dict) else {}


def who() -> str:
    """Who acts, as far as the machine knows: login name, terminal, ssh client."""
    return login_name(os.getuid()) + _terminal() + _ssh_client()


def login_name(uid: int) -> str:
    """The name of a user id, or the id itself where it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _terminal() -> str:
    try:
        return f" on {os.ttyname(0).removeprefix('/dev/')}"
    except OSError:
        return ""


def _ssh_client() -> str:
    client = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return f" from {client}" if client else ""
