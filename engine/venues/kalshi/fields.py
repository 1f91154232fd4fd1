"""Reading typed values out of the exchange's JSON, with the field's name in every complaint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from engine.market.money import Count, Micros, Price, parse_count, parse_money, parse_price
from engine.venues.kalshi.errors import MalformedAnswer

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

MICROS_PER_CENT = 10_000


class Fields:
    """One JSON object. Every reader raises MalformedAnswer for an absent or unreadable field."""

    __slots__ = ("_raw", "_where")

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, dict):
            raise MalformedAnswer(f"{where}: expected an object, got {type(raw).__name__}")
        self._raw, self._where = raw, where

    def text(self, name: str) -> str:
        return self._read(name, parse_text)

    def choice(self, name: str, kind: type[E]) -> E:
        """A text that must be one of an enum's."""
        return self._read(name, kind)

    def flag(self, name: str) -> bool:
        return self._read(name, _flag)

    def integer(self, name: str) -> int:
        return self._read(name, _integer)

    def decimal(self, name: str) -> Decimal:
        """A JSON number as the decimal it was written as."""
        return self._read(name, _decimal)

    def price(self, name: str) -> Price:
        return self._read(name, parse_price)

    def count(self, name: str) -> Count:
        return self._read(name, parse_count)

    def money(self, name: str) -> Micros:
        return self._read(name, parse_money)

    def cents(self, name: str) -> Micros:
        """One of the few amounts that are still whole cents."""
        return self.integer(name) * MICROS_PER_CENT

    def instant(self, name: str) -> datetime:
        """An RFC 3339 timestamp, UTC."""
        return self._read(name, _instant)

    def milliseconds(self, name: str) -> datetime:
        """A Unix timestamp in milliseconds, UTC."""
        return self._read(name, _milliseconds)

    def nested(self, name: str) -> Fields:
        return self._read(name, lambda value: Fields(value, f"{self._where}.{name}"))

    def elements(self, name: str) -> Iterator[Any]:
        return iter(self._read(name, _list))

    def objects(self, name: str) -> Iterator[Fields]:
        for value in self.elements(name):
            yield Fields(value, f"{self._where}.{name}[]")

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """`read(name)`, or None when the field is absent or null: `fields.optional("ts", fields.instant)`."""
        return None if self._raw.get(name) is None else read(name)

    def _read(self, name: str, parse: Callable[[Any], T]) -> T:
        value = self._raw.get(name)
        if value is None:
            raise MalformedAnswer(f"{self._where}: {name} is missing")
        try:
            return parse(value)
        except (ValueError, OverflowError) as exc:
            raise MalformedAnswer(f"{self._where}: {name}: {exc}") from exc


def parse_text(value: Any) -> str:
    """The value itself. Raises ValueError for what is no text."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r}: expected text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r}: expected true or false")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r}: expected a whole number")
    return value


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{value!r}: expected a number")
    return Decimal(str(value))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r}: expected a list")
    return value


def _instant(value: Any) -> datetime:
    parsed = datetime.fromisoformat(parse_text(value))
    if parsed.tzinfo is None:
        raise ValueError(f"{value!r}: no time zone")
    return parsed.astimezone(UTC)


def _milliseconds(value: Any) -> datetime:
    return datetime.fromtimestamp(_integer(value) / 1_000, UTC)
