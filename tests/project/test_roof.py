"""The roof: whatever stands behind standard output, a command ends with a code of the house and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
COMMANDS = (
    ("--help",),
    ("--version",),
    ("status",),
    ("status", "--json"),
    ("files",),
    ("config", "explain"),
    ("logs", "events"),
    ("kill", "status"),
)


def run(tmp_path: Path, words: tuple[str, ...], redirection: str, *, buffered: bool) -> tuple[int, str]:
    """Exit code and standard error of a command whose standard output goes to `redirection`."""
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True)
    (home / "logs").mkdir()
    (home / "logs/system_events.jsonl").write_text('{"event": "TEST"}\n')
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-P", "-m", "flightdeck", *words]
    environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT), "FLIGHTDECK_HOME": os.fspath(home)}
    environ["PYTHONUNBUFFERED"] = "" if buffered else "1"
    done = subprocess.run(shell, env=environ, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path, words: tuple[str, ...], buffered: bool) -> None:
    code, said = run(tmp_path, words, ">/dev/full", buffered=buffered)
    assert (code, said.count("\n")) == (74, 1), said
    assert "No space left on device" in said


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_closed_standard_output_is_no_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, said = run(tmp_path, words, ">&-", buffered=True)
    assert (code in (0, 1), said) == (True, "")


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", [*COMMANDS, ("status", "--help")], ids=" ".join)
def test_a_reader_that_went_away_is_no_error(tmp_path: Path, words: tuple[str, ...], buffered: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    gone = f"3<>{pipe} >{pipe} 3>&-"  # opened while somebody reads, who then goes
    code, said = run(tmp_path, words, gone, buffered=buffered)
    assert (code in (0, 141), said) == (True, "")


@pytest.mark.parametrize("command", ["cancel", "flatten", "up", "engine"])
def test_what_reaches_the_exchange_loads_nothing_that_draws(tmp_path: Path, command: str) -> None:
    """The exchange's client brings a command line of its own, with click and rich: a fifth of a start."""
    text = f"""
import flightdeck, sys
flightdeck.main(["{command}", "--help"])
print(sorted({{"click", "rich", "pygments", "textual"}} & set(sys.modules)))
"""
    environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}
    done = subprocess.run([sys.executable, "-c", text], env=environ, capture_output=True, text=True, timeout=60)
    assert (done.stdout.splitlines()[-1], done.stderr) == ("[]", "")
