"""Every call to the disk fails once, in turn: no file is ever half, nothing that was acknowledged is lost.

In-process relatives of D-02, D-03 and D-13: the N-th call raises, for every N until a run goes through.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from state.clock import SimulatedClock
from state.document import DocumentWriter, Outcome, read
from state.events import Emit
from state.home import Home
from state.journal import JournalWriter, read_all
from state.models.shadow import ShadowBook

CALLS = ("open", "write", "fsync", "replace", "fstat", "lstat", "ftruncate", "pread")


class Disk:
    """Counts calls and lets the N-th fail, before it does anything."""

    def __init__(self, fails_at: int, number: int) -> None:
        self.fails_at, self.number, self.calls = fails_at, number, 0

    def wrap(self, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self.fails_at:
                raise OSError(self.number, os.strerror(self.number))
            return real(*arguments, **options)

        return call


@contextmanager
def failing(fails_at: int, number: int) -> Iterator[Disk]:
    disk = Disk(fails_at, number)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, disk.wrap(getattr(os, name)))
        yield disk


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE])
def test_d02_a_document_is_the_old_or_the_new_one_whichever_call_fails(
    number: int, home: Home, clock: SimulatedClock, emit: Emit
) -> None:
    for fails_at in range(1, 100):
        raised = False
        writer = DocumentWriter(home, Home.positions, clock, emit, ShadowBook())
        writer.heal()
        writer.write(ShadowBook(fills=1))
        with failing(fails_at, number) as disk:
            try:
                writer.write(ShadowBook(fills=2))
            except OSError as error:
                assert error.errno == number
                raised = True
        value = read(home, Home.positions, ShadowBook, clock).value
        assert value is not None
        assert value.fills in ((1, 2) if raised else (2,))
        assert [name for name in os.listdir(home.state) if name.endswith(".tmp")] == []
        writer.write(ShadowBook(fills=3))
        again = read(home, Home.positions, ShadowBook, clock).value
        assert again is not None
        assert again.fills == 3
        if disk.calls < fails_at:
            break
    assert 5 <= fails_at < 99


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("entry", [Home.fills, Home.kills], ids=["single writer", "shared"])
def test_d02_an_acknowledged_line_is_there_and_every_line_is_whole_whichever_call_fails(
    entry: Any, number: int, home: Home
) -> None:
    for fails_at in range(1, 100):
        raised = False
        home.path(entry).write_bytes(b"")
        journal = JournalWriter(home, entry)
        journal.append({"n": 1})
        with failing(fails_at, number) as disk:
            try:
                journal.append({"n": 2})
            except OSError as error:
                assert error.errno == number
                raised = True
        journal.append({"n": 3})
        found = [json.loads(line)["n"] for line in read_all(home.path(entry))]
        assert found in ([1, 2, 3], [1, 3])
        assert raised or found == [1, 2, 3]
        if disk.calls < fails_at:
            break
    assert 3 <= fails_at < 99


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE])
@pytest.mark.parametrize("call", ["open", "fstat", "read"])
def test_d13_a_reader_names_the_errno_and_never_says_missing(
    number: int, call: str, home: Home, clock: SimulatedClock, emit: Emit, monkeypatch: pytest.MonkeyPatch
) -> None:
    DocumentWriter(home, Home.positions, clock, emit, ShadowBook()).heal()

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    reading = read(home, Home.positions, ShadowBook, clock)
    monkeypatch.undo()
    assert reading.outcome is Outcome.CORRUPT
    assert errno.errorcode[number] in reading.reason
