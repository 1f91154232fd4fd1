"""`make` from a fresh clone: sets itself up, says in one line what is missing, needs no development tools to run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n'
TOO_OLD = '#!/bin/sh\ncase "$2" in *version_info*) exit 1 ;; esac\n'


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A clone in which nothing was made yet."""
    checkout = tmp_path / "clone"
    checkout.mkdir()
    shutil.copy(ROOT / "Makefile", checkout)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    shutil.copytree(ROOT / "requirements", checkout / "requirements")
    return checkout


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=60)


def interpreter(folder: Path, script: str) -> str:
    path = folder / "python"
    path.write_text(script)
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_without_the_venv_module_make_names_the_package_and_leaves_nothing(fresh: Path, tmp_path: Path) -> None:
    done = make(fresh, "demo", interpreter(tmp_path, WITHOUT_VENV))
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr.splitlines()[0]
    assert not (fresh / ".venv").exists()


def test_an_interpreter_that_is_too_old_is_refused(fresh: Path, tmp_path: Path) -> None:
    done = make(fresh, "demo", interpreter(tmp_path, TOO_OLD))
    assert done.returncode != 0
    assert "older than 3.11" in done.stderr.splitlines()[0]


def test_without_python_make_names_the_packages(fresh: Path) -> None:
    done = make(fresh, "test", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "apt-get install python3 python3-venv" in done.stderr.splitlines()[0]


def test_the_demo_needs_no_development_tools(fresh: Path) -> None:
    planned = make(fresh, "--dry-run", "demo").stdout
    assert "requirements/runtime.txt" in planned
    assert "requirements/dev.txt" not in planned


def test_everything_is_installed_by_hash(fresh: Path) -> None:
    installs = [
        line
        for line in make(fresh, "--dry-run", "test").stdout.splitlines()
        if " install " in line and "-m pip" in line
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_what_stands_already_is_not_made_again(fresh: Path) -> None:
    (fresh / ".venv").mkdir()
    for stamp in (".made", ".runtime-installed", ".dev-installed"):
        (fresh / ".venv" / stamp).touch()
    assert make(fresh, "--dry-run", "demo").stdout.splitlines() == [".venv/bin/flightdeck demo"]


def test_every_target_of_the_help_can_be_planned(fresh: Path) -> None:
    targets = [line.split()[1] for line in make(fresh, "help").stdout.splitlines()]
    assert {"demo", "test", "lint", "types", "bench", "picture", "clean"} <= set(targets)
    for target in targets:
        assert make(fresh, "--dry-run", target).returncode == 0
