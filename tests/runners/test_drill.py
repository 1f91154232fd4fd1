"""`flightdeck drill`: every path of the kill, verified and timed; never on a desk that is not simulated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runners import drill
from runners.drill import WAYS, Outcome, Way, main, table
from state.clock import SystemClock
from state.home import Home
from state.kill_journal import RUNGS, fold
from state.lock import Lock

ON_PROCESSES = [pytest.mark.process, pytest.mark.timeout(300)]


def run(home: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "flightdeck", "drill", "--home", str(home)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def journalled(home: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (home / "logs/system_events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "DRILL"]


class TestOnProcesses:
    pytestmark = ON_PROCESSES

    def test_a_path_is_verified_timed_in_order_and_cleared_up(self, tmp_path: Path) -> None:
        home, clock = Home(tmp_path / "home"), SystemClock()
        home.create()
        outcome = drill.drill(WAYS[0], home, clock)
        assert outcome.wrong == ""
        assert list(outcome.rungs) == list(RUNGS)
        times = list(outcome.rungs.values())
        assert times == sorted(times)
        assert 0 < times[0] < 5_000
        assert not fold(home, clock).engaged

    @pytest.mark.storm
    def test_all_paths_are_walked_told_and_journalled(self, tmp_path: Path) -> None:
        done = run(tmp_path / "home")
        assert done.returncode == 0, done.stderr
        rows = done.stdout.splitlines()[1:]
        assert [row[:30].strip() for row in rows] == [way.name for way in WAYS]
        lines = journalled(tmp_path / "home")
        assert [line["message"] for line in lines] == [f"{way.name}: verified" for way in WAYS]
        for way, line in zip(WAYS, lines, strict=True):
            assert line["details"].keys() >= {f"{rung}_ms" for rung in way.rungs}  # type: ignore[attr-defined]

    def test_a_path_that_does_not_get_through_is_named_and_is_exit_1(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(drill, "WAYS", (Way("nobody kills", drill.nothing, rungs=()),))
        assert main(["--home", str(tmp_path / "home")]) == 1
        assert "NOT VERIFIED: 6 orders rest at the exchange" in capsys.readouterr().out
        assert [line["severity"] for line in journalled(tmp_path / "home")] == ["error"]


def test_a_home_that_is_not_simulated_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "flightdeck.toml").write_text(
        '[exchange]\nbase_url = "https://api.elections.kalshi.com/trade-api/v2"\n'
    )
    assert main(["--home", str(tmp_path)]) == 78
    assert "is not of a demo" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["flightdeck.toml"]


def test_an_empty_home_is_refused_and_is_not_the_default_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", ""]) == 78
    assert "--home is empty" in capsys.readouterr().err


def test_a_home_in_use_is_refused_and_names_by_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.create()
    with Lock(home, "supervisor", SystemClock()):
        assert main(["--home", str(tmp_path)]) == 75
    assert "is in use by pid" in capsys.readouterr().err


def test_a_drill_takes_no_kill_back_but_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.create()
    (home.state / "kill_switch").touch()
    assert main(["--home", str(tmp_path)]) == 1
    assert "clear it first" in capsys.readouterr().err
    assert fold(home, SystemClock()).engaged


def test_a_rung_that_was_not_reached_is_a_dash_and_what_went_wrong_stands_below() -> None:
    shown = table([Outcome("touch", {"sentinel_durable": 1.24}, "3 orders rest at the exchange")])
    assert shown.splitlines()[1].split() == ["touch", "1.2", "-", "-", "-", "-"]
    assert shown.splitlines()[2].strip() == "NOT VERIFIED: 3 orders rest at the exchange"
