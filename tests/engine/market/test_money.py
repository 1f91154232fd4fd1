from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.money import (
    format_count,
    format_money,
    format_price,
    parse_count,
    parse_money,
    parse_price,
)


def test_the_wire_strings_become_integers_and_back() -> None:
    assert (parse_price("0.4700"), format_price(4700)) == (4700, "0.4700")
    assert (parse_count("3.00"), format_count(300)) == (300, "3.00")
    assert (parse_money("98.018600"), format_money(98_018_600)) == (98_018_600, "98.018600")
    assert (parse_price("0.4"), parse_price("1"), parse_price("0.470000")) == (4000, 10_000, 4700)
    assert (parse_count("-112.41"), format_count(-50)) == (-11_241, "-0.50")


@pytest.mark.parametrize(
    "junk",
    [
        None,
        0.47,
        47,
        True,
        b"0.47",
        "",
        "nan",
        "NaN",
        "inf",
        "1e-1",
        "+0.5",
        " 0.5",
        "0.5\n",
        ".5",
        "5.",
        "0.-5",
        "0,5",
        "٠.٥",
        "--1",
        "0x1",
        "1_0",
        [],
    ],
)
@pytest.mark.parametrize("parse", [parse_price, parse_count, parse_money])
def test_anything_but_a_plain_decimal_string_is_refused(parse, junk) -> None:
    with pytest.raises(ValueError):
        parse(junk)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_price, "0.47001"),
        (parse_price, "-0.0100"),
        (parse_price, "1.0001"),
        (parse_count, "1.005"),
        (parse_money, "1.0000001"),
    ],
)
def test_more_precision_than_the_unit_holds_or_a_price_off_the_scale_is_refused(parse, text) -> None:
    with pytest.raises(ValueError):
        parse(text)


@given(st.integers(0, 10_000))
def test_every_price_survives_the_round_trip(price: int) -> None:
    assert parse_price(format_price(price)) == price


@given(st.integers(-(10**14), 10**14))
def test_every_count_and_amount_survives_the_round_trip(value: int) -> None:
    assert parse_count(format_count(value)) == value
    assert parse_money(format_money(value)) == value


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_shortened_money_rounds_half_to_even_as_decimal_does(micros: int, places: int) -> None:
    exact = Decimal(micros) / 10**6
    assert Decimal(format_money(micros, places)) == exact.quantize(Decimal(1).scaleb(-places))
