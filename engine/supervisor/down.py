"""`flightdeck down`: ask the supervisor of a home to stop everything, and wait until it has."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys

from engine.ending import ended
from state import arguments
from state.clock import SystemClock
from state.home import Home
from state.lock import Holder, holder, start_id
from state.models.supervisor import SupervisorState
from state.reading import read

NO = 1
PATIENCE_S = 60.0
"""A stop cancels and verifies first; beyond this something needs a person."""


def main(argv: list[str]) -> int:
    """Stop the supervisor of a home.

    0 when it is gone and nothing rests, or none ran; 1 when it is gone and that is not verified; 75 when it is there.
    """
    parser = argparse.ArgumentParser(prog="flightdeck down", description="Stop supervisor and engine of a home.")
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=PATIENCE_S, help="seconds to wait (default %(default)s)"
    )
    options = parser.parse_args(argv)
    return ended("down", lambda: _down(Home.locate(options.home), options.timeout))


def _down(home: Home, timeout: float) -> int:
    running = holder(home, "supervisor")
    if running is None:
        print(f"no supervisor runs in {home.root}")
        return os.EX_OK
    if not running.pid:
        return _fail(os.EX_TEMPFAIL, "a supervisor is just starting; try again")
    try:
        code = _stop(running, timeout)
    except ProcessLookupError:
        code = os.EX_OK  # it ended by itself meanwhile
    return code or _verified(home, running)


def _stop(running: Holder, timeout: float) -> int:
    pidfd = os.pidfd_open(running.pid)
    if start_id(running.pid) != running.start_id:
        return _fail(os.EX_TEMPFAIL, f"pid {running.pid} is another process now; nothing done")
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    gone, _, _ = select.select([pidfd], [], [], timeout)
    if not gone:
        return _fail(os.EX_TEMPFAIL, f"supervisor {running.pid} is still there after {timeout:.0f} s; see logs")
    print(f"supervisor {running.pid} has stopped")
    return os.EX_OK


def _verified(home: Home, ended: Holder) -> int:
    """Its last word tells what it verified; one that died, or could not write any more, verified nothing."""
    told = read(home, Home.supervisor, SupervisorState, SystemClock()).value
    if told is not None and told.start_id == ended.start_id and told.end == "verified":
        return os.EX_OK
    return _fail(NO, "it is not verified that nothing rests at the exchange; see: flightdeck cancel")


def _fail(code: int, text: str) -> int:
    print(f"flightdeck down: {text}", file=sys.stderr)
    return code
