"""The locks: every version pinned, every file by hash, no address, and no older than what the project asks for."""

from __future__ import annotations

import re
import tomllib
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


def test_what_runs_and_what_builds_is_a_part_of_what_is_tested() -> None:
    tested = lock("dev.txt")
    for name in ("runtime.txt", "build.txt"):
        assert lock(name).items() <= tested.items()
