"""`flightdeck kill`: on, clear, start, status. `on` imports the standard library and little of it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from state import kill
from state.clock import Clock, SystemClock
from state.home import Home, HomeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from state.kill_journal import KillState

OK, NO, USAGE, UNAVAILABLE, IO_ERROR, CONFIG = 0, 1, 2, 69, 74, 78


def main(argv: list[str], clock: Clock | None = None) -> int:
    """Run one act of the kill switch; returns its exit code."""
    clock = clock or SystemClock()
    on = _plain_on(argv)
    if on is not None:
        return _run("on", on.get("home"), lambda home: engage(home, clock, on.get("why", "")))
    options = _parser().parse_args(argv)
    acts: dict[str, Callable[[Home], int]] = {
        "on": lambda home: engage(home, clock, options.why),
        "clear": lambda home: clear(home, clock, options),
        "start": lambda home: start(home, clock, options),
        "status": lambda home: status(home, clock, as_json=options.json),
    }
    return _run(options.act, options.home, acts[options.act])


def _run(name: str, where: str | None, act: Callable[[Home], int]) -> int:
    try:
        return act(Home.locate(where))
    except HomeError as error:
        return _said(f"flightdeck kill: {error}", CONFIG)
    except BrokenPipeError:
        raise  # the roof knows what to do when nobody reads
    except (OSError, kill.KillError) as error:
        return _said(f"flightdeck kill {name}: {error}", IO_ERROR)


def _said(text: str, code: int) -> int:
    """One clear line for people on stderr, and the exit code that goes with it."""
    print(text, file=sys.stderr)
    return code


def _plain_on(argv: list[str]) -> dict[str, str] | None:
    """The options of a plainly written `on`, without argparse: it costs as much as the kill. None for all else."""
    if argv[:1] != ["on"]:
        return None
    found = {}
    words = iter(argv[1:])
    for word in words:
        value = next(words, None) if word in ("--home", "--why") else None
        if word != "--cancel" and (value is None or value.startswith("-")):
            return None
        found[word.removeprefix("--")] = value or ""
    return found


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="flightdeck kill", description="Stop everything; clear; start again.", allow_abbrev=False
    )
    parser.add_argument("--home", help="the home to act on")
    acts = parser.add_subparsers(dest="act", required=True, metavar="on|clear|start|status")
    on = acts.add_parser("on", help="stop everything, now", allow_abbrev=False)
    on.add_argument("--why", default="", help="reason, journalled")
    on.add_argument("--cancel", action="store_true", help="also cancel what rests, from this process")
    off = acts.add_parser("clear", help="remove the sentinel; starts nothing", allow_abbrev=False)
    off.add_argument("--reason", required=True, help="why it is safe now")
    off.add_argument("--kill-id", help="clear only this kill")
    off.add_argument("--confirm", help="must be CLEAR; asked for on a terminal")
    go = acts.add_parser("start", help="arm: let orders leave again", allow_abbrev=False)
    go.add_argument("--confirm", help="must be START; asked for on a terminal")
    shown = acts.add_parser("status", help="what the kill switch says", allow_abbrev=False)
    shown.add_argument("--json", action="store_true")
    for each in (on, off, go, shown):
        each.add_argument("--home", default=argparse.SUPPRESS, help="the home to act on")
    return parser


def engage(home: Home, clock: Clock, why: str) -> int:
    """Place the sentinel. Exit 69 where nothing ever ran: the kill may have been meant for another home."""
    done = kill.engage(home, clock, why=why, via="command line")
    _print(f"KILL {'was already on' if done.already else 'is on'}: {home.below('')[:-1]} ({done.found})")
    if done.unsynced:
        print(f"warning: {done.unsynced}", file=sys.stderr)
    if done.found == "home":
        return OK
    print("nothing ever ran in this home; supervisors that live now:", file=sys.stderr)
    from state.lock import live_homes

    for other in live_homes("supervisor"):
        print(f"  flightdeck kill on --home {other}", file=sys.stderr)
    return UNAVAILABLE


def clear(home: Home, clock: Clock, options: argparse.Namespace) -> int:
    """Remove the sentinel after the typed word."""
    if not options.reason.strip():
        return _said("flightdeck kill clear: the reason is empty", USAGE)
    if not _confirmed(options.confirm, "CLEAR", "removes the sentinel; nothing starts by it"):
        return USAGE
    return _told("clear", kill.clear(home, clock, reason=options.reason, kill_id=options.kill_id), "kill switch is off")


def start(home: Home, clock: Clock, options: argparse.Namespace) -> int:
    """Arm after the typed word."""
    from state.config import ConfigError, load

    if not _confirmed(options.confirm, "START", "lets orders leave while a permit is fresh"):
        return USAGE
    try:
        settings = load(home)
    except ConfigError as error:
        return _said(f"flightdeck kill start: {error}", CONFIG)
    return _told("start", kill.start(home, clock, wait_after_cancel_s=settings.start.wait_after_cancel_s), "armed")


def _told(act: str, refusals: list[str], done: str) -> int:
    from state.text import visible

    for refusal in refusals:
        print(f"flightdeck kill {act}: refused: {visible(refusal)}", file=sys.stderr)
    if not refusals:
        _print(done)
    return NO if refusals else OK


def _confirmed(given: str | None, word: str, meaning: str) -> bool:
    if given is None and sys.stdin is not None and sys.stdin.isatty():
        try:
            given = input(f"This {meaning}. Type {word} to go on: ")
        except EOFError:
            print(file=sys.stderr)
    if given == word:
        return True
    print(f"flightdeck kill: needs the word {word} (type it on a terminal, or --confirm {word})", file=sys.stderr)
    return False


def status(home: Home, clock: Clock, *, as_json: bool) -> int:
    """Print the state; 0 when it could be read."""
    import json

    from state.kill_journal import fold
    from state.text import visible

    state = fold(home, clock)
    _print(json.dumps(state.as_json()) if as_json else _line(state))
    if state.unread:
        return _said(f"flightdeck kill status: {state.unread}", IO_ERROR)
    if state.engaged and state.kill_id is None:
        return _said(f"flightdeck kill status: {visible(state.reason)}; that counts as ON", IO_ERROR)
    return OK


def _line(state: KillState) -> str:
    from state.text import visible

    if not state.engaged:
        return "kill switch is off"
    told = f"kill switch is ON ({visible(state.why)})" + (f", by {visible(state.by)}" if state.by else "")
    for rung in state.rungs:
        told += f"\n  {rung.name:<18} {visible(rung.at)}  {visible(rung.by)}"
        told += f"  ({visible(rung.why)})" if rung.why else ""
    return told


def _print(text: str) -> None:
    """To stdout, whatever its encoding: a kill must not end in an error about a letter."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        raise  # the roof knows what to do when nobody reads
    except OSError as error:
        sys.stdout = None  # what it still holds goes nowhere
        said = text.partition("\n")[0]
        raise kill.KillError(f"{said}; only standard output failed: {error.strerror}") from error
