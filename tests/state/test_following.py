"""D-09: following a journal that is rotated, truncated, replaced or moved away: no line is lost or comes twice."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from state.following import LONGEST_LINE, Follower


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def rotate(path: Path) -> None:
    """As logrotate does: NAME.1 becomes NAME.2 and so on, then NAME becomes NAME.1."""
    for number in range(40, 0, -1):
        old = path.with_name(f"{path.name}.{number}")
        if old.exists():
            old.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def everything(follower: Follower) -> list[bytes]:
    found: list[bytes] = []
    while True:
        batch = follower.poll()
        found += batch.lines
        if not batch.more:
            return found


def test_only_what_comes_after_the_end_is_handed_over(path: Path) -> None:
    append(path, b"old\n")
    follower = Follower(path)
    append(path, b"new\n")
    assert everything(follower) == [b"new"]
    assert everything(follower) == []


def test_from_the_start_when_asked(path: Path) -> None:
    append(path, b"1\n2\n")
    assert everything(Follower(path, 0)) == [b"1", b"2"]


def test_a_line_is_waited_for_until_it_is_whole(path: Path) -> None:
    follower = Follower(path, 0)
    append(path, b'{"half"')
    assert everything(follower) == []
    append(path, b":1}\n")
    assert everything(follower) == [b'{"half":1}']


def test_a_line_half_there_at_the_start_is_handed_over_whole(path: Path) -> None:
    append(path, b"old\nha")
    follower = Follower(path)
    append(path, b"lf\n")
    assert everything(follower) == [b"half"]


def test_a_file_that_does_not_exist_yet_is_waited_for(path: Path) -> None:
    follower = Follower(path)
    assert follower.poll().missing
    append(path, b"first\n")
    batch = follower.poll()
    assert (batch.lines, batch.missing) == ([b"first"], False)


def test_a_rotated_file_is_read_to_its_end_first(path: Path) -> None:
    append(path, b"1\n")
    follower = Follower(path, 0)
    assert everything(follower) == [b"1"]
    append(path, b"2\n")
    path.rename(path.with_name("run.jsonl.1"))
    append(path, b"3\n")
    batch = follower.poll()
    assert batch.rotated
    assert batch.lines + everything(follower) == [b"2", b"3"]


def test_while_there_is_no_new_file_the_old_one_is_followed(path: Path) -> None:
    append(path, b"1\n")
    follower = Follower(path, 0)
    path.rename(path.with_name("run.jsonl.1"))
    append(path.with_name("run.jsonl.1"), b"2\n")
    batch = follower.poll()
    assert batch.lines == [b"1", b"2"]
    assert batch.missing


def test_a_line_that_a_late_writer_puts_into_the_old_file_is_not_lost(path: Path) -> None:
    append(path, b"1\n")
    follower = Follower(path, 0)
    with path.open("ab", buffering=0) as late:
        path.rename(path.with_name("run.jsonl.1"))
        append(path, b"3\n")
        assert everything(follower) == [b"1", b"3"]
        late.write(b"2, late\n")
    assert everything(follower) == [b"2, late"]


def test_several_rotations_between_two_polls_lose_nothing(path: Path) -> None:
    append(path, b"1\n")
    follower = Follower(path, 0)
    assert everything(follower) == [b"1"]
    for number in (2, 3, 4):
        rotate(path)
        append(path, b"%d\n" % number)
    assert everything(follower) == [b"2", b"3", b"4"]


def test_a_truncated_file_is_read_from_its_start(path: Path) -> None:
    append(path, b"1\n2\n")
    follower = Follower(path, 0)
    assert len(everything(follower)) == 2
    os.truncate(path, 0)
    append(path, b"3\n")
    batch = follower.poll()
    assert (batch.truncated, batch.lines) == (True, [b"3"])


def test_a_file_cut_and_grown_again_past_our_place_is_noticed(path: Path) -> None:
    append(path, b"1\n2\n")
    follower = Follower(path, 0)
    assert len(everything(follower)) == 2
    os.truncate(path, 0)
    append(path, b"another first line\nanother second line\n")
    batch = follower.poll()
    assert (batch.truncated, len(batch.lines)) == (True, 2)


def test_a_file_put_over_ours_is_replaced(path: Path, tmp_path: Path) -> None:
    append(path, b"1\n")
    follower = Follower(path, 0)
    assert everything(follower) == [b"1"]
    other = tmp_path / "other"
    append(other, b"a\nb\n")
    other.rename(path)
    batch = follower.poll()
    assert batch.replaced
    assert batch.lines + everything(follower) == [b"a", b"b"]


def test_a_deleted_file_is_missing_until_it_comes_back(path: Path) -> None:
    append(path, b"1\n")
    follower = Follower(path, 0)
    assert everything(follower) == [b"1"]
    path.unlink()
    assert follower.poll().missing
    append(path, b"2\n")
    assert everything(follower) == [b"2"]


def test_resuming_by_offset_and_inode(path: Path) -> None:
    append(path, b"1\n2\n")
    first = Follower(path, 0)
    batch = first.poll()
    append(path, b"3\n")
    assert everything(Follower(path, batch.offset, batch.inode)) == [b"3"]


def test_resuming_after_rotations_finds_the_old_file_by_its_inode(path: Path) -> None:
    append(path, b"1\n")
    batch = Follower(path, 0).poll()
    append(path, b"2\n")
    path.rename(path.with_name("run.jsonl.1"))
    append(path, b"3\n")
    path.with_name("run.jsonl.1").rename(path.with_name("run.jsonl.2"))
    path.rename(path.with_name("run.jsonl.1"))
    append(path, b"4\n")
    assert everything(Follower(path, batch.offset, batch.inode)) == [b"2", b"3", b"4"]


def test_resuming_in_a_file_that_is_another_one_now(path: Path) -> None:
    append(path, b"1\n2\n")
    batch = Follower(path, 0).poll()
    inode = batch.inode
    assert inode is not None
    resumed = Follower(path, batch.offset, inode + 1_000_000)
    again = resumed.poll()
    assert (again.replaced, again.lines) == (True, [b"1", b"2"])


def test_memory_is_bounded_by_max_bytes(path: Path) -> None:
    append(path, b"".join(b"%06d\n" % number for number in range(10_000)))
    follower = Follower(path, 0)
    batch = follower.poll(max_bytes=700)
    assert (len(batch.lines), batch.more) == (100, True)
    assert len(everything(follower)) == 9_900


def test_d10_a_wide_line_comes_whole_although_it_exceeds_max_bytes(path: Path) -> None:
    append(path, b"x" * 1_000_000 + b"\nnext\n")
    follower = Follower(path, 0)
    found = []
    while batch := follower.poll(max_bytes=4096):
        found += batch.lines
        if not batch.more:
            break
    assert [len(line) for line in found] == [1_000_000, 4]


def test_d10_what_never_ends_is_skipped_and_counted(path: Path) -> None:
    append(path, b"before\n" + b"\0" * (LONGEST_LINE + 5_000_000) + b"\nafter\n")
    follower = Follower(path, 0)
    found, skipped = [], 0
    while True:
        batch = follower.poll()
        found += batch.lines
        skipped += batch.skipped
        if not batch.more:
            break
    assert found == [b"before", b"after"]
    assert skipped == LONGEST_LINE + 5_000_001


def test_d10_a_burst_of_a_million_lines_is_handed_over_piece_by_piece(path: Path) -> None:
    append(path, b"".join(b"%d\n" % number for number in range(1_000_000)))
    follower, number = Follower(path, 0), 0
    tracemalloc.start()
    while (batch := follower.poll()).lines:
        assert batch.lines == [b"%d" % each for each in range(number, number + len(batch.lines))]
        number += len(batch.lines)
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()
    assert number == 1_000_000


def test_a_shared_journals_empty_lines_are_no_lines(path: Path) -> None:
    append(path, b"1\n\n2\n")
    assert everything(Follower(path, 0)) == [b"1", b"2"]


def test_writers_racing_a_follower_through_rotations(path: Path) -> None:
    """Two writers append 3,000 lines each, in three rotations; every line arrives once, each writer's in order."""
    follower = Follower(path, 0)
    found: list[bytes] = []
    gate = threading.Barrier(2)

    def write(name: int) -> None:
        gate.wait()
        for number in range(3_000):
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(fd, b"%d %d\n" % (name, number))
            os.close(fd)

    writers = [threading.Thread(target=write, args=(name,)) for name in (0, 1)]
    for writer in writers:
        writer.start()
    rotations = 0
    while any(writer.is_alive() for writer in writers):
        found += follower.poll().lines
        if rotations < 3 and len(found) > 1_500 * (rotations + 1) and path.exists():
            rotations += 1
            rotate(path)
    for _ in range(10):
        found += everything(follower)
    for name in (0, 1):
        mine = [int(line.split()[1]) for line in found if line.startswith(b"%d " % name)]
        assert sorted(mine) == list(range(3_000))


