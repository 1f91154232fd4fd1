from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.fees import CENT, FeeAccumulator, FeeSchedule, UnsupportedFees
from engine.market.money import parse_count, parse_money, parse_price

VECTORS = Path(__file__).parents[4] / "shared/data/kalshi/fee_vectors_taker.csv"
PLAIN = FeeSchedule("quadratic", Decimal(1))
WITH_MAKER = FeeSchedule("quadratic_with_maker_fees", Decimal(1))

prices = st.integers(0, 10_000)
counts = st.integers(0, 1_000_000)
schedules = st.sampled_from([PLAIN, WITH_MAKER, FeeSchedule("quadratic", Decimal("0.5"))])


@pytest.mark.reference
def test_the_13_observed_taker_fills_cost_exactly_what_was_observed() -> None:
    with VECTORS.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    for row in rows:
        price, count = parse_price(row["price"]), parse_count(row["count"])
        schedule = FeeSchedule("quadratic", Decimal(row["multiplier"]))
        fee = schedule.trade_fee(price, count, taker=True)
        assert fee == parse_money(row["trade_fee_ceil_0.0001"]), row
        assert FeeAccumulator().charge(-price * count, fee).net == parse_money(row["fee_cost_observed"]), row


def test_a_contract_at_half_a_dollar_costs_the_taker_1_75_cents_and_the_maker_a_quarter_where_makers_pay() -> None:
    assert PLAIN.trade_fee(5000, 100, taker=True) == 17_500
    assert WITH_MAKER.trade_fee(5000, 100, taker=False) == 4_400
    assert WITH_MAKER.trade_fee(5000, 100, taker=False, unit=1) == 4_375
    assert PLAIN.trade_fee(5000, 100, taker=False) == 0


def test_the_rounding_unit_is_a_parameter() -> None:
    assert PLAIN.trade_fee(550, 100, taker=True) == 3_700
    assert PLAIN.trade_fee(550, 100, taker=True, unit=1) == 3_639


@pytest.mark.parametrize("fee_type", ["flat", "", "cubic"])
def test_a_fee_type_without_a_published_formula_is_refused(fee_type: str) -> None:
    with pytest.raises(UnsupportedFees):
        FeeSchedule(fee_type, Decimal(1))


def test_the_maker_of_a_combo_is_refused_and_its_taker_is_not() -> None:
    combo = FeeSchedule("quadratic_with_combo_maker_fees", Decimal(1))
    assert combo.trade_fee(10, 22_727, taker=True) == 15_900
    with pytest.raises(UnsupportedFees):
        combo.trade_fee(10, 22_727, taker=False)


@pytest.mark.parametrize("multiplier", ["-1", "NaN", "Infinity"])
def test_a_multiplier_that_is_no_factor_is_refused(multiplier: str) -> None:
    with pytest.raises(UnsupportedFees):
        FeeSchedule("quadratic", Decimal(multiplier))


@given(schedules, prices, counts, st.booleans(), st.sampled_from([1, 100]))
def test_a_fee_is_never_negative_lies_less_than_a_unit_above_the_formula_and_is_symmetric(
    schedule: FeeSchedule, price: int, count: int, taker: bool, unit: int
) -> None:
    fee = schedule.trade_fee(price, count, taker=taker, unit=unit)
    p, c = Decimal(price) / 10_000, Decimal(count) / 100
    rate = Decimal("0.07") if taker else Decimal("0.0175") * (schedule.fee_type == "quadratic_with_maker_fees")
    exact = rate * schedule.multiplier * c * p * (1 - p) * 10**6
    assert exact <= fee < exact + unit
    assert fee % unit == 0
    assert fee == schedule.trade_fee(10_000 - price, count, taker=taker, unit=unit)


@given(schedules, prices, counts, st.integers(1, 10_000), st.booleans())
def test_a_fee_never_falls_when_the_count_grows(
    schedule: FeeSchedule, price: int, count: int, more: int, taker: bool
) -> None:
    assert schedule.trade_fee(price, count, taker=taker) <= schedule.trade_fee(price, count + more, taker=taker)


def test_an_order_gets_its_rounding_back_once_it_makes_a_whole_cent() -> None:
    # three equal fills of one order at 5.5 cents in an account kept to cents, with a trade fee of a cent
    order = FeeAccumulator(precision=CENT)
    assert [order.charge(-55_000, CENT).net for _ in range(3)] == [15_000, 5_000, 15_000]


fills = st.lists(st.tuples(prices, st.integers(1, 100_000), st.booleans(), st.booleans()), min_size=1, max_size=20)


@given(fills, st.sampled_from([100, CENT]), schedules)
def test_over_all_fills_of_an_order_no_money_appears_and_less_than_one_step_is_kept(
    order: list[tuple[int, int, bool, bool]], precision: int, schedule: FeeSchedule
) -> None:
    accumulator = FeeAccumulator(precision)
    owed = 0
    for price, count, buys, taker in order:
        revenue = -price * count if buys else price * count
        trade_fee = schedule.trade_fee(price, count, taker=taker)
        fee = accumulator.charge(revenue, trade_fee)
        owed += fee.net - trade_fee
        assert fee.net >= 0
        assert fee.balance_change == revenue - fee.net
        assert fee.balance_change % precision == 0
        assert owed == accumulator.carried >= 0
