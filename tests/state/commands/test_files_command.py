"""`flightdeck files`, and the page made from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from state.commands import config as config_command
from state.commands.files import main, markdown
from state.home import Home

PAGE = Path(__file__).parents[3] / "docs" / "files.md"


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "mend with: flightdeck files --markdown > docs/files.md"


def test_every_file_is_listed_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ([], ["--json"], ["--markdown"]):
        assert main(["--home", str(tmp_path / "home"), *form]) == 0
        shown = capsys.readouterr().out
        for entry in (*Home.documents(), *Home.journals()):
            assert entry.path in shown
            assert entry.purpose in shown
    assert not (tmp_path / "home").exists()


def test_as_json_it_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--home", str(tmp_path), "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["home"] == str(tmp_path)
    by_path = {row["path"]: row for row in shown["files"]}
    assert by_path["state/gate.json"] == {
        "path": "state/gate.json",
        "kind": "document",
        "model": "gate:GateReport",
        "writer": "engine",
        "stale_after_s": 15,
        "durable": False,
        "purpose": "may an order leave, gate by gate",
    }


def test_a_folder_of_source_is_no_home(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(PAGE.parents[1])]) == 78
    assert "program source" in capsys.readouterr().err


@pytest.mark.parametrize("command", [main, config_command.main], ids=["files", "config"])
def test_a_home_is_named_without_its_control_characters(
    command: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    act = ["explain"] if command is config_command.main else []
    assert command(["--home", f"{tmp_path}/x\x1b[31m", *act]) == 0
    assert "\x1b" not in capsys.readouterr().out
