"""A market's past in minutes: quotes and trades, kept only where something changed and told without gaps."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from engine.market.money import Count, Micros, Price
from engine.venues.simulated.instants import MINUTE, Instant

# three days of a market that never rests; what is older is told as the last quote known then
MOST_KEPT = 4_320
# bid, ask and what was traded, each as open, high, low, close; previous, volume, value, open interest
_PACKED = Struct("<13H3q")
_NO_PRICE = 0xFFFF


@dataclass(slots=True)
class Range:
    """Open, high, low and close of something in a period."""

    open: Price
    high: Price
    low: Price
    close: Price

    @classmethod
    def at(cls, price: Price) -> Range:
        return cls(price, price, price, price)

    def note(self, price: Price) -> None:
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price

    def then(self, later: Range) -> None:
        """Make this the range of both periods."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close


@dataclass(slots=True)
class Candle:
    """One period up to `end`, inclusive. `traded` None: no trade; `previous`: the last price before it, if any."""

    end: Instant
    bid: Range
    ask: Range
    traded: Range | None
    previous: Price | None
    volume: Count
    value: Micros
    open_interest: Count

    def then(self, later: Candle) -> None:
        """Make this the candle of both periods."""
        self.bid.then(later.bid)
        self.ask.then(later.ask)
        if self.traded is None:
            self.traded = later.traded
        elif later.traded is not None:
            self.traded.then(later.traded)
        self.volume += later.volume
        self.value += later.value
        self.open_interest = later.open_interest


@dataclass(slots=True)
class Candles:
    """The minutes of one market in which anything changed, oldest first; packed, but for the last."""

    _ends: array[Instant] = field(default_factory=lambda: array("q"))
    _past: bytearray = field(default_factory=bytearray)
    _last: Candle | None = None

    def quote(self, at: Instant, bid: Price, ask: Price) -> None:
        """Note a quote."""
        candle = self._minute(at, bid, ask)
        candle.bid.note(bid)
        candle.ask.note(ask)

    def trade(self, at: Instant, price: Price, count: Count, open_interest: Count, quote: tuple[Price, Price]) -> None:
        """Note a trade; `quote` is bid and ask beside it."""
        candle = self._minute(at, *quote)
        if candle.traded is None:
            candle.traded = Range.at(price)
        candle.traded.note(price)
        candle.volume += count
        candle.value += price * count
        candle.open_interest = open_interest

    @property
    def first(self) -> Instant | None:
        """Where the first kept minute ends; None before the first quote."""
        return self._ends[0] if self._ends else None

    def periods(self, start: Instant, end: Instant, length: Instant) -> Iterator[Candle]:
        """Every period that ends from `start` to `end`, from the first quote on, those without any change included."""
        if not self._ends:
            return
        first = max(start, self._ends[0])
        for period_end in range(-(-first // length) * length, end + 1, length):
            yield self._period(period_end, length)

    def latest_before(self, start: Instant, length: Instant) -> Candle | None:
        """The last known state before `start`, projected to the first period's end; None when nothing is known."""
        at = bisect_right(self._ends, start - 1) - 1
        return None if at < 0 else self._carried(at, -(-start // length) * length)

    def _period(self, end: Instant, length: Instant) -> Candle:
        low, high = bisect_right(self._ends, end - length), bisect_right(self._ends, end)
        if low == high:
            return self._carried(low - 1, end)
        first = self._candle(low)
        whole = Candle(
            end, _copy(first.bid), _copy(first.ask), _copied(first.traded), first.previous, 0, 0, first.open_interest
        )
        whole.volume, whole.value = first.volume, first.value
        for index in range(low + 1, high):
            candle = self._candle(index)
            whole.then(
                Candle(
                    end,
                    candle.bid,
                    candle.ask,
                    _copied(candle.traded),
                    None,
                    candle.volume,
                    candle.value,
                    candle.open_interest,
                )
            )
        return whole

    def _carried(self, index: int, end: Instant) -> Candle:
        """A period in which nothing happened: what stood before it stands still."""
        last = self._candle(index)
        bid, ask = Range.at(last.bid.close), Range.at(last.ask.close)
        return Candle(end, bid, ask, None, self._last_price(last), 0, 0, last.open_interest)

    def _minute(self, at: Instant, bid: Price, ask: Price) -> Candle:
        # a period's end is inclusive
        end = -(-at // MINUTE) * MINUTE
        last = self._last
        if last is not None and last.end == end:
            return last
        opens = (bid, ask) if last is None else (last.bid.close, last.ask.close)
        previous = None if last is None else self._last_price(last)
        interest = 0 if last is None else last.open_interest
        if last is not None:
            self._past += _packed(last)
        self._last = Candle(end, Range.at(opens[0]), Range.at(opens[1]), None, previous, 0, 0, interest)
        self._ends.append(end)
        if len(self._ends) > MOST_KEPT:
            del self._ends[: MOST_KEPT // 10], self._past[: MOST_KEPT // 10 * _PACKED.size]
        return self._last

    def _candle(self, index: int) -> Candle:
        if index == len(self._ends) - 1:
            assert self._last is not None, "a minute without a candle"
            return self._last
        return _unpacked(self._ends[index], self._past, index * _PACKED.size)

    @staticmethod
    def _last_price(candle: Candle) -> Price | None:
        return candle.previous if candle.traded is None else candle.traded.close


def _packed(candle: Candle) -> bytes:
    traded = candle.traded or Range.at(_NO_PRICE)
    ranges = (
        price for item in (candle.bid, candle.ask, traded) for price in (item.open, item.high, item.low, item.close)
    )
    previous = _NO_PRICE if candle.previous is None else candle.previous
    return _PACKED.pack(*ranges, previous, candle.volume, candle.value, candle.open_interest)


def _unpacked(end: Instant, packed: bytearray, place: int) -> Candle:
    *prices, previous, volume, value, interest = _PACKED.unpack_from(packed, place)
    bid, ask, traded = (Range(*prices[first : first + 4]) for first in (0, 4, 8))
    return Candle(
        end,
        bid,
        ask,
        None if traded.open == _NO_PRICE else traded,
        None if previous == _NO_PRICE else previous,
        volume,
        value,
        interest,
    )


def _copy(item: Range) -> Range:
    return Range(item.open, item.high, item.low, item.close)


def _copied(item: Range | None) -> Range | None:
    return None if item is None else _copy(item)
