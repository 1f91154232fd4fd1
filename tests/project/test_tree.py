"""What is committed is meant for everybody: no place of one machine, no registry address, no tab or torn line."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".sh", ".yaml", ".json", ".tcss", ".svg", ".service", ".timer", ""}
# a character class each, so that this page does not match itself
REGISTRIES = r"pythonhoste[d]|pyp[i]\.org|deb\.debia[n]\.org|registry\.npmj[s]"
PLACES = r"(?<![\w.~$}>/-])/(?:roo[t]|wor[k]|opt/pyp[i])/"


def committed() -> list[Path]:
    """Every text file that git knows here; outside of a clone every file that a clone would hold."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.suffix in TEXT and file.is_file()]


@pytest.fixture(scope="module")
def tree() -> dict[str, str]:
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in committed()}


def matches(tree: dict[str, str], pattern: str) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in tree.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_no_place_of_one_machine_stands_in_the_tree(tree: dict[str, str]) -> None:
    assert matches(tree, PLACES) == []
    for place in (ROOT, Path(pwd.getpwuid(os.getuid()).pw_dir)):
        if len(place.parts) > 1:
            assert matches(tree, re.escape(f"{place}/")) == []


def test_no_registry_address_stands_in_the_tree(tree: dict[str, str]) -> None:
    assert matches(tree, REGISTRIES) == []


def test_the_patterns_find_what_they_are_for() -> None:
    places = ["/".join(("see ", name, "x")) for name in ("root", "work")]
    registry = ".".join(("https://pypi", "org/simple"))
    seen = {"a": "\n".join([*places, registry, "~/x"])}
    assert len(matches(seen, PLACES)) == 2
    assert len(matches(seen, REGISTRIES)) == 1


def test_every_text_ends_with_a_line_and_none_with_a_conflict(tree: dict[str, str]) -> None:
    assert [name for name, text in tree.items() if text and not text.endswith("\n")] == []
    assert matches(tree, r"^(<{7}|>{7}) ") == []


def test_nothing_is_left_unfinished(tree: dict[str, str]) -> None:
    code = {name: text for name, text in tree.items() if name.endswith(".py")}
    assert matches(code, r"\b(TOD[O]|FIXM[E]|XX[X])\b") == []


@pytest.mark.parametrize("script", [".ci/run", "requirements/lock.sh"])
def test_every_script_can_be_run_and_stops_at_the_first_failure(script: str) -> None:
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)
    assert os.access(ROOT / script, os.X_OK)
    assert "set -euo pipefail" in (ROOT / script).read_text()
