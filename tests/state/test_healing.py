"""Setting a bad file aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from state import healing
from state.clock import SimulatedClock
from state.healing import quarantine, rename_noreplace


def test_the_name_carries_the_utc_milliseconds(tmp_path: Path, clock: SimulatedClock) -> None:
    clock.advance(1.234)
    bad = tmp_path / "gate.json"
    bad.write_text("x")
    assert quarantine(bad, clock).name == "gate.json.corrupted.20261117T190001234.json"
    assert not bad.exists()


def test_never_over_an_earlier_one(tmp_path: Path, clock: SimulatedClock) -> None:
    for number in range(3):
        (tmp_path / "gate.json").write_text(str(number))
        quarantine(tmp_path / "gate.json", clock)
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["0", "1", "2"]


def test_what_is_not_there_cannot_be_set_aside(tmp_path: Path, clock: SimulatedClock) -> None:
    with pytest.raises(FileNotFoundError):
        quarantine(tmp_path / "gate.json", clock)


def test_a_filesystem_without_renameat2_is_served_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        @staticmethod
        def renameat2(*_: object) -> int:
            return -1

    monkeypatch.setattr(healing.ctypes, "CDLL", lambda *_, **__: Libc)
    monkeypatch.setattr(healing.ctypes, "get_errno", lambda: 22)
    (tmp_path / "a").write_text("a")
    rename_noreplace(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").write_text("again")
    with pytest.raises(FileExistsError):
        rename_noreplace(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"
