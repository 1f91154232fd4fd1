"""`flightdeck logs`: lines as they lie there, made visible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.logs import journals, main
from state.home import Home


@pytest.fixture
def events(home: Home) -> Path:
    path = home.path(Home.events)
    rows = [{"at": f"2026-11-24T19:31:{n:02d}Z", "event": "SHADOW_FILL", "message": f"line {n}"} for n in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["events", "system_events", "logs/system_events.jsonl"])
def test_a_journal_goes_by_its_name_in_the_table_its_file_or_its_path(
    home: Home, events: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(home.root), "-n", "2", name]) == 0
    assert [json.loads(row)["message"] for row in capsys.readouterr().out.splitlines()] == ["line 48", "line 49"]


def test_every_journal_of_the_table_has_a_name() -> None:
    assert {entry.path for entry in journals().values()} == {entry.path for entry in Home.journals()}


def test_a_filter_chooses_lines(home: Home, events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home.root), "-n", "50", "--filter", "event=shadow_fill 17", "events"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(("wanted", "told"), [("2", ["line 8", "line 9"]), ("20", ["line 7", "line 8", "line 9"])])
def test_a_filter_finds_the_newest_matches_however_far_back_they_lie(
    home: Home, wanted: str, told: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("console.logs.PIECE", 4096)
    rows = [{"severity": "error" if n in (7, 8, 9) else "info", "message": f"line {n}"} for n in range(5_000)]
    home.path(Home.events).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["--home", str(home.root), "-n", wanted, "--filter", "level=error", "events"]) == 0
    assert [json.loads(row)["message"] for row in capsys.readouterr().out.splitlines()] == told


def test_a_closed_standard_output_is_no_crash(
    home: Home, events: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", None)  # what the interpreter makes of `>&-`
    assert main(["--home", str(home.root), "events"]) == 0


def test_an_unknown_journal_is_a_usage_error_that_names_the_others(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(home.root), "nonsense\x1b[2J"]) == 2
    told = capsys.readouterr().err
    assert "system_events" in told and "\x1b" not in told


def test_a_journal_that_is_not_there_yet_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home.root), "fills"]) == 1
    assert "nothing was journalled yet" in capsys.readouterr().err


def test_hostile_bytes_are_shown_not_sent(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.path(Home.events).write_bytes(b'{"a": "\x1b]0;owned\x07 \xc2\x9b \xe2\x80\xae"}\n\xff\xfe\n')
    assert main(["--home", str(home.root), "events"]) == 0
    shown = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_a_torn_last_line_is_no_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.path(Home.events).write_bytes(b'{"a": 1}\n{"b": ')
    assert main(["--home", str(home.root), "events"]) == 0
    assert capsys.readouterr().out == '{"a": 1}\n'
