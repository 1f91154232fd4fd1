"""The window on a journal, and what a filter lets through."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from console.matching import Matcher
from console.tail import JournalTail

LINE = json.dumps(
    {"event": "GATE_SHUT", "severity": "error", "ticker": "KXCPI-26NOV-T0.3", "message": "books Stale"}
).encode()


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True), ("books", True), ("BOOKS stale", True), ("books fresh", False), ("level=error", True),
        ("level=info", False),
        ("event=gate", True),
        ("event=stale", False), ("ticker=kxcpi", True), ("event=GATE_SHUT level=error t0.3", True),
        ("=", False), ("message=stale", True),
    ],
)  # fmt: skip
def test_a_filter(text: str, passes: bool) -> None:
    assert Matcher.parse(text).matches(LINE) is passes


def test_a_field_filter_passes_no_line_that_is_not_json() -> None:
    assert not Matcher.parse("level=error").matches(b"error: not json")
    assert not Matcher.parse("level=error").matches(b'["error"]')


def fill(path: Path, count: int, start: int = 0) -> None:
    with path.open("ab") as file:
        file.write(b"".join(b'{"n": %d}\n' % n for n in range(start, start + count)))


def test_the_newest_lines_come_first_and_older_ones_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    fill(path, 1000)
    tail = JournalTail(path, page=100)
    assert tail.lines[0] == b'{"n": 900}' and not tail.complete
    assert tail.older(150) == 200
    assert tail.lines[0] == b'{"n": 700}'
    assert tail.older(10_000, steps=100) == 700
    assert tail.complete and tail.lines[0] == b'{"n": 0}' and len(tail.lines) == 1000


def test_what_is_appended_comes_at_the_end_and_the_oldest_make_room(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    fill(path, 50)
    tail = JournalTail(path, page=100, kept=60)
    fill(path, 30, 50)
    assert tail.poll() == (30, 20)
    assert tail.lines[0] == b'{"n": 20}' and tail.lines[-1] == b'{"n": 79}'
    assert tail.older(5) == 20 and tail.lines[0] == b'{"n": 0}'


def test_a_line_is_shown_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"n": 0}\n{"n"')
    tail = JournalTail(path)
    assert tail.lines == [b'{"n": 0}']
    with path.open("ab") as file:
        file.write(b": 1}\n")
    tail.poll()
    assert tail.lines == [b'{"n": 0}', b'{"n": 1}']


def test_rotation_loses_no_line_and_reads_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    fill(path, 5)
    tail = JournalTail(path)
    fill(path, 5, 5)
    os.rename(path, tmp_path / "j.jsonl.1")
    fill(path, 5, 10)
    while tail.poll() != (0, 0):
        pass
    assert tail.lines == [b'{"n": %d}' % n for n in range(15)]
    assert tail.complete


def test_a_journal_that_appears_later_is_followed(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path / "j.jsonl")
    assert tail.lines == [] and tail.complete
    fill(tmp_path / "j.jsonl", 3)
    tail.poll()
    assert len(tail.lines) == 3


def test_a_filter_looks_back_until_it_found_enough(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    fill(path, 1000)
    tail = JournalTail(path, Matcher.parse("5}"), page=50, piece=50 * len(b'{"n": 999}\n'))
    found = len(tail.lines)
    assert found == 5
    assert tail.older(20) == 20
    assert tail.lines == [b'{"n": %d}' % n for n in range(755, 1000, 10)]


def test_search_goes_both_ways_and_ends_at_the_edges(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    fill(path, 100)
    tail = JournalTail(path)
    wanted = Matcher.parse("5}")
    assert tail.find(100, -1, wanted) == 95
    assert tail.find(95, -1, wanted) == 85
    assert tail.find(5, -1, wanted) is None
    assert tail.find(5, 1, wanted) == 15
    assert tail.find(95, 1, wanted) is None


@pytest.mark.parametrize("text", ["", "books", "BOOKS stale", "level=error", "level=info", "ticker=kxcpi gate", "none"])
def test_a_piece_is_filtered_as_its_lines_are(text: str) -> None:
    matcher = Matcher.parse(text)
    lines = [LINE, LINE.replace(b"error", b"info"), b"error: not json", LINE.upper()]
    expected = [line for line in lines if matcher.matches(line)]
    assert [line for line in matcher.choose(b"\n".join(lines) + b"\n") if line] == expected
