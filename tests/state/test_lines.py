"""The last lines of a file of any size, found from its end."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.lines import last_lines, lines_before, piece_before, read_all

LINE = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\n", b"?"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines") / "journal.jsonl"


@given(
    lines=st.lists(LINE, max_size=30),
    torn=st.one_of(st.just(b""), LINE),
    count=st.integers(0, 35),
    block=st.integers(1, 64),
)
def test_the_last_lines_are_those_of_a_plain_split(
    file: Path, lines: list[bytes], torn: bytes, count: int, block: int
) -> None:
    file.write_bytes(b"".join(line + b"\n" for line in lines) + torn)
    assert last_lines(file, count, block=block) == (lines[-count:] if count else [])
    assert list(read_all(file)) == lines


@given(lines=st.lists(LINE, min_size=1, max_size=30), block=st.integers(1, 64), page=st.integers(1, 7))
def test_paging_backwards_visits_every_line_once(file: Path, lines: list[bytes], block: int, page: int) -> None:
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    found: list[bytes] = []
    end = None
    while end != 0:
        shown = lines_before(file, page, end, block=block)
        assert file.read_bytes()[shown.start : shown.end] == b"".join(line + b"\n" for line in shown.lines)
        found = shown.lines + found
        end = shown.start
    assert found == lines


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none", 10) == []
    assert list(read_all(tmp_path / "none")) == []


def test_d10_the_end_of_a_huge_file_costs_a_few_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse gigabyte of NULs before the lines: whoever read it from its start would hold it all."""
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as out:
        out.seek(1_000_000_000)
        out.write(b"\n" + b"".join(b'{"n":%d}\n' % number for number in range(10_000)))
    read: list[int] = []
    import os

    pread = os.pread
    monkeypatch.setattr("state.lines.os.pread", lambda fd, size, at: read.append(size) or pread(fd, size, at))
    found = last_lines(path, 50)
    assert found[0] == b'{"n":9950}'
    assert found[-1] == b'{"n":9999}'
    assert sum(read) <= 2 * 64 * 1024


def test_d10_a_line_of_a_megabyte_with_nul_and_invalid_utf8_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "wide.jsonl"
    wide = b"\0\xff\x1b" * 350_000
    path.write_bytes(b"first\n" + wide + b"\nlast\n")
    assert last_lines(path, 2) == [wide, b"last"]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_pieces_backwards_hold_every_line_once_and_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "j.jsonl"
    lines = [b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * (n * 13 % 90)) for n in range(50)]
    path.write_bytes(b"".join(lines) + b'{"torn')
    end, found = len(b"".join(lines)), b""
    while end > 0:
        piece = piece_before(path, size, end)
        assert piece.end == end and piece.data.endswith(b"\n")
        end, found = piece.start, piece.data + found
    assert found == b"".join(lines)


@pytest.fixture
def hollow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lines with a gap of a gigabyte between them, as a power cut or a wrong `truncate` leaves it."""
    monkeypatch.setattr("state.lines.LONGEST_LINE", 100_000)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"one\ntwo\n")
    with path.open("r+b") as file:
        file.truncate(1_000_000_000)
        file.seek(0, 2)
        file.write(b"\nthree\nfour\n")
    return path


@pytest.mark.timeout(20)
def test_a_gap_without_a_line_is_never_loaded_as_one(hollow: Path) -> None:
    tracemalloc.start()
    assert last_lines(hollow, 5) == [b"three", b"four"]
    assert lines_before(hollow, 5, end=900_000_000).lines == []
    piece = piece_before(hollow, 4_096, hollow.stat().st_size - len(b"three\nfour\n"))
    while piece.start > 999_000_000:
        piece = piece_before(hollow, 4_096, piece.start)
        assert not piece.data.strip(b"\0")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.timeout(20)
def test_a_gap_read_from_the_start_is_told_by_its_beginning_alone(hollow: Path) -> None:
    """Nobody may take it for absent: what it held, if anything, is unreadable."""
    tracemalloc.start()
    first, second, gap, *rest = read_all(hollow)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert (first, second, rest) == (b"one", b"two", [b"three", b"four"])
    assert gap and not gap.strip(b"\0")


@pytest.mark.timeout(20)
def test_a_gap_at_the_end_is_no_line(hollow: Path) -> None:
    with hollow.open("r+b") as file:
        file.truncate(900_000_000)
    assert list(read_all(hollow)) == [b"one", b"two"]


@pytest.mark.parametrize("longer", [-1, 0, 1], ids=["shorter", "as long", "longer"])
def test_a_line_as_long_as_one_may_be_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longer: int
) -> None:
    monkeypatch.setattr("state.lines.LONGEST_LINE", 200_000)
    path = tmp_path / "journal.jsonl"
    line = b"x" * (200_000 - len(b"\n") + longer)
    path.write_bytes(b"before\n" + line + b"\nafter\n")
    before, found, after = read_all(path)
    assert (before, after) == (b"before", b"after")
    assert found == line if longer <= 0 else line.startswith(found)
