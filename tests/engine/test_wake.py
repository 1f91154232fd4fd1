"""An inotify descriptor on the loop: quick, and at rest when its folder is gone."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.wake import FolderWake


def queue_length() -> int:
    """Events that the kernel keeps for one descriptor."""
    return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


class Woken:
    def __init__(self) -> None:
        self.times: list[frozenset[str]] = []

    def __call__(self, names: frozenset[str]) -> None:
        self.times.append(names)

    @property
    def names(self) -> set[str]:
        return {name for names in self.times for name in names}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    (made / "old").touch()
    return made


@pytest.fixture
async def woken(folder: Path) -> AsyncIterator[Woken]:
    heard = Woken()
    wake = FolderWake(folder, heard)
    wake.start()
    yield heard
    wake.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "kill_switch").touch(),
        lambda folder: (folder / "kill_switch").mkdir(),
        lambda folder: (folder / "kill_switch").symlink_to("/nowhere"),
        lambda folder: (folder / "old").rename(folder / "kill_switch"),
    ],
    ids=["touch", "mkdir", "symlink", "rename"],
)
async def test_a_sentinel_that_appears_in_any_way_wakes(woken: Woken, folder: Path, until: Any, change: Any) -> None:
    change(folder)
    await until(lambda: "kill_switch" in woken.names)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "old").unlink(),
        lambda folder: (folder / "old").rename(folder.parent / "elsewhere"),
        lambda folder: (folder / "old").write_text("new"),
        lambda folder: (folder / "old").chmod(0o600),
    ],
    ids=["delete", "move away", "write", "chmod"],
)
async def test_what_goes_or_changes_wakes_too(woken: Woken, folder: Path, until: Any, change: Any) -> None:
    change(folder)
    await until(lambda: "old" in woken.names)


async def test_a_folder_that_is_deleted_wakes_to_look_at_everything_and_then_rests(
    woken: Woken, folder: Path, until: Any
) -> None:
    shutil.rmtree(folder)
    await until(lambda: frozenset() in woken.times)
    times = len(woken.times)
    await asyncio.sleep(0.05)
    assert len(woken.times) == times


async def test_a_folder_that_is_moved_wakes_and_then_rests(woken: Woken, folder: Path, until: Any) -> None:
    os.rename(folder, f"{folder}-moved")
    await until(lambda: woken.times)
    times = len(woken.times)
    await asyncio.sleep(0.05)
    assert len(woken.times) == times


async def test_a_folder_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        FolderWake(tmp_path / "none", Woken())


async def test_a_closed_wake_wakes_nobody(folder: Path) -> None:
    heard = Woken()
    wake = FolderWake(folder, heard)
    wake.start()
    wake.close()
    (folder / "kill_switch").touch()
    await asyncio.sleep(0.01)
    assert heard.times == []


async def test_each_name_of_a_burst_longer_than_one_read_is_told(woken: Woken, folder: Path, until: Any) -> None:
    names = {f"{number:03d}-{'n' * 200}-é" for number in range(400)}
    for name in names:
        (folder / name).touch()
    await until(lambda: names <= woken.names)


async def test_events_the_kernel_dropped_wake_to_look_at_everything(folder: Path) -> None:
    heard = Woken()
    wake = FolderWake(folder, heard)
    queued = queue_length()
    for number in range(queued):  # two events and more each; the same twice in a row would be told once
        (folder / f"{number % 2}").touch()
    wake.start()
    while frozenset() not in heard.times:
        await asyncio.sleep(0)
    wake.close()
