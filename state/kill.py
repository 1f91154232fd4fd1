"""The kill switch: engage, clear, start.

Stopping is one act of anybody, any way, `touch` included. Going again is two acts of a person: *clear* removes the
sentinel and starts nothing; *start* arms. Standard library only, so that it works when all else is broken, and for
`engage` little of it, so that it works at once: what only the other acts need is imported by them.
"""

from __future__ import annotations

import os

from state import sentinel
from state.clock import Clock
from state.home import Home
from state.kill_record import record, record_anyway, size, sync_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from state.kill_journal import KillState

PERMIT_LIFE_S = 15
"""At most so long may orders still leave when no sentinel can be placed; see `permit.LONGEST_LIFE_S`."""
TRACES = ("supervisor.lock", "supervisor.json", "bot_heartbeat.json")
"""One of these in `state/` shows that something ran in this home."""


class KillError(Exception):
    """The sentinel could not be placed: says why and what to do instead."""


class Engagement:
    """What `engage` did."""

    __slots__ = ("already", "found", "kill_id", "unsynced")

    def __init__(self, kill_id: str, already: bool, found: str, unsynced: str) -> None:
        self.kill_id = kill_id
        self.already = already
        """It was on before; two kills are one."""
        self.found = found
        """How the home was found: "home" or "nothing ever ran here"."""
        self.unsynced = unsynced
        """Why the sentinel may not survive a power cut, or has no line in the journal; empty when both are well."""


def engage(home: Home, clock: Clock, *, why: str, via: str, by: str | None = None) -> Engagement:
    """Stop everything: visible first, told and durable second. Raises KillError when no path could place it."""
    try:
        placed = _place(home)
    except OSError as error:
        raise KillError(_cannot_place(home, error)) from error
    kill_id = sentinel.look(home).kill_id
    trouble = _tell(home, clock, "engaged" if placed else "again", kill_id, why=why, via=via, by=by or who())
    if not sentinel.look(home).engaged:
        return engage(home, clock, why=why, via=via, by=by)  # cleared before we could acknowledge: the kill wins
    return Engagement(kill_id or "", not placed, "home" if _ran(home) else "nothing ever ran here", trouble)


def _ran(home: Home) -> bool:
    return any(os.path.lexists(home.below(f"state/{name}")) for name in TRACES)


def _place(home: Home) -> bool:
    try:
        return sentinel.place(home)
    except FileNotFoundError:
        home.create(("state",), durable=False)  # visible first
        return sentinel.place(home)


def _tell(home: Home, clock: Clock, act: str, kill_id: str | None, *, why: str, via: str, by: str) -> str:
    """Journal the act at once, and the rung with it on disk once the sentinel is. Returns what went wrong."""
    untold, begun = "", False
    try:
        home.create()
        begun = not size(home)
        record(home, clock, act, kill_id=kill_id, by=by, why=why, via=via, durable=False)
    except OSError as error:
        untold = f"{_mark(home, clock)}not journalled: {sentinel.named(error)}"
    trouble = "; ".join(filter(None, (untold, _sync(home, begun=begun))))
    return trouble or record_anyway(home, clock, "rung", kill_id=kill_id, rung="sentinel_durable", by=by)


def _mark(home: Home, clock: Clock) -> str:
    """Change the time of a sentinel whose kill left no line: a *clear* under way then sees that it is a later one."""
    now = round(clock.now().timestamp() * 1e6) * 1000  # the kernel's own stamp may stand still for 4 ms
    try:
        os.utime(home.below(f"state/{sentinel.NAME}"), ns=(now, now), follow_symlinks=False)
    except OSError as error:
        return f"not marked: {sentinel.named(error)}; "
    return ""


def _sync(home: Home, *, begun: bool = False) -> str:
    """`begun`: the journal has its first line, and its name is not yet on disk."""
    try:
        sentinel.sync(home)
        if begun:
            sync_folder(home)
        if not _ran(home):
            sentinel.sync_above(home)
    except OSError as error:
        return f"not durable: {sentinel.named(error)}"
    return ""


