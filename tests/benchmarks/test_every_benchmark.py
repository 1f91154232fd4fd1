"""Every benchmark runs, with sizes so small that nothing is learnt from it but that it does."""

from __future__ import annotations

from importlib import import_module
from math import isfinite
from pathlib import Path

import pytest

from benchmarks.claim import tried

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TINY: dict[str, dict[str, float]] = {
    "books": {"TEXTS": 240, "TEXT_ROUNDS": 1, "FRAMES": 500, "ROUNDS": 1},
    "console": {"FIRST_PAINTS": 1, "CHANGES": 2, "KEYS": 2, "WINDOW_S": 1.5, "ROUNDS": 1, "SETTLE_S": 0.5},
    "documents": {"READS": 10, "ROUNDS": 1},
    "engine": {"SECONDS": 12.0, "SETTLE_S": 1.0, "FEWEST_BOOKS": 1},
    "exchange": {"ORDERS": 8, "FRAMES": 60, "ROUNDS": 1, "MINUTES": 2},
    "journal": {"LINES": 10, "ROUNDS": 1},
    "kill": {
        "KILLS_IN_FLIGHT": 5, "KILLS_IDLE": 5, "IDLE_ROUNDS": 1, "KILLS_RESTING": 2, "RESTING_ROUNDS": 1,
    },
    "log": {"LARGE": 4_000_000, "FILTERED": 2_000_000, "PAGES": 1},
    "order_path": {"LOOKS": 10, "LOOK_ROUNDS": 1, "ORDERS": 3, "ORDER_ROUNDS": 1},
    "startup": {"ROUNDS": 1},
}  # fmt: skip
LONG = {"console", "engine"}
"""A quarter of a minute each, even tiny: run with the storms."""
pytestmark = pytest.mark.process


def test_every_benchmark_is_tried_here() -> None:
    assert set(TINY) == {path.stem.removeprefix("bench_") for path in BENCHMARKS.glob("bench_*.py")}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.storm] if name in LONG else []) for name in TINY]
)
def test_a_benchmark_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"benchmarks.bench_{name}")
    for constant, value in TINY[name].items():
        assert hasattr(module, constant)
        monkeypatch.setattr(module, constant, value)
    results = [tried(claim) for claim in module.claims()]
    assert len({result.name for result in results}) == len(results) > 0
    assert all(isfinite(result.measured) for result in results)
    assert all(result.goal is not None or result.limit is not None for result in results)
