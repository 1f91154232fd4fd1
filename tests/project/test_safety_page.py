"""docs/safety.md: every promise names the tests that hold it, and they are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "safety.md").read_text()
PROMISES = re.findall(r"^- (.+?)(?=^- |^#|\Z)", PAGE.split("## How long")[0], flags=re.MULTILINE | re.DOTALL)
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_promise_names_a_test() -> None:
    assert len(PROMISES) > 20
    assert [promise.splitlines()[0] for promise in PROMISES if not NODE.search(promise)] == []


@pytest.mark.parametrize("node", sorted(set(NODE.findall(PAGE))), ids="::".join)
def test_every_test_that_is_named_exists(node: tuple[str, str]) -> None:
    file, name = node
    assert name in functions_of(file)


@cache
def functions_of(file: str) -> set[str]:
    found = ast.walk(ast.parse((ROOT / file).read_bytes()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
