"""`flightdeck schema`: every model has a schema, and the committed ones are current."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from state.clock import SimulatedClock
from state.commands.schema import BrokenModel, main, schemas
from state.home import Home

COMMITTED = Path(__file__).parents[3] / "docs" / "schemas"


def test_the_committed_schemas_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(COMMITTED), "--check"]) == 0, capsys.readouterr().err


def test_every_entry_of_the_table_has_its_schema() -> None:
    made = schemas()
    for entry in (*Home.documents(), *Home.journals()):
        module, name = entry.model.split(":")
        assert f"{module}.{name}.json" in made


def test_instants_and_money_are_described_as_files_hold_them() -> None:
    book = json.loads(schemas()["shadow.ShadowBook.json"])["properties"]
    assert book["written_at"]["format"] == "date-time"
    assert book["realised_usd"]["type"] == "string"


def test_check_names_what_is_missing_changed_or_left_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--check"]) == 1
    assert main(["--out", str(tmp_path)]) == 0
    (tmp_path / "gate.GateReport.json").unlink()
    (tmp_path / "kill.KillEvent.json").write_text("{}")
    (tmp_path / "gone.Model.json").write_text('{"$schema": "https://json-schema.org/draft/2020-12/schema"}')
    capsys.readouterr()
    assert main(["--out", str(tmp_path), "--check"]) == 1
    told = capsys.readouterr().err
    for line in ("missing: gate.GateReport.json", "differs: kill.KillEvent.json", "no model any more: gone.Model.json"):
        assert line in told
    assert main(["--out", str(tmp_path)]) == 0
    assert main(["--out", str(tmp_path), "--check"]) == 0


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Path]]:
    """An empty package of models, and its folder."""
    folder = tmp_path / "models_of_tomorrow"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield import_module("models_of_tomorrow"), folder
    for name in [name for name in sys.modules if name.startswith("models_of_tomorrow")]:
        del sys.modules[name]


def test_a_file_that_is_no_text_differs_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    (tmp_path / "gate.GateReport.json").write_bytes(b"\xff\xfe")
    (tmp_path / "foreign.json").write_bytes(b"\xff\xfe")
    assert main(["--out", str(tmp_path), "--check"]) == 1
    told = capsys.readouterr().err
    assert "differs: gate.GateReport.json" in told and "no model any more: foreign.json" in told
    assert main(["--out", str(tmp_path)]) == 0
    assert (tmp_path / "foreign.json").read_bytes() == b"\xff\xfe"


def test_a_new_model_appears_by_itself(package: tuple[ModuleType, Path]) -> None:
    module, folder = package
    (folder / "monitors.py").write_text("from state.models import DocumentModel\nclass Monitor(DocumentModel): ...\n")
    assert list(schemas(module)) == ["monitors.Monitor.json"]


def test_a_module_that_cannot_be_imported_is_an_error(package: tuple[ModuleType, Path]) -> None:
    module, folder = package
    (folder / "bad.py").write_text("raise RuntimeError('half written')\n")
    with pytest.raises(BrokenModel, match=r"bad: cannot be imported \(RuntimeError: half written\)"):
        schemas(module)


def test_a_folder_that_cannot_be_written_is_an_io_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file")]) == 74
    assert "File exists" in capsys.readouterr().err


def test_what_the_writer_writes_has_only_keys_of_its_schema(home: Home, clock: SimulatedClock) -> None:
    from state.document import DocumentWriter
    from state.models.supervisor import SupervisorState

    DocumentWriter(home, Home.supervisor, clock, lambda *_, **__: None, SupervisorState()).heal()
    written = json.loads(home.path(Home.supervisor).read_bytes())
    assert set(written) == set(json.loads(schemas()["supervisor.SupervisorState.json"])["properties"])
