"""What the feed tells its listener. Times are Unix milliseconds of the market; prices are on the YES scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from engine.market.money import Count, Micros, Price, parse_count, parse_money, parse_price
from engine.venues.kalshi.fields import parse_text
from engine.venues.kalshi.wire import BookSide

_END_OF_TIME_MS = 253_402_300_800_000  # year 10000


@dataclass(frozen=True, slots=True)
class BookReplaced:
    """A snapshot came: the book is fresh, and nothing is known of what led to it."""

    ticker: str


class BookChanged(NamedTuple):
    """One level changed by `delta`; `client_order_id` only when an order of ours did it.

    The one event that comes thousands of times a second, hence a tuple.
    """

    ticker: str
    side: BookSide
    price: Price
    delta: Count
    ts_ms: int | None
    client_order_id: str | None


@dataclass(frozen=True, slots=True)
class BookStale:
    """The book is not to be believed until it is replaced."""

    ticker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trade:
    """A print. `taker` is the book side of whoever crossed: a bid took offers."""

    trade_id: str
    ticker: str
    price: Price
    count: Count
    taker: BookSide
    ts_ms: int

    @classmethod
    def parse(cls, msg: Mapping[str, Any]) -> Trade:
        return cls(
            trade_id=msg["trade_id"],
            ticker=msg["market_ticker"],
            price=parse_price(msg["yes_price_dollars"]),
            count=parse_count(msg["count_fp"]),
            taker=_side(msg, "taker_book_side", "taker_side"),
            ts_ms=_ts_ms(msg),
        )


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill of ours. `position` is what we hold after it, negative for NO."""

    trade_id: str
    order_id: str
    client_order_id: str | None
    ticker: str
    side: BookSide
    price: Price
    count: Count
    is_taker: bool
    fee: Micros
    position: Count
    ts_ms: int

    @classmethod
    def parse(cls, msg: Mapping[str, Any]) -> Fill:
        return cls(
            trade_id=parse_text(msg["trade_id"]),
            order_id=parse_text(msg["order_id"]),
            client_order_id=_named(msg),
            ticker=parse_text(msg["market_ticker"]),
            side=BookSide(msg["book_side"]),
            price=parse_price(msg["yes_price_dollars"]),
            count=parse_count(msg["count_fp"]),
            is_taker=msg["is_taker"],
            fee=parse_money(msg["fee_cost"]),
            position=parse_count(msg["post_position_fp"]),
            ts_ms=_ts_ms(msg),
        )


@dataclass(frozen=True, slots=True)
class UserOrder:
    """An order of ours changed. `status` is resting, canceled, executed or unknown; `reason` says by what."""

    order_id: str
    client_order_id: str | None
    ticker: str
    status: str
    side: BookSide
    price: Price
    initial: Count
    filled: Count
    remaining: Count
    fees: Micros
    reason: str | None
    order_group_id: str | None
    updated_ms: int | None

    @classmethod
    def parse(cls, msg: Mapping[str, Any]) -> UserOrder:
        updated = msg.get("last_updated_ts_ms")
        return cls(
            order_id=parse_text(msg["order_id"]),
            client_order_id=_named(msg),
            ticker=parse_text(msg["ticker"]),
            status=parse_text(msg["status"]),
            side=BookSide(msg["book_side"]),
            price=parse_price(msg["yes_price_dollars"]),
            initial=parse_count(msg["initial_count_fp"]),
            filled=parse_count(msg["fill_count_fp"]),
            remaining=parse_count(msg["remaining_count_fp"]),
            fees=parse_money(msg["taker_fees_dollars"]) + parse_money(msg["maker_fees_dollars"]),
            reason=msg.get("last_update_reason"),
            order_group_id=msg.get("order_group_id"),
            updated_ms=None if updated is None else _instant_ms(updated),
        )


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A market came to be, opened, closed or resolved; `kind` is the wire's event_type, `facts` the whole message.

    Opening and closing by the clock are not told.
    """

    ticker: str
    kind: str
    result: str | None
    settlement_value: Price | None
    facts: Mapping[str, Any]

    @classmethod
    def parse(cls, msg: Mapping[str, Any]) -> Lifecycle:
        value = msg.get("settlement_value")
        return cls(
            ticker=msg["market_ticker"],
            kind=msg["event_type"],
            result=msg.get("result"),
            settlement_value=None if value is None else parse_price(value),
            facts=msg,
        )


@dataclass(frozen=True, slots=True)
class EventNotice:
    """An event came to be, or its fees changed; `kind` is the frame's type, `facts` the whole message."""

    event_ticker: str
    kind: str
    facts: Mapping[str, Any]

    @classmethod
    def parse(cls, kind: str, msg: Mapping[str, Any]) -> EventNotice:
        return cls(msg["event_ticker"], kind, msg)


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames of a channel were lost; of trades they must be asked for by REST. Books heal by themselves."""

    channel: str
    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that does not say what its kind must say."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange did not carry out a command of the feed."""

    code: int
    message: str
    tickers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """A new session: nothing was replayed, so orders and fills are to be reconciled by REST, with overlap."""

    session: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session ended; every book is stale."""

    reason: str


FeedEvent: TypeAlias = (
    BookReplaced
    | BookChanged
    | BookStale
    | Trade
    | Fill
    | UserOrder
    | Lifecycle
    | EventNotice
    | Gap
    | Unreadable
    | Refused
    | Connected
    | Disconnected
)


def _ts_ms(msg: Mapping[str, Any]) -> int:
    value = msg.get("ts_ms")
    return _instant_ms(value) if value is not None else _instant_ms(int(msg["ts"]) * 1_000)


def _instant_ms(value: Any) -> int:
    at = int(value)
    if not 0 <= at < _END_OF_TIME_MS:
        raise ValueError(f"{at} ms: no instant of a calendar")
    return at


def _named(msg: Mapping[str, Any]) -> str | None:
    # orders are found, fills are sorted by their names: what is no text would break whoever hears of them
    name = msg.get("client_order_id")
    return None if name is None else parse_text(name)


def _side(msg: Mapping[str, Any], name: str, older: str) -> BookSide:
    value = msg.get(name)
    if value is not None:
        return BookSide(value)
    return BookSide.BID if msg[older] == "yes" else BookSide.ASK
