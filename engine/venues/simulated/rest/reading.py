"""Reading what clients send: query parameters, pages and bodies, refused in the exchange's own words."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar
from zlib import crc32

import orjson

from engine.market.money import Count, Price, parse_count, parse_price
from engine.venues.simulated.instants import SECOND, Instant
from engine.venues.simulated.refusals import Refusal, bad_request, invalid_query, refuse, undecodable
from engine.venues.simulated.wire import EXCHANGE_INDEX

T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)
_GO_KINDS: dict[type, str] = {
    int: "number",
    float: "number",
    str: "string",
    bool: "bool",
    list: "array",
    dict: "object",
}


def page(
    asked: Mapping[str, str],
    request: str,
    items: Iterable[T],
    key: Callable[[T], str],
    wanted: Callable[[T], bool] = lambda item: True,
    most: int = 1_000,
    default: int = 100,
) -> tuple[list[T], str]:
    """One page of those `wanted`, and the cursor of the next, "" at the end.

    A cursor holds its place when its own item is wanted no more, as an order that rests no longer. One of another
    query, and one that means nothing here, start again silently.
    """
    limit = integer(asked, "limit", request, most=most) or default
    query = _query(asked, request)
    place, rest = _decode(asked.get("cursor", ""), query), iter(items)
    chosen: list[T] = []
    if place is not None:
        for item in rest:
            # kept in case that no item is the cursor's
            if len(chosen) <= limit and wanted(item):
                chosen.append(item)
            if key(item) == place:
                chosen = []
                break
    if not chosen:
        chosen = list(islice(filter(wanted, rest), limit + 1))
    return chosen[:limit], _encode(query + key(chosen[limit - 1])) if len(chosen) > limit else ""


def integer(asked: Mapping[str, str], name: str, request: str, *, most: int | None = None) -> int | None:
    """A whole number of the query, None where it is not given. Raises Refusal with the validation body."""
    text = asked.get(name)
    if text is None or text == "":
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise invalid_query(f"Invalid format for parameter {name}: error binding string parameter")
    value = int(text)
    if value < 0:
        raise out_of_range(name, request, "gte")
    if most is not None and value > most:
        raise out_of_range(name, request, "lte")
    return value


def instant(asked: Mapping[str, str], name: str, request: str) -> Instant | None:
    """A Unix time in seconds of the query, as an instant."""
    seconds = integer(asked, name, request)
    return None if seconds is None else seconds * SECOND


def tickers(asked: Mapping[str, str], name: str) -> list[str]:
    """A comma-separated list; empty where it is not given."""
    return [each for each in asked.get(name, "").split(",") if each]


def one_of(asked: Mapping[str, str], name: str, request: str, allowed: Iterable[str]) -> str | None:
    """A word of the query, None where it is not given."""
    word = asked.get(name) or None
    if word is not None and word not in allowed:
        raise out_of_range(name, request, "oneof")
    return word


def true(asked: Mapping[str, str], name: str) -> bool:
    """A switch of the query."""
    return asked.get(name, "").lower() in ("true", "1")


def price(text: str) -> Price:
    """A price of a body. Raises Refusal."""
    try:
        return parse_price(text)
    except ValueError:
        raise refuse(400, "invalid_price") from None


def count(text: str) -> Count:
    """A number of contracts of a body. Raises Refusal."""
    try:
        return parse_count(text)
    except ValueError:
        raise refuse(400, "invalid_order_size") from None


class Fields:
    """A JSON object read as the exchange's own decoder would: a field of another type is refused by name."""

    def __init__(self, struct: str, content: object) -> None:
        self._struct = struct
        if not isinstance(content, dict):
            raise undecodable(f"json: cannot unmarshal {_kind(content)} into Go value of type {struct}")
        self._content: dict[str, Any] = content

    @classmethod
    def of(cls, struct: str, body: bytes) -> Fields:
        """Read a request body; an empty one is an empty object."""
        try:
            return cls(struct, orjson.loads(body) if body.strip() else {})
        except orjson.JSONDecodeError as error:
            raise undecodable(f"invalid JSON: {error}") from None

    def text(self, name: str) -> str:
        """A string, "" where it is missing."""
        value = self._typed(name, str, "string")
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if not value:
            raise self._invalid(name, "required")
        return value

    def word(self, name: str, words: type[Word]) -> Word:
        """A required string out of a few."""
        value = self.required(name)
        try:
            return words(value)
        except ValueError:
            raise self._invalid(name, "oneof") from None

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, bool, "bool"))

    def integer(self, name: str) -> int | None:
        value = self._typed(name, int, "int64")
        return None if value is None else int(value)

    def texts(self, name: str) -> list[str]:
        """A list of strings, empty where it is missing."""
        value = self._typed(name, list, "[]string") or []
        for each in value:
            if not isinstance(each, str):
                raise undecodable(f"json: cannot unmarshal {_kind(each)} into Go struct field {name} of type string")
        return list(value)

    def objects(self, name: str) -> list[object]:
        """A list that must not be empty."""
        value = self._typed(name, list, "[]" + self._struct)
        if not value:
            raise self._invalid(name, "required")
        return list(value)

    def _typed(self, name: str, kind: type, go_kind: str) -> Any:
        value = self._content.get(name)
        if value is None:
            return None
        if type(value) is not kind:
            raise undecodable(
                f"json: cannot unmarshal {_kind(value)} into Go struct field {self._struct}.{name} of type {go_kind}"
            )
        return value

    def _invalid(self, name: str, tag: str) -> Refusal:
        field = _camel(name)
        return undecodable(
            f"Key: '{self._struct}.{field}' Error:Field validation for '{field}' failed on the '{tag}' tag"
        )


def only_shard(fields: Fields) -> None:
    """Raises Refusal for a request that names another shard than the one there is; -1 and nothing leave it open."""
    if fields.integer("exchange_index") not in (None, -1, EXCHANGE_INDEX):
        raise bad_request("market is not on this exchange index")


def out_of_range(name: str, request: str, tag: str) -> Refusal:
    """The validation body for one query parameter."""
    field = _camel(name)
    return invalid_query(
        f"Parameter validation failed for {request}: Key: '{request}Params.{field}' "
        f"Error:Field validation for '{field}' failed on the '{tag}' tag"
    )


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _kind(value: object) -> str:
    return _GO_KINDS.get(type(value), "null")


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decode(cursor: str, query: str) -> str | None:
    """The place in this query that a cursor stands for; None where it stands for none."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return text.removeprefix(query) if cursor and text.startswith(query) else None


def _query(asked: Mapping[str, str], request: str) -> str:
    """What a cursor belongs to: the endpoint and everything that is asked of it but where to begin and how much."""
    filters = sorted((name, text) for name, text in asked.items() if name not in ("cursor", "limit"))
    return f"{crc32(repr((request, filters)).encode()):08x}"
