"""The full proof of `.ci/run`: a test that was skipped was not shown, and tests leave the checkout as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
import pytest

def test_shown():
    assert True

{marks}
def test_not_shown():
    {body}
"""
INI = """
[pytest]
addopts = --import-mode=importlib --strict-markers
markers =
    reference: needs reference data
"""


def suite(folder: Path, *, marks: str = "", body: str = "pass") -> Path:
    """A checkout with this project's conftest and two tests, one of them as given."""
    checkout = folder / "house" / "checkout"
    (checkout / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "conftest.py", checkout / "tests")
    (checkout / "tests" / "test_two.py").write_text(SUITE.format(marks=marks, body=body))
    (checkout / "pytest.ini").write_text(INI)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(checkout), *command], check=True)
    (checkout / ".git" / "info").mkdir(exist_ok=True)
    (checkout / ".git" / "info" / "exclude").write_text("__pycache__\n.pytest_cache\n.hypothesis\n")
    return checkout


def proof(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the suite as `.ci/run` does, without the plugins that have no part in it and take seconds to import."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist.plugin", *options]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=60, env=env)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "parallel"])
def test_a_skipped_test_fails_the_proof_and_is_named(tmp_path: Path, workers: tuple[str, ...]) -> None:
    checkout = suite(tmp_path, body="pytest.skip('no strace')")
    done = proof(checkout, "--forbid-skips", *workers)
    assert done.returncode == 1
    assert "tests/test_two.py::test_not_shown" in done.stdout
    assert proof(checkout, *workers).returncode == 0


def test_a_module_that_skips_itself_fails_the_proof(tmp_path: Path) -> None:
    checkout = suite(tmp_path)
    (checkout / "tests" / "test_three.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    assert proof(checkout, "--forbid-skips", "-n", "2").returncode == 1


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    checkout = suite(tmp_path, marks="@pytest.mark.xfail(strict=True)", body="assert False")
    assert proof(checkout, "--forbid-skips").returncode == 0


def test_reference_tests_skip_by_name_without_the_data(tmp_path: Path) -> None:
    done = proof(suite(tmp_path, marks="@pytest.mark.reference"), "--forbid-skips", "-rs")
    assert done.returncode == 0
    assert "no recorded reference data" in done.stdout


def test_reference_tests_must_run_where_the_data_is(tmp_path: Path) -> None:
    checkout = suite(tmp_path, marks="@pytest.mark.reference", body="pytest.skip('not today')")
    (checkout.parent / "shared" / "data").mkdir(parents=True)
    assert proof(checkout, "--forbid-skips").returncode == 1


def test_a_test_that_writes_into_the_checkout_fails_the_proof(tmp_path: Path) -> None:
    checkout = suite(tmp_path, body="open('left_behind.txt', 'w').close()")
    done = proof(checkout, "--forbid-writes")
    assert done.returncode == 1
    assert "left_behind.txt" in done.stdout


def test_tests_see_neither_the_settings_nor_the_home_of_who_runs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "FLIGHTDECK_HOME"):
        monkeypatch.setenv(name, "nord")
    monkeypatch.setenv("HOME", str(tmp_path))
    seen = "import os; assert 'nord' not in os.environ.values(); "
    checkout = suite(tmp_path, body=seen + f"assert os.environ['HOME'] != {str(tmp_path)!r}")
    done = proof(checkout)
    assert done.returncode == 0, done.stdout
