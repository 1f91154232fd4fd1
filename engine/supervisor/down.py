"""`flightdeck down`: ask the supervisor of a home to stop everything, and wait until it has."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys

from state import arguments
from state.home import Home, HomeError
from state.lock import holder, start_id

PATIENCE_S = 60.0
"""A stop cancels and verifies first; beyond this something needs a person."""


def main(argv: list[str]) -> int:
    """Stop the supervisor of a home. 0 when it is gone, or none ran; 75 when it does not end."""
    parser = argparse.ArgumentParser(prog="flightdeck down", description="Stop supervisor and engine of a home.")
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=PATIENCE_S, help="seconds to wait (default %(default)s)"
    )
    options = parser.parse_args(argv)
    try:
        home = Home.locate(options.home)
        running = holder(home, "supervisor")
    except HomeError as error:
        print(f"flightdeck down: {error}", file=sys.stderr)
        return os.EX_CONFIG
    except OSError as error:
        print(f"flightdeck down: {error.filename or home.state}: {error.strerror}", file=sys.stderr)
        return os.EX_IOERR
    if running is None:
        print(f"no supervisor runs in {home.root}")
        return os.EX_OK
    if not running.pid:
        print("flightdeck down: a supervisor is just starting; try again", file=sys.stderr)
        return os.EX_TEMPFAIL
    try:
        return _stop(running.pid, running.start_id, options.timeout)
    except ProcessLookupError:
        return os.EX_OK  # it ended by itself meanwhile
    except OSError as error:
        print(f"flightdeck down: supervisor {running.pid} cannot be told to stop: {error.strerror}", file=sys.stderr)
        return os.EX_IOERR


def _stop(pid: int, identity: str, timeout: float) -> int:
    pidfd = os.pidfd_open(pid)
    if start_id(pid) != identity:
        print(f"flightdeck down: pid {pid} is another process now; nothing done", file=sys.stderr)
        return os.EX_TEMPFAIL
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    gone, _, _ = select.select([pidfd], [], [], timeout)
    if not gone:
        print(f"flightdeck down: supervisor {pid} is still there after {timeout:.0f} s; see logs", file=sys.stderr)
        return os.EX_TEMPFAIL
    print(f"supervisor {pid} has stopped")
    return os.EX_OK
