"""Does the work of every writer again and again, and each time another one of its system calls fails or kills it.

As a program (FOLDER FAULT KINDS) it lets strace attach to itself and forks a child for each attempt. strace counts the
calls of each process for itself and strikes the STRIKES-th of a kind; a child first makes as many calls that concern
nobody as it takes for its n-th own call to be that one. Prints what came of each attempt as JSON.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import re
import shutil
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from state.home import Home
from state.kill import KillError
from tests.state.crash.writer import End, new_clock
from tests.state.crash.writers import WRITERS

STRIKES = 40
"""More than any writer makes of one kind."""
KILL = "KILL"
ENDS = (End.DONE, End.RAISED, End.TOLD)
PR_SET_PTRACER, ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One writer, whose `number`-th call of `kind` is struck; what it acknowledged and how it ended."""

    writer: str
    kind: str
    number: int
    home: str
    acked: int = 0
    end: str = ""
    struck: bool = False


class Calls:
    """Calls that concern nobody, of each kind."""

    def __init__(self, folder: Path) -> None:
        self.null = os.open("/dev/null", os.O_RDWR)
        self.file = os.open(folder / "spare", os.O_RDWR | os.O_CREAT)
        self.at = os.open(folder, os.O_RDONLY)
        self.libc = ctypes.CDLL(None)

    def make(self, kind: str, count: int) -> None:
        calls: dict[str, Callable[[], object]] = {
            "openat": lambda: os.open("/dev/null", os.O_RDONLY),
            "write": lambda: os.write(self.null, b"x"),
            "fsync": lambda: os.fsync(self.file),
            "close": lambda: os.close(os.dup(self.null)),
            "ftruncate": lambda: os.ftruncate(self.file, 0),
            "rename": lambda: self.libc.rename(b"", b""),
            "renameat": lambda: self.libc.renameat(self.at, b"", self.at, b""),
            "renameat2": lambda: self.libc.renameat2(self.at, b"", self.at, b"", 1),
            "unlink": lambda: self.libc.unlink(b""),
            "unlinkat": lambda: self.libc.unlinkat(self.at, b"", 0),
            "mkdir": lambda: self.libc.mkdir(b"", 0),
        }
        for _ in range(count):
            calls[kind]()


@contextmanager
def traced(log: Path, kinds: list[str], fault: str = "") -> Iterator[None]:
    """strace on this process and its children, as long as this lasts."""
    options = ["-e", f"trace={','.join(kinds)}"]
    if fault:
        options += ["-e", f"inject={','.join(kinds)}:{fault}:when={STRIKES}"]
    argv = ["strace", "-f", "-o", os.fspath(log), *options, "-p", str(os.getpid())]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        told = strace.stderr.readline()
        assert "attached" in told, told
        yield
        strace.send_signal(signal.SIGINT)  # it lets go of us


def attempt(writer: str, home: str, before: Callable[[], None], acked: mmap.mmap) -> tuple[int, int]:
    """Do the work in a child; its pid and its exit code, negative for a signal."""
    acked[0] = 0
    pid = os.fork()
    if pid:
        return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        before()
        told = WRITERS[writer].act(Home(home), new_clock(), lambda: acked.__setitem__(0, acked[0] + 1))
        code = ENDS.index(End.TOLD if told else End.DONE)
    except (OSError, KillError):
        code = ENDS.index(End.RAISED)
    except BaseException:  # noqa: BLE001  (the child tells, and ends without pytest's or Python's help)
        traceback.print_exc()
        code = 99
    os._exit(code)


def counted(folder: Path, kinds: list[str], acked: mmap.mmap) -> dict[str, Counter[str]]:
    """How many calls of each kind every writer makes."""
    homes = {name: laid_out(folder, name, "counted") for name in WRITERS}
    with traced(folder / "counted.log", kinds):
        pids = {str(attempt(name, homes[name], lambda: None, acked)[0]): name for name in WRITERS}
    found = {name: Counter[str]() for name in WRITERS}
    for pid, kind in re.findall(r"^(\d+) +(\w+)\(", (folder / "counted.log").read_text(), flags=re.MULTILINE):
        if pid in pids:
            found[pids[pid]][kind] += 1
    return found


def laid_out(folder: Path, name: str, attempt_name: str) -> str:
    """A home as `name` finds it."""
    template, home = folder / "templates" / name / "home", folder / attempt_name / name / "home"
    home.parent.mkdir(parents=True)
    if not template.parent.is_dir():
        template.parent.mkdir(parents=True)
        WRITERS[name].prepare(Home(template), new_clock())
    if template.is_dir():
        shutil.copytree(template, home)
    return os.fspath(home)


def main(folder: Path, fault: str, kinds: list[str]) -> list[Attempt]:
    """Every attempt; the last of each kind finds its call never struck."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
    acked = mmap.mmap(-1, 1)
    calls = Calls(folder)
    planned = [
        Attempt(name, kind, number, laid_out(folder, name, f"{kind}-{number}"))
        for name, counts in counted(folder, kinds, acked).items()
        for kind in kinds
        for number in range(1, counts[kind] + 2)
        if counts[kind]
    ]
    done: list[tuple[int, int, int]] = []
    with traced(folder / "struck.log", kinds, "signal=KILL" if fault == KILL else f"error={fault}"):
        for each in planned:
            burn = STRIKES - each.number
            pid, code = attempt(each.writer, each.home, lambda: calls.make(each.kind, burn), acked)  # noqa: B023
            done.append((pid, code, acked[0]))
    log = (folder / "struck.log").read_text()
    struck = set(re.findall(r"^(\d+) .*(?:\(INJECTED\)|\+\+\+ killed by SIGKILL)", log, flags=re.MULTILINE))
    return [
        Attempt(each.writer, each.kind, each.number, each.home, acks, _end(code), str(pid) in struck)
        for each, (pid, code, acks) in zip(planned, done, strict=True)
    ]


def _end(code: int) -> str:
    return (
        End.KILLED.value if code == -signal.SIGKILL else ENDS[code].value if 0 <= code < len(ENDS) else f"exit {code}"
    )


if __name__ == "__main__":
    print(json.dumps([asdict(each) for each in main(Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(","))]))
