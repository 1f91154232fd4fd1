"""`flightdeck config explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from state.commands.config import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "flightdeck.toml").write_text("[engine]\ncycle_s = 2\n[exchange]\nkey_id = 'a0b1c2d3-e4f5'\n")
    return tmp_path


def test_all_settings_are_listed_with_their_origin(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--home", str(root)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"home: {root}\n")
    (line,) = [line for line in shown.splitlines() if line.startswith("engine.cycle_s ")]
    assert line.split() == ["engine.cycle_s", "=", "2.0", str(root / "flightdeck.toml")]
    assert "ladders.GAS.series" in shown


@pytest.mark.parametrize(("key", "count"), [("engine.cycle_s", 1), ("engine", 4), ("ladders.10Y.mean", 1)])
def test_one_key_or_one_section(key: str, count: int, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(root), "explain", "--json", key]) == 0
    assert len(json.loads(capsys.readouterr().out)) == count


def test_secrets_are_masked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--home", str(root), "exchange.key_id"]) == 0
    assert "a0b1c2d3" not in capsys.readouterr().out


def test_a_key_that_does_not_exist_is_a_no(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--home", str(root), "engine.speed"]) == 1
    assert "no setting 'engine.speed'" in capsys.readouterr().err


def test_a_bad_file_is_told_in_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "flightdeck.toml").write_text("[engine]\nspeed = 2\n")
    assert main(["explain", "--home", str(root)]) == 78
    assert capsys.readouterr().err.splitlines() == [
        f"flightdeck config: {root}/flightdeck.toml: engine.speed: no such setting; see `flightdeck config explain`"
    ]
