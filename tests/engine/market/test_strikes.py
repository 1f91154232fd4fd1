from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.strikes import Strike, UnsupportedStrike

D = Decimal
ONE = D(1)


def strike(kind: str, floor: str | None = None, cap: str | None = None) -> Strike:
    return Strike(kind, None if floor is None else D(floor), None if cap is None else D(cap))


@pytest.mark.parametrize(
    ("asked", "yes", "no"),
    [
        (strike("greater", "70"), ["70.1", "71"], ["70", "69"]),
        (strike("greater_or_equal", "70"), ["70", "71"], ["69.9"]),
        (strike("less", cap="63"), ["62", "-4"], ["63", "64"]),
        (strike("less_or_equal", cap="63"), ["63"], ["63.1"]),
        (strike("between", "63", "64"), ["63", "64"], ["62", "65"]),
        (strike("greater", "-0.3"), ["-0.2", "0"], ["-0.3", "-0.4"]),
    ],
)
def test_a_strike_holds_by_its_type(asked: Strike, yes: list[str], no: list[str]) -> None:
    assert all(asked.holds(D(value)) for value in yes)
    assert not any(asked.holds(D(value)) for value in no)


@pytest.mark.parametrize(
    ("asked", "step", "low", "high"),
    [
        (strike("greater", "70"), "1", 70.5, math.inf),
        (strike("greater_or_equal", "70"), "1", 69.5, math.inf),
        (strike("less", cap="63"), "1", -math.inf, 62.5),
        (strike("less_or_equal", cap="63"), "1", -math.inf, 63.5),
        (strike("between", "63", "64"), "1", 62.5, 64.5),
        (strike("greater", "0.4"), "0.1", 0.45, math.inf),
        (strike("greater", "215000"), "1000", 215_500.0, math.inf),
        (strike("greater", "3.62"), "0.001", 3.6205, math.inf),
        (strike("greater", "70.5"), "1", 70.5, math.inf),
        (strike("less", cap="62.5"), "1", -math.inf, 62.5),
    ],
)
def test_the_latent_interval_is_what_rounds_into_the_strike(asked: Strike, step: str, low: float, high: float) -> None:
    interval = asked.interval(D(step))
    assert (interval.low, interval.high) == (low, high)


@pytest.mark.parametrize("kind", ["custom", "structured", "functional", "", "GREATER"])
def test_a_strike_that_is_no_comparison_is_unsupported(kind: str) -> None:
    with pytest.raises(UnsupportedStrike):
        strike(kind, "1", "2")


@pytest.mark.parametrize(
    "build",
    [
        lambda: strike("greater"),
        lambda: strike("less", floor="1"),
        lambda: strike("between", "1"),
        lambda: strike("between", "2", "1"),
        lambda: strike("greater", "NaN"),
    ],
)
def test_a_strike_without_the_numbers_it_needs_is_unsupported(build) -> None:
    with pytest.raises(UnsupportedStrike):
        build()


def normal_survival(x: float) -> float:
    return 0.5 * math.erfc((x - 66.0) / (3.0 * math.sqrt(2)))


def test_the_weather_ladder_sums_to_one() -> None:
    ladder = [strike("less", cap="63"), strike("greater", "70")]
    ladder += [strike("between", str(low), str(low + 1)) for low in (63, 65, 67, 69)]
    assert sum(each.probability(normal_survival, ONE) for each in ladder) == pytest.approx(1.0)


def test_a_strike_no_published_value_can_meet_has_no_probability() -> None:
    assert strike("between", "63.2", "63.7").probability(normal_survival, ONE) == 0.0


@given(
    st.sampled_from(["greater", "greater_or_equal", "less", "less_or_equal", "between"]),
    st.integers(-500, 500),
    st.integers(0, 30),
    st.sampled_from(["1", "0.1", "5"]),
    st.integers(-120, 120),
)
def test_the_interval_and_holds_agree_on_every_published_value(
    kind: str, tenths: int, width: int, step: str, multiple: int
) -> None:
    asked = Strike(kind, D(tenths) / 10, D(tenths + width) / 10)
    value = D(step) * multiple
    interval = asked.interval(D(step))
    assert asked.holds(value) == (interval.low < float(value) < interval.high)
