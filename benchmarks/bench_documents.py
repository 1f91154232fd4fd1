"""Reading a document again: unchanged against one `os.stat`, changed against `orjson.loads` of its bytes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson

from benchmarks.claim import Claim
from benchmarks.samples import book, heartbeat, put
from benchmarks.timing import per_call
from state.clock import SystemClock
from state.document import DocumentReader
from state.home import Document, Home
from state.models import DocumentModel

READS = 2_000
ROUNDS = 15
YEAR_S = 365 * 86_400


def claims() -> Iterator[Claim]:
    """The smallest document of every cycle, and the largest."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.create()
        yield from _claims(home, Home.heartbeat, heartbeat(), "heartbeat")
        yield from _claims(home, Home.positions, book(), "40 positions")


def _claims(home: Home, entry: Document, value: DocumentModel, name: str) -> Iterator[Claim]:
    put(home, entry, value)
    path = os.fspath(home.path(entry))
    raw = home.path(entry).read_bytes()
    size = f"{name}, {len(raw) / 1000:.1f} kB"
    reader = DocumentReader(home, entry, type(value), SystemClock())
    stat = per_call(partial(os.stat, path), READS)
    os.utime(path, (1, 1))  # long ago: nothing that could change within a tick of its mtime
    yield Claim(f"read unchanged ({size})", "os.stat", 2.0, per_call(reader.read, READS), stat, rounds=ROUNDS)
    ahead = os.stat(path).st_atime + YEAR_S * 100  # an mtime that never comes to rest is read again each time
    os.utime(path, (ahead, ahead))
    parse = per_call(partial(orjson.loads, raw), READS)
    yield Claim(f"read changed ({size})", "orjson.loads", 6.0, per_call(reader.read, READS), parse, rounds=ROUNDS)
