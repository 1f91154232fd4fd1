"""`flightdeck kill`: on, clear, start, status. `on` imports the standard library and little of it."""

from __future__ import annotations

import argparse
import json
import sys

from state import kill
from state.clock import Clock, SystemClock
from state.home import Home, HomeError
from state.kill_journal import KillState, fold

OK, NO, USAGE, UNAVAILABLE, IO_ERROR, CONFIG = 0, 1, 2, 69, 74, 78


def main(argv: list[str], clock: Clock | None = None) -> int:
    """Run one act of the kill switch; returns its exit code."""
    options = _parser().parse_args(argv)
    clock = clock or SystemClock()
    try:
        home = Home.locate(options.home)
    except HomeError as error:
        print(f"flightdeck kill: {error}", file=sys.stderr)
        return CONFIG
    act = {"on": engage, "clear": clear, "start": start, "status": status}[options.act]
    try:
        return act(home, clock, options)
    except (OSError, kill.KillError) as error:
        print(f"flightdeck kill {options.act}: {error}", file=sys.stderr)
        return IO_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flightdeck kill", description="Stop everything; clear; start again.")
    parser.add_argument("--home", help="the home to act on")
    acts = parser.add_subparsers(dest="act", required=True, metavar="on|clear|start|status")
    on = acts.add_parser("on", help="stop everything, now")
    on.add_argument("--why", default="", help="reason, journalled")
    on.add_argument("--cancel", action="store_true", help="also cancel what rests, from this process")
    off = acts.add_parser("clear", help="remove the sentinel; starts nothing")
    off.add_argument("--reason", required=True, help="why it is safe now")
    off.add_argument("--kill-id", help="clear only this kill")
    off.add_argument("--confirm", help="must be CLEAR; asked for on a terminal")
    go = acts.add_parser("start", help="arm: let orders leave again")
    go.add_argument("--confirm", help="must be START; asked for on a terminal")
    shown = acts.add_parser("status", help="what the kill switch says")
    shown.add_argument("--json", action="store_true")
    for each in (on, off, go, shown):
        each.add_argument("--home", default=argparse.SUPPRESS, help="the home to act on")
    return parser


def engage(home: Home, clock: Clock, options: argparse.Namespace) -> int:
    """Place the sentinel. Exit 69 where nothing ever ran: the kill may have been meant for another home."""
    done = kill.engage(home, clock, why=options.why, via="command line")
    print(f"KILL {'was already on' if done.already else 'is on'}: {home.root} ({done.found})")
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
        print(f"flightdeck kill start: {error}", file=sys.stderr)
        return CONFIG
    return _told("start", kill.start(home, clock, wait_after_cancel_s=settings.start.wait_after_cancel_s), "armed")


def _told(act: str, refusals: list[str], done: str) -> int:
    for refusal in refusals:
        print(f"flightdeck kill {act}: refused: {refusal}", file=sys.stderr)
    if not refusals:
        print(done)
    return NO if refusals else OK


def _confirmed(given: str | None, word: str, meaning: str) -> bool:
    if given is None and sys.stdin.isatty():
        given = input(f"This {meaning}. Type {word} to go on: ")
    if given == word:
        return True
    print(f"flightdeck kill: needs the word {word} (type it on a terminal, or --confirm {word})", file=sys.stderr)
    return False


def status(home: Home, clock: Clock, options: argparse.Namespace) -> int:
    """Print the state; 0 when it could be read."""
    state = fold(home, clock)
    if options.json:
        print(json.dumps(state.as_json()))
    else:
        print(_line(state))
    return OK if not state.engaged or state.kill_id is not None else IO_ERROR


def _line(state: KillState) -> str:
    if not state.engaged:
        return "kill switch is off"
    told = f"kill switch is ON ({state.why})" + (f", by {state.by}" if state.by else "")
    return told + "".join(f"\n  {rung.name:<18} {rung.at}  {rung.by}" for rung in state.rungs)
