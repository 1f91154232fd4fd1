"""README and docs/: links lead somewhere, and what they show is what the commands do.

A ```console block is run in a home of the page's own where nothing runs: `$ ` starts a command, `# exit N` names its
exit code unless it is 0, other lines must appear in what it prints, in this order, with `…` for anything.
A ```sh block is not run, but its commands, flags and make targets must be there.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import flightdeck

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {name for name, _, _ in flightdeck.COMMANDS}


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[list[str]]:
    """The lines of each fenced block of `language`."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


def commands_of(page: Path) -> list[str]:
    """Every line of the page's sh blocks that calls flightdeck, and every `flightdeck …` of its text."""
    shown = [line.split("  ")[0].partition(" #")[0] for block in blocks(page, "sh") for line in block]
    inline = re.findall(r"`(flightdeck(?: [^`]*)?)`", page.read_text())
    return [line for line in shown + inline if line.startswith("flightdeck")]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).is_file()] == []


def test_the_two_commands_stand_at_the_top_of_the_readme() -> None:
    first = blocks(ROOT / "README.md", "sh")[0]
    assert [line.split()[:2] for line in first] == [["make", "demo"], ["make", "test"]]


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [named(page) for page in PAGES[1:] if f"]({named(page)})" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    text = re.findall(r"`make ([a-z]+)`", page.read_text())
    shown = [line.split()[1] for block in blocks(page, "sh") for line in block if re.match(r"make [a-z]+", line)]
    assert set(text + shown) <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_named_exists(page: Path) -> None:
    names = {words[1] for words in map(str.split, commands_of(page)) if len(words) > 1}
    assert {name for name in names if not name.startswith("-") and name.isalpha() and name.islower()} <= COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_flag_that_is_named_is_known_to_its_command(page: Path) -> None:
    unknown = []
    for line in commands_of(page):
        words = line.split()[1:]
        name = words[0] if words and not words[0].startswith("-") else "console"
        flags = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help", "--version"}
        unknown += [f"{name} {flag}" for flag in flags if flag not in help_of(name)]
    assert unknown == []


@cache
def help_of(name: str) -> str:
    """--help of a command and of its acts."""
    acts = [[], ["on"], ["clear"], ["start"], ["status"]] if name == "kill" else [[]]
    told = [run([name, *act, "--help"], {}) for act in acts]
    return "\n".join(each.stdout for each in told)


def run(words: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flightdeck", *words]
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=named)
def test_what_the_page_shows_is_what_the_commands_do(page: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "supervisor.lock").touch()
    for block in blocks(page, "console"):
        for command, code, expected in steps(block):
            done = run(shlex.split(command)[1:], {"FLIGHTDECK_HOME": str(tmp_path)})
            told = done.stdout + done.stderr
            assert done.returncode == code, f"{command}: {told}"
            assert re.search(pattern(expected), told, flags=re.DOTALL | re.MULTILINE), f"{command} printed:\n{told}"


def steps(block: list[str]) -> list[tuple[str, int, list[str]]]:
    """Command, exit code and expected lines of each command of a block."""
    found: list[tuple[str, int, list[str]]] = []
    for line in block:
        if line.startswith("$ "):
            command, _, code = line[2:].partition("  # exit ")
            assert command.startswith("flightdeck"), command
            found.append((command, int(code or 0), []))
        else:
            found[-1][2].append(line)
    return found


def pattern(expected: list[str]) -> str:
    """The lines in this order, each whole, with `…` for anything."""
    return ".*".join("^" + re.escape(line).replace("…", ".*") + "$" for line in expected)


def test_every_dependency_is_explained_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs" / "dependencies.md").read_text()
    explained = re.findall(r"^\| ([a-z][a-z_-]+) \| ", page, flags=re.MULTILINE)
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    assert sorted({name for name in explained if name != "package"}) == sorted(
        re.split(r"[<>=]", name)[0] for name in wanted
    )


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[0] == version
