"""The locks: every version pinned, every file by hash, no address, and no older than what the project asks for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("runtime.txt", "build.txt", "dev.txt")


def lock(name: str) -> dict[str, str]:
    """Package → version."""
    text = (ROOT / "requirements" / name).read_text()
    return {canonicalize_name(at[1]): at[2] for at in re.finditer(r"^([\w.-]+)==([^\s;\\]+)", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hash_and_no_address_stands_there(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    packages = re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE)[1:]
    assert len(packages) == len(lock(name))
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert not re.search(r"://|^\s*--(?!hash)|@ ", text, flags=re.MULTILINE)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    wanted = {
        "runtime.txt": PROJECT["project"]["dependencies"],
        "dev.txt": PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"],
        "build.txt": PROJECT["build-system"]["requires"],
    }
    for name, requirements in wanted.items():
        held = lock(name)
        for requirement in map(Requirement, requirements):
            assert requirement.specifier.contains(held[canonicalize_name(requirement.name)]), f"{requirement} in {name}"


def test_every_package_that_is_imported_is_asked_for() -> None:
    """A package that only the build or the tests bring along is absent where the wheel is installed."""
    asked = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    ours = {Path(name).stem for name in shipped}
    brought = packages_distributions()
    missing = {
        f"{file.relative_to(ROOT)}: {name}"
        for entry in shipped
        for file in ([ROOT / entry] if entry.endswith(".py") else (ROOT / entry).rglob("*.py"))
        for name in imported(file) - ours - sys.stdlib_module_names
        if not asked & {canonicalize_name(each) for each in brought.get(name, ())}
    }
    assert missing == set()


def imported(file: Path) -> set[str]:
    """The first names of every absolute import in a file, at whatever depth it stands."""
    nodes = list(ast.walk(ast.parse(file.read_bytes())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    return {name.partition(".")[0] for name in plain | named}


def test_what_runs_and_what_builds_is_a_part_of_what_is_tested() -> None:
    tested = lock("dev.txt")
    for name in ("runtime.txt", "build.txt"):
        assert lock(name).items() <= tested.items()
