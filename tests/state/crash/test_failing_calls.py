"""D-02, D-03, D-05: the N-th system call of every writer fails, or kills it, for every N until a run goes through.

What was acknowledged holds, nothing is torn, a kill stands or says why not, and nothing is armed by half; whoever comes
next goes on from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from state.home import Home
from tests.state.crash.faults import KILL, Attempt
from tests.state.crash.writer import End, Found, new_clock
from tests.state.crash.writers import WRITERS

PROJECT = Path(__file__).parents[3]
NAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir")
ALL = ("openat", "write", "fsync", "close", "ftruncate", *NAMES)
CAN_FAIL_WITH = {
    "EIO": ALL,
    "ENOSPC": ("openat", "write", "fsync", "close", *NAMES),
    "EDQUOT": ("openat", "write", "fsync", "close", "rename", "renameat", "renameat2", "mkdir"),
    "EROFS": ("openat", *NAMES),
    "EINTR": ("openat", "write", "fsync", "close"),
}
GOES_ON_WITHOUT_ITS_LINE = {"taking the start back", "touch that is observed", "clear"}
"""The line that tells of a disarming, or of a touch that was found: a journal in trouble keeps nobody from those."""


def attempts(fault: str, kinds: tuple[str, ...], folder: Path) -> list[Attempt]:
    """What came of every writer with each of its calls struck once."""
    argv = [sys.executable, "-m", "tests.state.crash.faults", os.fspath(folder), fault, ",".join(kinds)]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return [Attempt(**each) for each in json.loads(done.stdout)]


def look_at(each: Attempt) -> None:
    """The writer's own check, an hour of its clock later; and the last attempt, which nothing struck, went well."""
    last_of_its_kind = not each.struck
    clock = new_clock()
    clock.advance(60)
    try:
        end = End(each.end)
        WRITERS[each.writer].check(Found(Home(each.home), clock, each.acked, end))
        assert not last_of_its_kind or end is End.DONE
    except (AssertionError, ValueError) as error:
        error.add_note(repr(each))
        raise


def everything_was_struck(found: list[Attempt]) -> None:
    """Each call once, and then a run that goes through."""
    by_kind: dict[tuple[str, str], list[bool]] = {}
    for each in found:
        by_kind.setdefault((each.writer, each.kind), []).append(each.struck)
    assert {writer for writer, _ in by_kind} == set(WRITERS)
    assert all(struck == [True] * (len(struck) - 1) + [False] for struck in by_kind.values())


@pytest.mark.parametrize("fault", CAN_FAIL_WITH)
def test_d02_whichever_call_fails_nothing_is_torn_and_nothing_acknowledged_is_lost(
    fault: str, tmp_path: Path, strace: str
) -> None:
    found = attempts(fault, CAN_FAIL_WITH[fault], tmp_path)
    everything_was_struck(found)
    for each in found:
        look_at(each)


def test_d03_killed_at_any_call_nothing_is_torn_and_nothing_acknowledged_is_lost(tmp_path: Path, strace: str) -> None:
    found = attempts(KILL, ALL, tmp_path)
    everything_was_struck(found)
    assert {each.end for each in found if each.struck} == {End.KILLED.value}
    for each in found:
        look_at(each)


def test_d05_a_failed_fsync_is_never_silent(tmp_path: Path, strace: str) -> None:
    """Nothing that waits for the disk is acknowledged once the disk has refused; the next writer finds a good file."""
    found = attempts("EIO", ("fsync",), tmp_path)
    for each in found:
        look_at(each)
        silent = each.struck and End(each.end) is End.DONE
        assert not silent or each.writer in GOES_ON_WITHOUT_ITS_LINE, each
