"""Each contract of import-linter is kept by a clean house and broken by the import that it forbids."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
ROOMS = (
    "console",
    "engine",
    "engine/venues",
    "engine/venues/kalshi",
    "engine/venues/simulated",
    "ops",
    "runners",
    "state",
)
# contract, the file that breaks it, what that file imports
VIOLATIONS = (
    ("The floors: runners stand on engine, engine on state; nothing looks up", "state/room.py", "engine"),
    ("Console and ops stand on state alone", "console/room.py", "engine.venues"),
    ("Nobody below looks at the console, at ops or at each other", "engine/room.py", "console"),
    ("Console and ops know nothing of each other", "ops/room.py", "console"),
    ("Only the roof sees all rooms; nobody imports the roof", "runners/room.py", "flightdeck"),
    ("No import circle anywhere", "state/b.py", "state.a"),
    ("The two venues know nothing of each other", "engine/venues/kalshi/room.py", "engine.venues.simulated"),
    ("Headless rooms never import Textual", "runners/room.py", "textual.app"),
    ("The file contract knows neither HTTP nor trading libraries", "state/room.py", "httpx"),
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The rooms without their furniture, under the contracts of this project."""
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "state" / "a.py").write_text("import state.b\n")
    (tmp_path / "state" / "b.py").touch()
    (tmp_path / "flightdeck.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def verdicts(house: Path) -> dict[str, str]:
    """Contract → KEPT or BROKEN, as import-linter prints it."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    told = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False, timeout=60).stdout
    return {name: line.split()[-1] for line in told.splitlines() for name in CONTRACTS if line.startswith(f"{name} ")}


def test_a_clean_house_keeps_every_contract(house: Path) -> None:
    assert verdicts(house) == dict.fromkeys(CONTRACTS, "KEPT")


def test_every_contract_has_its_violation_here() -> None:
    assert [name for name, _, _ in VIOLATIONS] == CONTRACTS


@pytest.mark.parametrize(("contract", "file", "imported"), VIOLATIONS, ids=[name for name, _, _ in VIOLATIONS])
def test_the_forbidden_import_breaks_its_contract(house: Path, contract: str, file: str, imported: str) -> None:
    (house / file).write_text(f"import {imported}\n")
    assert verdicts(house)[contract] == "BROKEN"
