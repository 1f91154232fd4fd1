"""`flightdeck` without a command: the console on a terminal."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys

from state.home import Home, HomeError
from state.process import Orphaned, die_with_parent

PARSER_TEXT = "Open the console on a home. It looks, and carries the kill switch; leaving it stops nothing."


def main(argv: list[str]) -> int:
    """Run the console; 0 left by a person, 1 crashed, 69 without a terminal, 78 wrong home, 129 terminal gone."""
    parser = argparse.ArgumentParser(prog="flightdeck", description=PARSER_TEXT)
    parser.add_argument("--home", metavar="PATH", help="the folder to look at")
    parser.add_argument("--read-only", action="store_true", help="no acting key, K neither")
    parser.add_argument("--ascii", action="store_true", help="ASCII symbols only")
    parser.add_argument("--mouse", action="store_true", help="let the terminal report the mouse")
    parser.add_argument("--parent", type=int, metavar="PID", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        if options.parent is not None:
            die_with_parent(options.parent, signal.SIGTERM)
        home = Home.locate(options.home)
    except HomeError as error:
        print(f"flightdeck: {error}", file=sys.stderr)
        return 78
    except Orphaned as error:
        print(f"flightdeck: {error}", file=sys.stderr)
        return 69
    if not (os.isatty(0) and os.isatty(2)):
        print("flightdeck: the console needs a terminal; without one: flightdeck status", file=sys.stderr)
        return 69
    return run_console(home, read_only=options.read_only, ascii_only=options.ascii, mouse=options.mouse)


def forget_exported_size() -> None:
    """What a shell exported is not told when its window changes; a terminal that knows its size is asked."""
    if all(os.get_terminal_size(2)):
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)


def run_console(home: Home, *, read_only: bool = False, ascii_only: bool = False, mouse: bool = False) -> int:
    """Run the application on this terminal until it ends."""
    gc.disable()  # nothing that is imported is garbage: looking for some is a tenth of the start
    from console.app import Console
    from console.tty_guard import guard_terminal
    from state.clock import SystemClock

    gc.freeze()
    gc.enable()
    encoding = (sys.__stderr__.encoding if sys.__stderr__ else None) or ""
    guard_terminal()
    forget_exported_size()
    app = Console(
        home,
        SystemClock(),
        read_only=read_only,
        ascii_only=ascii_only or "utf" not in encoding.lower(),
    )
    app.run(mouse=mouse)
    return app.return_code or 0
