"""K-02, K-06 (by rename), K-08: presence in any form is a kill, and so is any doubt about its absence."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from state import kill, sentinel
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold

FORMS: dict[str, Callable[[Path], object]] = {
    "empty file": Path.touch,
    "file without permissions": lambda path: path.touch(mode=0),
    "folder": Path.mkdir,
    "fifo": os.mkfifo,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a folder": lambda path: path.symlink_to("/"),
}


@pytest.fixture(params=[*FORMS, "socket"])
def placed(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = home.state / sentinel.NAME
    if request.param == "socket":
        monkeypatch.chdir(home.state)  # a socket's address is short
        socket.socket(socket.AF_UNIX).bind(sentinel.NAME)
    else:
        FORMS[request.param](path)
    return path


def test_k02_anything_called_kill_switch_is_a_kill(placed: Path, home: Home, anchor: sentinel.Anchor) -> None:
    look = anchor.look()

    assert (look.engaged, look.reason) == (True, "kill switch is on")
    assert look.kill_id == sentinel.look(home).kill_id


def test_k02_a_kill_that_meets_a_sentinel_of_any_form_leaves_it_and_is_told(
    placed: Path, home: Home, clock: SimulatedClock
) -> None:
    before = os.lstat(placed)

    done = kill.engage(home, clock, why="again", via="test")

    assert (done.already, done.unsynced) == (True, "")
    assert os.path.samestat(before, os.lstat(placed))
    assert fold(home, clock).why == "again"


def test_k02_a_sentinel_of_any_form_can_be_cleared(placed: Path, home: Home, clock: SimulatedClock) -> None:
    assert kill.clear(home, clock, reason="test") == []
    assert not sentinel.look(home).engaged
    assert kill.engage(home, clock, why="", via="test").already is False


def test_an_empty_state_folder_is_no_kill(anchor: sentinel.Anchor) -> None:
    look = anchor.look()

    assert (look.engaged, look.reason, look.kill_id) == (False, "", None)


def test_a_home_that_is_not_there_is_engaged(tmp_path: Path) -> None:
    look = sentinel.look(Home(tmp_path / "nowhere"))

    assert look.engaged
    assert look.reason.startswith("no home: ")
    assert "ENOENT" in look.reason


@pytest.mark.parametrize(
    ("form", "errno_name"), [(Path.touch, "ENOTDIR"), (lambda path: path.symlink_to("state"), "ELOOP")]
)
def test_a_state_folder_that_is_none_is_engaged(tmp_path: Path, form: Callable[[Path], None], errno_name: str) -> None:
    form(tmp_path / "state")

    look = sentinel.look(Home(tmp_path))

    assert look.engaged
    assert errno_name in look.reason


def test_a_home_whose_name_no_folder_can_have_is_engaged() -> None:
    look = sentinel.look(Home("/tmp/a\0b"))

    assert look.engaged
    assert "ValueError" in look.reason


def test_k06_a_home_moved_away_is_engaged(home: Home, anchor: sentinel.Anchor) -> None:
    home.root.rename(home.root.with_name("away"))

    assert anchor.look().reason.startswith("no home: ")


def test_k06_another_folder_in_its_place_is_engaged(home: Home, anchor: sentinel.Anchor) -> None:
    home.root.rename(home.root.with_name("away"))
    home.create()

    assert anchor.look().reason.endswith("is another folder than at start")


def test_k06_a_deleted_state_folder_is_engaged(home: Home, anchor: sentinel.Anchor) -> None:
    home.state.rmdir()

    assert anchor.look().engaged


def test_a_closed_anchor_is_engaged(home: Home) -> None:
    anchor = sentinel.Anchor(home)
    anchor.close()

    assert anchor.look().reason == "this look was closed"


@pytest.mark.parametrize("trouble", [MemoryError, RecursionError, ValueError])
def test_k08_whatever_a_look_may_raise_is_engaged(
    anchor: sentinel.Anchor, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    def stat(*_: object, **__: object) -> os.stat_result:
        raise trouble

    monkeypatch.setattr(os, "stat", stat)
    look = anchor.look()
    monkeypatch.undo()

    assert look.engaged
    assert trouble.__name__ in look.reason


def test_a_sentinel_moved_away_and_back_is_another_kill(home: Home, anchor: sentinel.Anchor) -> None:
    """Trading may have gone on in between: what was verified then says nothing now."""
    path = home.state / sentinel.NAME
    path.touch()
    first = anchor.look().kill_id
    _until_the_file_clock_ticks(home)

    path.rename(home.state / "elsewhere")
    (home.state / "elsewhere").rename(path)

    assert anchor.look().kill_id != first


def _until_the_file_clock_ticks(home: Home) -> None:
    """Files are stamped by the kernel's tick, every 4 ms at most."""
    probe = home.root / "probe"
    probe.touch()
    start = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == start:
        os.utime(probe)


def test_a_prepared_file_is_what_a_kill_renames(home: Home, clock: SimulatedClock) -> None:
    sentinel.prepare(home)
    prepared = (home.state / sentinel.READY).stat().st_ino

    kill.engage(home, clock, why="", via="test")

    assert (home.state / sentinel.NAME).stat().st_ino == prepared


@pytest.mark.parametrize("form", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_something_else_in_the_place_of_the_prepared_file_neither_blocks_nor_hinders(
    home: Home, clock: SimulatedClock, form: Callable[[Path], None]
) -> None:
    form(home.state / sentinel.READY)
    sentinel.prepare(home)

    assert kill.engage(home, clock, why="", via="test").already is False
    assert sentinel.look(home).engaged
