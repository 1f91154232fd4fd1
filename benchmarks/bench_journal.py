"""Appending a line to a journal, encoded and masked, against orjson and a bare write of the same record."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from benchmarks.claim import Claim
from benchmarks.samples import cycle, record
from benchmarks.timing import per_call
from state.home import Home
from state.journal import JournalWriter

LINES = 4_000
ROUNDS = 15
AGAINST = "orjson + os.write"


def claims() -> Iterator[Claim]:
    """Lines that repeat but for their numbers, lines of a model, and lines of words not seen before."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.create()
        bare = os.open(Path(folder) / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        journal = JournalWriter(home, Home.cycles)
        records = itertools.cycle([record(number) for number in range(1_000)])
        line = cycle(8041)
        like_it = line.model_dump(mode="json")
        words = (f"KX{number * 2_654_435_761 % 2**32:08X}".translate(LETTERS) for number in itertools.count())

        def write(data: object) -> None:
            os.write(bare, orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE))

        yield _claim("append a mapping", lambda: journal.append(next(records)), lambda: write(next(records)))
        yield _claim("append a model", lambda: journal.append(line), lambda: write(like_it))
        yield _claim(
            "append a mapping of new words",
            lambda: journal.append(record(1, next(words))),
            lambda: write(record(1, next(words))),
        )
        journal.close()
        os.close(bare)


LETTERS = str.maketrans("0123456789", "GHIJLMNOPQ")


def _claim(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Claim:
    return Claim(name, AGAINST, 4.0, per_call(ours, LINES), per_call(theirs, LINES), rounds=ROUNDS)
