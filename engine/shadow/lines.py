"""Between the book's integers and the journals' decimal dollars; exact both ways."""

from __future__ import annotations

from decimal import Decimal

from engine.market.money import Count, Micros, Price

PLACES = Decimal("0.000001")


class Inexact(ValueError):
    """A line of a journal holds a number finer than this house counts."""


def usd(micros: Micros) -> Decimal:
    """Micro-dollars as dollars."""
    return Decimal(micros).scaleb(-6)


def price_of(dollars: Decimal) -> Price:
    """Dollars as 1/10,000; raises Inexact."""
    return _scaled(dollars, 4)


def count_of(contracts: Decimal) -> Count:
    """Contracts as hundredths; raises Inexact."""
    return _scaled(contracts, 2)


def micros_of(dollars: Decimal) -> Micros:
    """Dollars as micro-dollars; raises Inexact."""
    return _scaled(dollars, 6)


def average(cost: Micros, count: Count) -> Decimal:
    """Dollars of one contract, to a micro-dollar; for people and for entry prices, never summed."""
    return (Decimal(cost) / Decimal(count)).scaleb(-4).quantize(PLACES)


def _scaled(value: Decimal, places: int) -> int:
    scaled = value.scaleb(places)
    if scaled != int(scaled):
        raise Inexact(f"{value}: more than {places} decimal places")
    return int(scaled)
