"""What a child process of ours does first: tie its life to the parent that started it."""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


class Orphaned(Exception):
    """The parent named at start is already gone; whoever was to look after this process cannot."""


def die_with_parent(parent: int, sent: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send `sent` when the thread that started us ends; raise Orphaned when it is gone already.

    The check follows the request, so that a parent that died in between is noticed (prctl(2)).
    """
    import ctypes  # 2 ms of every start, for the few processes that have a parent to die with

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, sent.value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise Orphaned(f"parent {parent} is gone")


def own_command(*arguments: str) -> list[str]:
    """argv that runs one of our own commands with this interpreter, without the working directory on its path."""
    return [sys.executable, "-P", "-m", "flightdeck", *arguments]


def tied_command(*arguments: str) -> list[str]:
    """`own_command` for any of our commands, ended by the kernel as soon as this process and thread has ended."""
    return [sys.executable, "-P", "-m", "state.process", str(os.getpid()), *own_command(*arguments)]


def _become(parent: str, *argv: str) -> None:
    """Tie this process to `parent`, then be `argv`: the tie survives execve."""
    try:
        die_with_parent(int(parent))
    except Orphaned as error:
        raise SystemExit(str(error)) from None
    os.execv(argv[0], argv)  # noqa: S606  (argv of our own making)


if __name__ == "__main__":
    _become(*sys.argv[1:])
