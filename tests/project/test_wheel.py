"""The wheel holds the program and nothing else, and runs where no checkout is."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("console", "engine", "runners", "state", "ops")

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `python -m build` makes it, without the network."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment outside the checkout that holds the wheel, and borrows its dependencies: its bin folder."""
    place = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=100)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
    install = ["install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", str(wheel)]
    subprocess.run(pip + install, check=True, capture_output=True, timeout=100)
    # a .pth file lends our dependencies, yet not our own .pth, by which the checkout is found here
    (site,) = place.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run in `folder`, with a user and a home there."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "FLIGHTDECK_HOME": str(folder / "home")}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done


def test_the_wheel_holds_the_roof_and_the_five_rooms_and_nothing_else(wheel: Path) -> None:
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"flightdeck.py", *ROOMS}


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path) -> None:
    ours = [file for room in ROOMS for file in (ROOT / room).rglob("*") if file.is_file() and file.suffix != ".pyc"]
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert [file for file in ours if file.relative_to(ROOT).as_posix() not in packed] == []


def test_the_installed_command_runs_its_own_code(installed: Path, tmp_path: Path) -> None:
    where = run(
        [str(installed / "python"), "-c", "import flightdeck, state; print(flightdeck.__file__, state.__file__)"],
        tmp_path,
    )
    assert str(ROOT) not in where.stdout
    told = run([str(installed / "flightdeck"), "--help"], tmp_path).stdout
    assert told.startswith("usage: flightdeck")


def test_the_installed_command_reads_its_table_and_its_settings(installed: Path, tmp_path: Path) -> None:
    assert "state/bot_heartbeat.json" in run([str(installed / "flightdeck"), "files"], tmp_path).stdout
    assert "supervisor.permit_life_s" in run([str(installed / "flightdeck"), "config", "explain"], tmp_path).stdout


def test_the_installed_demo_trades_on_paper(installed: Path, tmp_path: Path) -> None:
    demo = run([str(installed / "flightdeck"), "demo", "--headless", "--seconds", "20", "--seed", "7"], tmp_path)
    assert "export FLIGHTDECK_HOME=" in demo.stdout.splitlines()[0]
