"""The console dies with its terminal, also where SIGHUP is ignored (nohup, sudo) or never comes.

Without this Textual's input thread spins on a dead terminal at 100 % of a core for ever.
"""

from __future__ import annotations

import os
import select
import sys
import threading

GONE = 129
"""Exit code: 128 + SIGHUP."""
GRACE_S = 0.5


def guard_terminal() -> None:
    """Start a daemon thread that ends this process soon after its terminal has gone."""
    fd = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    if fd >= 0 and os.isatty(fd):
        threading.Thread(target=_wait_for_hangup, args=(fd,), name="console-tty", daemon=True).start()


def _wait_for_hangup(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, 0)  # POLLHUP, POLLERR and POLLNVAL are always told
    poll.poll()
    threading.Event().wait(GRACE_S)  # a clean end by SIGHUP comes first
    os._exit(GONE)
