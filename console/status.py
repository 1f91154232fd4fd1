"""`flightdeck status`: what the console would show, without a terminal. `--json` is a documented, stable shape."""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from typing import Any

from console.reading import HomeReader
from console.snapshot import EngineState, Snapshot
from state.clock import Clock, SystemClock, stamp, to_et
from state.home import Home, HomeError
from state.outcome import Outcome

OK, NO, CONFIG = 0, 1, 78
HELP = "Print the state of a home. Exit code 0: the engine runs and nothing is killed; 1: not so."


def main(argv: list[str], clock: Clock | None = None) -> int:
    """Print one snapshot as text or JSON; 0 with --json, else 0 when the engine is ok and no kill is on, 1 when not."""
    parser = argparse.ArgumentParser(prog="flightdeck status", description=HELP)
    parser.add_argument("--home", metavar="PATH", help="the folder to look at")
    parser.add_argument(
        "--json", action="store_true", help="machine readable; a value that is unknown is null; exit code 0"
    )
    options = parser.parse_args(argv)
    try:
        home = Home.locate(options.home)
    except HomeError as error:
        print(f"flightdeck status: {error}", file=sys.stderr)
        return CONFIG
    snapshot = HomeReader(home, clock or SystemClock()).read()
    if options.json:
        print(json.dumps(as_json(snapshot), indent=2))
        return OK
    print("\n".join(as_text(snapshot)))
    return OK if snapshot.engine is EngineState.OK and not snapshot.kill.engaged else NO


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """The shape of `flightdeck status --json`. What is unknown, or from a document that is not fresh, is None."""
    beat, gate, book = snapshot.heartbeat.current, snapshot.gate.current, snapshot.positions.current
    view, keeper = snapshot.exchange.current, snapshot.keeper
    return {
        "source": snapshot.source,
        "home": snapshot.home,
        "engine": {
            "state": str(snapshot.engine),
            "pid": beat.pid if beat else None,
            "cycle": beat.cycle if beat else None,
            "beat_age_s": _seconds(snapshot.heartbeat.age_s),
            "restarts": keeper.restarts if keeper else None,
        },
        "armed": _armed(snapshot),
        "permit": {"valid": snapshot.leave.valid, "age_s": _seconds(snapshot.leave.age_s)},
        "gate": {"open": gate.open if gate else None, "reasons": list(gate.reasons) if gate else None},
        "kill": snapshot.kill.as_json(),
        "exchange": {
            "resting_orders": len(view.resting) if view and view.resting is not None else None,
            "as_of": stamp(view.as_of) if view and view.as_of else None,
        },
        "shadow": {
            "positions": len(book.positions) if book else None,
            "fills": book.fills if book else None,
            "unrealised_usd": _usd(book.unrealised_usd) if book else None,
            "realised_usd": _usd(book.realised_usd) if book else None,
        },
        "documents": {path: str(outcome) for path, outcome in snapshot.documents.items()},
    }


def _armed(snapshot: Snapshot) -> bool | None:
    """True, False, or None: a file that is there and cannot be believed."""
    if snapshot.armed.outcome is Outcome.MISSING:
        return False
    return True if snapshot.armed.good else None


def _seconds(age: float | None) -> float | None:
    return None if age is None else round(age, 3)


def _usd(amount: Decimal | None) -> float | None:
    """Dollars as a JSON number: a float holds every amount of this desk to the micro-dollar, and scripts can add it."""
    return None if amount is None else round(float(amount), 6)


def as_text(snapshot: Snapshot) -> list[str]:
    """The same for people: one fact a line, oldest problem last."""
    verdict = snapshot.verdict
    beat, book, view, gate = (
        snapshot.heartbeat.current, snapshot.positions.current, snapshot.exchange.current, snapshot.gate.current,
    )  # fmt: skip
    rows = [
        f"home      {snapshot.home}",
        f"source    {snapshot.source or 'unknown'}",
        f"trading   {verdict.trading}{': ' + verdict.reason if verdict.reason else ''}",
        f"engine    {snapshot.engine}" + (f", pid {beat.pid}, cycle {beat.cycle}" if beat else ""),
        f"gate      {_gate(gate.open, gate.reasons) if gate else 'unknown'}",
        f"permit    {'valid' if snapshot.leave.valid else snapshot.leave.reason}",
        f"exchange  {'unknown' if view is None or view.resting is None else f'{len(view.resting)} orders rest'}",
        f"orders    {snapshot.unreconciled or 'reconciled with the exchange'}",
        f"shadow    {'unknown' if book is None else f'{len(book.positions)} positions, {book.fills} fills'}",
    ]
    rows += [
        f"rung      {rung.name} at {rung.at} by {rung.by}{f' ({rung.why})' if rung.why else ''}"
        for rung in snapshot.kill.rungs
    ]
    rows += [f"keeper    {snapshot.keeper_gone}"] if snapshot.keeper_gone else []
    rows += [
        f"file      {path}: {outcome}" for path, outcome in snapshot.documents.items() if outcome is not Outcome.OK
    ]
    return [*rows, f"as of     {to_et(snapshot.at):%Y-%m-%d %H:%M:%S} ET"]


def _gate(is_open: bool, reasons: tuple[str, ...]) -> str:
    return "open" if is_open else f"shut: {'; '.join(reasons)}"
