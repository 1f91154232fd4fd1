"""D-01, K-17: the power is cut at any point of any writer, and the disk lost whatever it may lose.

Each writer runs once under strace; every state that POSIX allows after each of its calls is laid out and looked at by
the real readers. Old or new and never torn; what was acknowledged as durable is there; an acknowledged kill stands.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from state.home import Home
from tests.state.crash.power_cut import Disk, Image, lay_out
from tests.state.crash.tracing import Call, trace
from tests.state.crash.writer import End, Found, Writer, new_clock
from tests.state.crash.writers import ACKNOWLEDGED, BEGIN, FILE_WRITERS, KILL_WRITERS, WRITERS

PROJECT = Path(__file__).parents[3]


def traced(name: str, base: Path) -> tuple[Disk, list[Call]]:
    """The disk as `name` found it, and the calls it then made."""
    base.mkdir()
    home = Home(base / "home")
    WRITERS[name].prepare(home, new_clock())
    disk = Disk(base)
    argv = [sys.executable, "-m", "tests.state.crash.writers", os.fspath(home.root), name]
    calls = trace(argv, base.parent / "strace.log", PROJECT)
    start = next(at for at, call in enumerate(calls) if _says(call, BEGIN))
    return disk, calls[start + 1 :]


def _says(call: Call, word: bytes) -> bool:
    return call.name == "write" and call.descriptor(0) == 1 and call.text(1) == word


def cuts(disk: Disk, calls: list[Call]) -> dict[tuple[int, Image], str]:
    """Every state after a cut, with the acknowledgements given by then, and where it came from."""
    found = {(0, image): "before the first call" for image in disk.images()}
    acked = 0
    for number, call in enumerate(calls):
        acknowledged = _says(call, ACKNOWLEDGED)
        acked += acknowledged
        if disk.apply(call) or acknowledged:
            for image in disk.images():
                found.setdefault((acked, image), f"after call {number}: {call.name}{call.arguments}"[:500])
    return found


def look_at_all(writer: Writer, disk: Disk, calls: list[Call], folder: Path) -> int:
    """Lay out every state and look; how many there were."""
    states = cuts(disk, calls)
    for number, ((acked, image), origin) in enumerate(states.items()):
        place = folder / str(number)
        lay_out(image, place)
        clock = new_clock()
        clock.advance(60)
        try:
            writer.check(Found(Home(place / "home"), clock, acked, End.POWER_CUT))
        except AssertionError as error:
            error.add_note(f"{acked} acknowledged, cut {origin}\non disk: {image!r}")
            raise
        shutil.rmtree(place)
    return len(states)


@pytest.mark.parametrize("name", FILE_WRITERS)
def test_d01_after_a_power_cut_a_file_is_old_or_new_and_what_was_acknowledged_is_there(
    name: str, tmp_path: Path, strace: str
) -> None:
    disk, calls = traced(name, tmp_path / "traced")
    assert look_at_all(WRITERS[name], disk, calls, tmp_path) > 8


@pytest.mark.parametrize("name", KILL_WRITERS)
def test_k17_after_a_power_cut_an_acknowledged_kill_stands_and_nothing_is_armed_by_half(
    name: str, tmp_path: Path, strace: str
) -> None:
    disk, calls = traced(name, tmp_path / "traced")
    assert look_at_all(WRITERS[name], disk, calls, tmp_path) > 4