def _cannot_place(home: Home, error: OSError) -> str:
    return (
        f"cannot place {home.below('state')}/{sentinel.NAME}: {sentinel.named(error)}; end the supervisor "
        f"(`flightdeck down`, or kill its process): without it no order leaves after {PERMIT_LIFE_S} s"
    )


def observe(home: Home, clock: Clock, *, by: str) -> KillState:
    """Note a sentinel that nobody journalled (`touch`): who owns it, since when. Never raises.

    Whoever placed it, it is durable when this returns: no rung above stands before "sentinel_durable".
    """
    from state.kill_journal import fold

    state = fold(home, clock)
    if not state.engaged or state.kill_id is None or state.rung("sentinel_durable") is not None:
        return state
    begun = False
    if state.since is None:
        begun = _empty(home)
        try:
            owner = login_name(os.stat(home.below(f"state/{sentinel.NAME}"), follow_symlinks=False).st_uid)
        except OSError:
            return fold(home, clock)  # cleared since; what stands now is the answer
        told = {"by": f"owner {owner}", "why": "sentinel found, placed by its owner without a word", "via": "touch"}
        record_anyway(home, clock, "engaged", kill_id=state.kill_id, durable=False, **told)
    if not _sync(home, begun=begun):
        record_anyway(home, clock, "rung", kill_id=state.kill_id, rung="sentinel_durable", by=by)
    return fold(home, clock)


def _empty(home: Home) -> bool:
    try:
        return not size(home)
    except OSError:
        return False  # then nothing can be begun in it


def disarm(anchor: sentinel.Anchor, clock: Clock, *, by: str, why: str) -> bool:
    """Take the start back; whether there was one. Raises OSError when it stays; a full journal hinders nothing."""
    from state import permit

    if anchor.doubt or not permit.remove(anchor, permit.ARMED, durable=True):
        return False
    record_anyway(anchor.home, clock, "disarmed", by=by, why=why)
    return True


def _take_start_back(home: Home, clock: Clock, *, by: str, why: str) -> None:
    """Be sure that nothing is armed. Raises OSError when that cannot be told."""
    with sentinel.Anchor(home) as anchor:
        if anchor.doubt:
            raise OSError(anchor.doubt)
        disarm(anchor, clock, by=by, why=why)


def clear(home: Home, clock: Clock, *, reason: str, kill_id: str | None = None, by: str | None = None) -> list[str]:
    """Remove the sentinel, and start nothing. Returns why not; empty when it is off now. Raises OSError.

    `kill_id`, when given, is the kill the person saw; another one is refused. A kill that comes meanwhile wins.
    """
    from state import release
    from state.kill_journal import fold

    by = by or who()
    mark = size(home)
    state = fold(home, clock)
    refusals = release.clear_refusals(home, state, kill_id)
    if not refusals:
        _take_start_back(home, clock, by=by, why="clear")
        sentinel.prepare(home)  # before the switch goes off, the next kill must find its file
        record(home, clock, "cleared", kill_id=state.kill_id, by=by, why=reason)
        refusals = release.take_away(home, clock, state, mark)
    if refusals:
        record_anyway(home, clock, "refused", kill_id=state.kill_id, by=by, why=f"clear: {'; '.join(refusals)}")
    return refusals


def start(home: Home, clock: Clock, *, wait_after_cancel_s: float, by: str | None = None) -> list[str]:
    """Arm: the second act. Returns why not; empty when armed. Raises OSError.

    Bound to the running supervisor, this boot, its build and its configuration; any change of these drops it.
    """
    from state import release

    by = by or who()
    supervisor = release.running_supervisor(home, clock)
    refusals = release.start_refusals(home, clock, wait_after_cancel_s)
    if isinstance(supervisor, str):
        refusals.append(supervisor)
    elif not refusals:
        record(home, clock, "started", by=by)
        try:
            with sentinel.Anchor(home) as anchor:
                release.arm(anchor, clock, supervisor, by)
                if anchor.look().engaged:
                    disarm(anchor, clock, by=by, why="killed while starting")
                    refusals.append(release.A_KILL_CAME)
        except OSError:
            _take_start_back(home, clock, by=by, why="the start failed")
            raise
    if refusals:
        record_anyway(home, clock, "refused", by=by, why=f"start: {'; '.join(refusals)}")
    return refusals


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
