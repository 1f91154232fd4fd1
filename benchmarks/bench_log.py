"""The console's model of a large journal: its last page, and a filter over all of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson

from benchmarks.claim import Claim
from benchmarks.samples import write_journal
from benchmarks.timing import per_call
from console.matching import Matcher
from console.tail import JournalTail

LARGE, FILTERED = 1_000_000_000, 500_000_000
TAIL = 64 * 1024
PAGES = 20


def claims() -> Iterator[Claim]:
    """1 GB for the last page, 500 MB for the filter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        write_journal(path, LARGE)
        last = per_call(partial(_last_page, path), PAGES)
        seek = per_call(partial(_seek, path), PAGES)
        yield Claim("last page of a 1 GB journal", "seek 64 KB from the end + orjson", 2.0, last, seek, rounds=15)
        os.truncate(path, FILTERED)
        for text in ("ticker=b99.5", "claims", "severity=error shadow"):
            matcher = Matcher.parse(text)
            every = per_call(partial(_parse_all, path), 1)
            ours = per_call(partial(_filter, path, matcher), 1)
            yield Claim(f"filter a 500 MB journal by {text!r}", "orjson.loads per line", 1.0, ours, every, rounds=3)


def _last_page(path: Path) -> None:
    tail = JournalTail(path)
    for line in tail.window(len(tail.lines) - 50, 50):
        orjson.loads(line)
    tail.close()


def _seek(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(-TAIL, os.SEEK_END)
        for line in file.read().split(b"\n")[1:-1]:
            orjson.loads(line)


def _filter(path: Path, matcher: Matcher) -> None:
    tail = JournalTail(path, matcher)
    while not tail.complete:
        tail.older(10**9)
    tail.close()


def _parse_all(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                orjson.loads(line)
