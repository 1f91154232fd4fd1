"""K-03, K-04, K-05, K-09, D-04: silence, absence, age, damage and doubt about start or permit all mean: no leave."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from state import kill, permit
from state.clock import NANOS, SimulatedClock
from state.kill_journal import fold

if TYPE_CHECKING:
    from tests.state.kill.conftest import Trading

BOTH = pytest.mark.parametrize("name", [permit.ARMED, permit.PERMIT])


def refusal(trading: Trading, name: str) -> str:
    """Why a reader that knows nothing yet gives no leave; fails when it does, or blames the other file."""
    look = trading.reader().look()
    assert not look.granted
    assert look.armed is (name == permit.PERMIT)
    reason = look.permit_reason if look.armed else look.armed_reason
    assert reason.startswith(("no permit: permit.json ", "not started: armed.json "))
    return reason.partition(".json ")[2]


def test_a_start_and_a_fresh_permit_give_leave(trading: Trading) -> None:
    look = trading.reader().look()

    assert look.granted
    assert (look.arming_id, look.permit_age_s, look.mode) == ("arming-1", 0.0, "simulated")


@BOTH
def test_k03_a_file_torn_at_any_byte_gives_no_leave(trading: Trading, name: str) -> None:
    path = trading.home.state / name
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert refusal(trading, name).startswith("damaged")


@BOTH
def test_k04_no_single_bit_may_flip(trading: Trading, name: str) -> None:
    trading.arm(by="änn \u2028")  # escapes, whose hexadecimal digits may be written in two ways
    trading.permits(note="änn")
    path = trading.home.state / name
    whole = bytearray(path.read_bytes())
    for bit in range(len(whole) * 8):
        whole[bit // 8] ^= 1 << bit % 8
        path.write_bytes(whole)
        assert refusal(trading, name).startswith("damaged"), bytes(whole)
        whole[bit // 8] ^= 1 << bit % 8


DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(400),
    "not UTF-8": b"\xff\xfe\x00",
    "a list": b"[]",
    "null": b"null",
    "NaN": b"NaN",
    "nested deeper than the parser goes": b"[" * 4000,
    "nested objects": b'{"a":' * 700,
    "a number without end": b"1" * 4096,
    "ten megabytes": b" " * 10_000_000,
}


@BOTH
@pytest.mark.parametrize("damage", DAMAGE)
def test_k05_what_is_no_sealed_object_gives_no_leave(trading: Trading, name: str, damage: str) -> None:
    (trading.home.state / name).write_bytes(DAMAGE[damage])

    assert refusal(trading, name).startswith("damaged")


def _other_spelling(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes())))


def _doubled_key(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"sha256"', b'"sha256":"","sha256"', 1))


FORMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "missing"),
    "spelled otherwise": (_other_spelling, "damaged: not as it was written"),
    "with a doubled key": (_doubled_key, "damaged: not as it was written"),
    "open to everybody": (lambda path: path.chmod(0o666), "writable by others (mode 666)"),
    "open to the group": (lambda path: path.chmod(0o660), "writable by others (mode 660)"),
    "a link": (lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")), "cannot be opened: ELOOP"),
    "a fifo": (lambda path: (path.unlink(), os.mkfifo(path, 0o600)), "not a regular file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir(0o700)), "not a regular file"),
}


@BOTH
@pytest.mark.parametrize("form", FORMS)
def test_k05_a_file_of_the_wrong_form_gives_no_leave(trading: Trading, name: str, form: str) -> None:
    spoil, reason = FORMS[form]
    spoil(trading.home.state / name)

    assert refusal(trading, name).startswith(reason)


@BOTH
def test_k05_a_file_of_a_foreign_owner_gives_no_leave(
    trading: Trading, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(trading.home.state / name, 65534, -1)
    else:  # nobody may give a file away, so somebody else looks
        monkeypatch.setattr(os, "geteuid", lambda: 65534)

    assert refusal(trading, name).startswith("owned by uid ")


@BOTH
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boot_id": "another"}, "is of another boot"),
        ({"boot_id": None}, "is of another boot"),
        ({"build": "build-2"}, "is of another build"),
        ({"config_hash": "config-2"}, "is of another configuration"),
    ],
)
def test_k05_another_boot_build_or_configuration_gives_no_leave(
    trading: Trading, name: str, changes: dict[str, object], reason: str
) -> None:
    (trading.arm if name == permit.ARMED else trading.permits)(**changes)

    assert refusal(trading, name) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arming_id": "arming-2"}, "belongs to another start"),
        ({"supervisor": "1-1"}, "is of another supervisor than the start"),
        ({"seq": None}, "damaged: no life"),
        ({"seq": "1"}, "damaged: no life"),
        ({"life_s": 0}, "damaged: no life"),
        ({"life_s": 15.1}, "damaged: no life"),
        ({"life_s": float("nan")}, "damaged: no life"),
        ({"life_s": float("inf")}, "damaged: no life"),
        ({"life_s": "15"}, "damaged: no life"),
        ({"life_s": None}, "damaged: no life"),
    ],
)
def test_k05_a_permit_that_is_not_whole_or_not_ours_gives_no_leave(
    trading: Trading, changes: dict[str, object], reason: str
) -> None:
    trading.permits(**changes)

    assert refusal(trading, permit.PERMIT) == reason


@pytest.mark.parametrize("arming_id", ["", None, 7])
def test_a_start_without_a_name_is_none(trading: Trading, arming_id: object) -> None:
    trading.arm(arming_id=arming_id)

    assert refusal(trading, permit.ARMED) == "damaged: no arming_id"


def test_k05_a_permit_runs_out(trading: Trading) -> None:
    reader = trading.reader()
    trading.clock.advance(15.0)
    assert reader.look().granted

    trading.clock.advance(0.001)
    assert reader.look().permit_reason.startswith("no permit: permit.json ran out")


@pytest.mark.parametrize("ahead", [0.001, 3600.0, 1e9])
def test_k05_a_permit_from_the_future_gives_no_leave(trading: Trading, ahead: float) -> None:
    trading.permits(seq=trading.clock.boottime_ns() + round(ahead * NANOS))

    assert refusal(trading, permit.PERMIT).startswith("is from the future")


def test_k05_a_sequence_beyond_any_clock_gives_no_leave(trading: Trading) -> None:
    trading.permits(seq=10**3000)

    assert not trading.reader().look().granted


def test_k05_a_permit_that_is_rolled_back_gives_no_leave(trading: Trading) -> None:
    reader = trading.reader()
    old = trading.permit.read_bytes()
    trading.clock.advance(3.0)
    trading.permits()
    assert reader.look().granted

    trading.permit.write_bytes(old)

    assert reader.look().permit_reason == "no permit: permit.json was rolled back to an older one"


WALL = [timedelta(hours=1), timedelta(days=90), timedelta(seconds=1)]


@pytest.mark.parametrize("step", [*WALL, *(-each for each in WALL)], ids=str)
def test_k09_a_step_of_the_wall_clock_neither_ends_nor_lengthens_a_permit(trading: Trading, step: timedelta) -> None:
    reader = trading.reader()

    trading.clock.wall += step
    assert reader.look().granted

    trading.clock.advance(15.5)
    assert not reader.look().granted
    trading.clock.wall -= step
    assert not reader.look().granted


@pytest.mark.parametrize("step", [*WALL, *(-each for each in WALL)], ids=str)
def test_k09_a_step_of_the_wall_clock_lowers_no_kill_and_shortens_no_wait(trading: Trading, step: timedelta) -> None:
    home, clock = trading.home, trading.clock
    kill.engage(home, clock, why="drill", via="test")
    kill.record(home, clock, "rung", by="engine", rung="cancel_sent", kill_id=None)
    before = fold(home, clock)

    clock.wall += step
    assert fold(home, clock) == before
    assert kill.clear(home, clock, reason="over", kill_id=before.kill_id) == []

    trading.supervise()
    assert "for 60 s" in kill.start(home, clock, wait_after_cancel_s=60.0)[0]


@pytest.mark.parametrize("trouble", [OSError(errno.EMFILE, "Too many open files"), MemoryError()])
def test_k08_trouble_in_reading_gives_no_leave_and_is_forgotten_with_its_cause(
    trading: Trading, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise trouble

    reader = trading.reader()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        look = reader.look()
    assert not look.granted
    assert ("EMFILE" if isinstance(trouble, OSError) else "MemoryError") in look.armed_reason

    assert reader.look().granted


def test_no_boot_id_gives_no_leave(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: SimulatedClock) -> str:
        raise PermissionError

    monkeypatch.setattr(SimulatedClock, "boot_id", refuse)

    assert not trading.reader().look().granted


def test_a_changed_file_is_noticed_at_the_next_look(trading: Trading) -> None:
    reader = trading.reader()
    for spoil, mend in ((trading.armed, trading.arm), (trading.permit, trading.permits)):
        assert reader.look().granted
        spoil.unlink()
        assert not reader.look().granted
        mend()


def test_a_home_that_moved_away_gives_no_leave_once_its_anchor_is_closed(trading: Trading) -> None:
    reader = trading.reader()
    trading.anchor.close()

    assert reader.look().armed_reason == "this look was closed"


def test_a_sealed_file_is_private_and_leaves_nothing_beside_it(trading: Trading) -> None:
    assert trading.permit.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(trading.home.state)) == [permit.ARMED, permit.PERMIT]


@BOTH
def test_d04_a_short_write_is_an_error_and_the_old_file_stays(
    trading: Trading, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, before = os.write, (trading.home.state / name).read_bytes()
    monkeypatch.setattr(os, "write", lambda fd, body: write(fd, body[:1]))

    with pytest.raises(OSError, match="short write"):
        (trading.arm if name == permit.ARMED else trading.permits)(by="bob")

    assert (trading.home.state / name).read_bytes() == before
    assert sorted(os.listdir(trading.home.state)) == [permit.ARMED, permit.PERMIT]


def test_a_folder_in_its_place_is_no_start_to_take_back(trading: Trading) -> None:
    trading.armed.unlink()
    trading.armed.mkdir()

    assert permit.remove(trading.anchor, permit.ARMED) is False
