from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desks.ladders.families import FamilySettings, families_of
from engine.desks.ladders.models import ConfiguredModel, Normal
from engine.desks.ladders.pricing import fair_yes
from engine.market.strikes import Strike
from state.settings import Settings

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)
reals = st.floats(-1e6, 1e6)


@given(reals, st.floats(1e-3, 1e5), reals, reals)
def test_survival_lies_between_0_and_1_and_never_rises(mean: float, spread: float, one: float, two: float) -> None:
    normal = Normal(mean, spread)
    low, high = sorted((one, two))
    assert 0.0 <= normal.survival(high) <= normal.survival(low) <= 1.0
    assert (normal.survival(-math.inf), normal.survival(math.inf)) == (1.0, 0.0)


def test_the_far_upper_tail_keeps_a_probability() -> None:
    assert 0 < Normal(0.0, 1.0).survival(10.0) < 1e-22


@pytest.mark.parametrize(
    ("mean", "spread"), [(math.nan, 1.0), (0.0, 0.0), (0.0, -1.0), (math.inf, 1.0), (0.0, math.nan)]
)
def test_a_belief_that_is_no_distribution_is_refused(mean: float, spread: float) -> None:
    with pytest.raises(ValueError, match="needs finite numbers"):
        Normal(mean, spread)


def test_the_probabilities_of_a_ladder_that_covers_everything_sum_to_one() -> None:
    ladder = [Strike("less", None, Decimal(63)), Strike("greater", Decimal(70), None)]
    ladder += [Strike("between", Decimal(low), Decimal(low + 1)) for low in (63, 65, 67, 69)]
    total = sum(fair_yes(strike, Normal(64.8, 3.1), Decimal(1)) for strike in ladder)
    assert abs(total - 10_000) <= 3  # each is rounded to a ten-thousandth


def test_a_family_without_spread_or_switched_off_has_no_forecast() -> None:
    family = FamilySettings("CPI", ("KXCPI",), 0.3, 0.0, Decimal("0.1"), 100, 1000, 5000)
    assert ConfiguredModel(family).forecast("KXCPI-26NOV", NOW) is None
    off = FamilySettings("CPI", ("KXCPI",), 0.3, 0.1, Decimal("0.1"), 100, 1000, 5000, enabled=False)
    assert ConfiguredModel(off).forecast("KXCPI-26NOV", NOW) is None


def test_the_default_configuration_gives_every_family_a_belief_in_our_units() -> None:
    families = families_of(Settings())
    assert set(families) == {"CPI", "CLAIMS", "TENY", "WEATHER", "GAS"}
    assert all(family.configured and family.series for family in families.values())
    cpi = families["CPI"]
    assert (cpi.min_edge, cpi.contracts, cpi.step) == (100, 1000, Decimal("0.1"))
    assert cpi.max_position >= cpi.contracts
