"""What holds for every test: a clean environment, a user of its own, and in the full proof nothing skipped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT.parent / "shared" / "data"
# these change what is drawn, which home is found and which settings hold
FOREIGN_NAMES = {"NO_COLOR", "FORCE_COLOR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"}
FOREIGN_PREFIXES = ("TEXTUAL", "FLIGHTDECK_")

# a busy machine is no failing test; a failing example prints what reproduces it
hypothesis.settings.register_profile("flightdeck", deadline=None, print_blob=True, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("flightdeck")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forbid-skips", action="store_true", help="fail when a test was skipped for want of anything")
    parser.addoption("--forbid-writes", action="store_true", help="fail when the tests changed the checkout")


def pytest_configure(config: pytest.Config) -> None:
    for name in (
        "COLUMNS",
        "LINES",
    ):  # put there by readline, for children alone; they would hide a terminal's own size
        os.environ.pop(name, None)
    if hasattr(config, "workerinput"):
        return  # inherits what was cleaned, and what plugins have put there since
    for name in list(os.environ):
        if name in FOREIGN_NAMES or name.startswith(FOREIGN_PREFIXES):
            del os.environ[name]
    config.pluginmanager.register(Proof(config), "proof")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REFERENCE.is_dir():
        return
    absent = pytest.mark.skip(reason="no recorded reference data beside the checkout (../shared/data)")
    for item in items:
        if item.get_closest_marker("reference"):
            item.add_marker(absent)


@pytest.fixture(scope="session", autouse=True)
def user_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test finds the configuration or the home of the person who runs it, or leaves anything there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("user")))
        yield


class Proof:
    """The full proof: nothing skipped but what needs reference data that is absent, and no file of the tree changed."""

    def __init__(self, config: pytest.Config) -> None:
        self.forbid_skips: bool = config.getoption("--forbid-skips")
        self.forbid_writes: bool = config.getoption("--forbid-writes")
        self.skipped: list[str] = []
        self.written: list[str] = []
        self.before: list[str] = []

    def pytest_sessionstart(self) -> None:
        self.before = _tree() if self.forbid_writes else []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        excused = "reference" in report.keywords and not REFERENCE.is_dir()
        if report.skipped and not excused and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self.written = sorted(set(_tree()) ^ set(self.before)) if self.forbid_writes else []
        if exitstatus == pytest.ExitCode.OK and ((self.forbid_skips and self.skipped) or self.written):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.forbid_skips and self.skipped:
            terminalreporter.section("skipped, and nothing may be", red=True)
            for nodeid in self.skipped:
                terminalreporter.line(nodeid)
        if self.written:
            terminalreporter.section("the tests changed the checkout", red=True)
            for line in self.written:
                terminalreporter.line(line)


def _tree() -> list[str]:
    """One line a file of the checkout that differs from its commit, with what identifies its content."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=all", "--no-renames"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line + _identity(ROOT / line[3:].strip('"')) for line in listed.stdout.splitlines()]


def _identity(file: Path) -> str:
    try:
        seen = file.lstat()
    except FileNotFoundError:
        return " absent"
    return f" {seen.st_size} {seen.st_mtime_ns}"
