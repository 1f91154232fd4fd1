"""A claim compares medians of interleaved rounds, and says whether its goal holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.claim import Bound, Claim, tried
from benchmarks.run import main

HERE = Path(__file__).resolve().parents[2] / "benchmarks"


def claim(bound: Bound, *, goal: float = 2.0, ours: float = 3.0, theirs: float = 2.0) -> Claim:
    return Claim("this", "that", goal, lambda: ours, lambda: theirs, bound=bound, rounds=3)


@pytest.mark.parametrize(
    ("bound", "goal", "held"),
    [
        (Bound.AT_MOST, 2.0, True),
        (Bound.AT_MOST, 1.4, False),
        (Bound.AT_LEAST, 1.0, True),
        (Bound.AT_LEAST, 1.6, False),
    ],
)
def test_a_ratio_is_held_against_its_goal(bound: Bound, goal: float, held: bool) -> None:
    result = tried(claim(bound, goal=goal))
    assert result.ratio == 1.5
    assert result.held is held
    assert str(result).startswith("held" if held else "MISSED")


def test_rounds_alternate_after_one_that_warms_up() -> None:
    order: list[str] = []
    values = iter([9.0, 1.0, 2.0, 30.0])

    def ours() -> float:
        order.append("ours")
        return next(values)

    def theirs() -> float:
        order.append("theirs")
        return 1.0

    assert tried(Claim("this", "that", 2.0, ours, theirs, rounds=3)).measured == 2.0
    assert order == ["ours", "theirs"] * 4


def test_an_unknown_benchmark_is_named_with_those_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "startup" in capsys.readouterr().err


def test_every_benchmark_says_what_it_measures_against_what() -> None:
    modules = list(HERE.glob("bench_*.py"))
    assert modules
    for module in modules:
        assert "def claims() -> Iterator[Claim]:" in module.read_text()