class Following(RuleBasedStateMachine):
    """Any order of appends, torn appends, rotations and polls: every whole line once, in order."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "run.jsonl"
        self.path.touch()  # what nobody had opened before it was rotated away belongs to the past
        self.follower = Follower(self.path, 0)
        self.count = 0
        self.half = False
        self.found: list[bytes] = []

    @rule(times=st.integers(1, 5))
    def add_lines(self, times: int) -> None:
        for _ in range(times):
            append(self.path, (b" end\n" if self.half else b"%d\n" % self.count))
            self.count += 0 if self.half else 1
            self.half = False

    @precondition(lambda self: not self.half)
    @rule()
    def add_half(self) -> None:
        append(self.path, b"%d" % self.count)
        self.count += 1
        self.half = True

    @precondition(lambda self: not self.half and self.path.exists())
    @rule()
    def rotate(self) -> None:
        rotate(self.path)

    @rule(max_bytes=st.integers(1, 20))
    def poll(self, max_bytes: int) -> None:
        self.found += self.follower.poll(max_bytes).lines

    @rule()
    def resume(self) -> None:
        batch = self.follower.poll()
        self.found += batch.lines
        if batch.inode is not None and not batch.more:
            self.follower.close()
            self.follower = Follower(self.path, batch.offset, batch.inode)

    @invariant()
    def in_order_and_once(self) -> None:
        numbers = [int(line.split()[0]) for line in self.found]
        assert numbers == list(range(len(numbers)))

    def teardown(self) -> None:
        for _ in range(200):
            batch = self.follower.poll()
            self.found += batch.lines
            if not batch.more:
                break
        self.follower.close()
        self.folder.cleanup()
        assert len(self.found) == self.count - self.half


TestFollowing: Any = Following.TestCase
TestFollowing.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
