"""The model of a power cut finds what careless writers may lose, and finds nothing wrong with a careful one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.state.crash.power_cut import Disk, Image
from tests.state.crash.tracing import trace

REPLACE = """
import os, sys
FILE, NEW = sys.argv[1] + "/file", sys.argv[1] + "/new"
def put(name, flags, *, sync):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | flags)
    os.write(fd, b"new value")
    sync and os.fsync(fd)
    os.close(fd)
def folder(): os.fsync(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY))
"""
CARELESS = {
    "cut and written again": ("put(FILE, os.O_TRUNC, sync=False)", {"torn", "lost"}),
    "cut and written again, synced": ("put(FILE, os.O_TRUNC, sync=True); folder()", {"torn"}),
    "renamed without any sync": ("put(NEW, 0, sync=False); os.rename(NEW, FILE)", {"torn", "lost"}),
    "renamed without a sync of the file": (
        "put(NEW, 0, sync=False); os.rename(NEW, FILE); folder()",
        {"torn", "lost"},
    ),
    "renamed without a sync of the folder": ("put(NEW, 0, sync=True); os.rename(NEW, FILE)", {"lost"}),
    "synced, renamed, synced": ("put(NEW, 0, sync=True); os.rename(NEW, FILE); folder()", set()),
}


def found(code: str, folder: Path, log: Path) -> tuple[list[Image], list[Image]]:
    """Every state at any time, and those that are possible at the end."""
    disk = Disk(folder)
    states = disk.images()
    for call in trace([sys.executable, "-c", REPLACE + code, os.fspath(folder)], log, folder):
        if disk.apply(call):
            states += disk.images()
    return states, disk.images()


def content(image: Image) -> object:
    assert not isinstance(image, bytes)
    return dict(image).get("file")


@pytest.mark.parametrize("name", CARELESS)
def test_what_a_writer_may_lose_is_found(name: str, tmp_path: Path, strace: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"old value")
    code, wrong = CARELESS[name]
    states, at_the_end = found(code, folder, tmp_path / "log")
    torn = any(content(image) not in (b"old value", b"new value") for image in states)
    lost = any(content(image) != b"new value" for image in at_the_end)
    assert {word for word, true in (("torn", torn), ("lost", lost)) if true} == wrong


def test_appended_bytes_may_be_missing_torn_zero_or_out_of_order(tmp_path: Path, strace: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"old\n")
    append = """
fd = os.open(FILE, os.O_WRONLY | os.O_APPEND)
os.write(fd, b"one\\n")
os.write(fd, b"two\\n")
"""
    _, at_the_end = found(append, folder, tmp_path / "log")
    assert {content(image) for image in at_the_end} >= {
        *(b"old\n", b"old\no", b"old\non", b"old\none\n", b"old\none\ntw", b"old\none\ntwo\n"),
        *(b"old\n" + bytes(4), b"old\n" + bytes(8), b"old\n" + bytes(4) + b"two\n"),
    }


def test_a_name_that_is_not_synced_may_be_gone(tmp_path: Path, strace: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    _, touched = found("os.close(os.open(FILE, os.O_CREAT))", folder, tmp_path / "log")
    assert [content(image) for image in touched] == [None, b""]
