"""Money, prices and counts as integers, and the decimal strings the wire carries them in.

price: 1/10,000 dollar on the YES scale, 0 to 10,000 · count: 1/100 contract · money: micro-dollars.
So price × count is exactly micro-dollars, and nothing here ever rounds except `format_money`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

Price: TypeAlias = int
Count: TypeAlias = int
Micros: TypeAlias = int

ONE_DOLLAR: Price = 10_000
ONE_CONTRACT: Count = 100
MICROS_PER_DOLLAR: Micros = 1_000_000

_PRICE_PLACES, _COUNT_PLACES, _MONEY_PLACES = 4, 2, 6
_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_price(value: object) -> Price:
    """Read "0.4700" as 4700; ValueError for all but a decimal string of at most 4 places between 0 and 1 dollar."""
    if not isinstance(value, str):
        raise ValueError(f"price {value!r}: expected a decimal string")
    return _price(value)


def parse_count(value: object) -> Count:
    """Read "3.00" as 300, "-0.50" (a delta, a NO position) as -50; ValueError beyond 2 places."""
    if not isinstance(value, str):
        raise ValueError(f"count {value!r}: expected a decimal string")
    return _count(value)


def parse_money(value: object) -> Micros:
    """Read "98.018600" as 98018600; ValueError beyond 6 places."""
    if not isinstance(value, str):
        raise ValueError(f"money {value!r}: expected a decimal string")
    return _scaled(value, _MONEY_PLACES, "money")


def format_price(price: Price) -> str:
    """Write 4700 as "0.4700"."""
    return _text(price, _PRICE_PLACES)


def format_count(count: Count) -> str:
    """Write 300 as "3.00"."""
    return _text(count, _COUNT_PLACES)


def format_money(micros: Micros, places: int = _MONEY_PLACES) -> str:
    """Write 98018600 as "98.018600"; with fewer places it rounds half to even, for people's eyes only."""
    if not 0 <= places <= _MONEY_PLACES:
        raise ValueError(f"places {places}: expected 0 to {_MONEY_PLACES}")
    unit = 10 ** (_MONEY_PLACES - places)
    whole, rest = divmod(micros, unit)
    if 2 * rest > unit or (2 * rest == unit and whole % 2):
        whole += 1
    return _text(whole, places)


# Prices and sizes repeat endlessly in a feed; a hit costs a tenth of the parse.
@lru_cache(maxsize=16_384)
def _price(text: str) -> Price:
    price = _scaled(text, _PRICE_PLACES, "price")
    if not 0 <= price <= ONE_DOLLAR:
        raise ValueError(f"price {text!r}: expected 0 to 1 dollar")
    return price


@lru_cache(maxsize=16_384)
def _count(text: str) -> Count:
    return _scaled(text, _COUNT_PLACES, "count")


def _scaled(text: str, places: int, what: str) -> int:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{what} {text!r}: expected a decimal string")
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    kept, beyond = fraction[:places], fraction[places:]
    if beyond.strip("0"):
        raise ValueError(f"{what} {text!r}: more than {places} decimal places")
    value = int(whole + kept.ljust(places, "0"))
    return -value if sign else value


def _text(value: int, places: int) -> str:
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
