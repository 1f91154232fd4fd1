"""The catalogue of faults: each one that the kill gate and the files must stand has a test that names it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
KILL_GATE = {f"K-{number:02}" for number in range(1, 19)}
FILES = {f"D-{number:02}" for number in range(1, 11)}
"""Numbers as in the tests' names (`test_k07_…`) and docstrings (`K-07`)."""


def test_every_fault_of_the_catalogue_has_a_test_that_names_it() -> None:
    named = {number for file in TESTS.rglob("test_*.py") for number in numbers_in(file)}
    assert sorted((KILL_GATE | FILES) - named) == []


def numbers_in(file: Path) -> Iterator[str]:
    """What the test functions of a module name, and what its docstring does when it has any."""
    module = ast.parse(file.read_bytes())
    tests = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    tests = [test for test in tests if test.name.startswith("test_")]
    for test in tests:
        if found := re.match(r"test_([kd])(\d\d)_", test.name):
            yield f"{found[1].upper()}-{found[2]}"
    for node in [module, *tests] if tests else []:
        yield from re.findall(r"\b[KD]-\d\d\b", ast.get_docstring(node) or "")
