"""Series, events and markets: what is fixed about them, and what changes while they trade."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.market.strikes import Strike
from engine.venues.simulated.candles import Candles
from engine.venues.simulated.instants import HOUR, Instant
from engine.venues.simulated.matching import Book, LevelChange
from engine.venues.simulated.orders import Side

_MARKET_IDS = uuid.UUID("6b0f7d5e-3a58-4c0e-9f2b-7f4f0a3f9c11")
LINEAR_CENT = PriceGrid(((0, 10_000, 100),))


class MarketStatus(StrEnum):
    """`status` of a market; the listing filters use other words (facts §1.8)."""

    INITIALIZED = "initialized"
    INACTIVE = "inactive"
    ACTIVE = "active"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    AMENDED = "amended"
    FINALIZED = "finalized"


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """A series as its contract terms fix it."""

    ticker: str
    title: str
    frequency: str
    category: str
    tags: tuple[str, ...]
    sources: tuple[Source, ...]
    fees: FeeSchedule
    price_level_structure: str = "linear_cent"
    grid: PriceGrid = LINEAR_CENT


@dataclass(frozen=True, slots=True)
class Latent:
    """What an event is about, as a random walk: known exactly only when it is published.

    The forecast starts at `center` when the event opens and spreads by `drift` (standard deviation) until `known`;
    the published value differs from the last forecast by `surprise` and is rounded to `step`.
    """

    center: float
    drift: float
    surprise: float
    step: Decimal
    opens: Instant
    known: Instant


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """A market as it was listed. `listed` is when it was created, `expected_expiration` when its result is due."""

    ticker: str
    event_ticker: str
    title: str
    yes_sub_title: str
    rules_primary: str
    strike: Strike | None
    strike_type: str
    listed: Instant
    opens: Instant
    closes: Instant
    expected_expiration: Instant
    settlement_timer_seconds: int
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    custom_strike: dict[str, str] | None = None
    rules_secondary: str = ""


@dataclass(frozen=True, slots=True)
class EventSpec:
    """An event with its ladder. `determines`: when its value is published; `latent` None where the result is given."""

    ticker: str
    series: SeriesSpec
    title: str
    sub_title: str
    mutually_exclusive: bool
    strike_date: Instant | None
    markets: tuple[MarketSpec, ...]
    determines: Instant
    latent: Latent | None = None

    @property
    def opens(self) -> Instant:
        return min(market.opens for market in self.markets)

    @property
    def closes(self) -> Instant:
        return max(market.closes for market in self.markets)

    @property
    def collateral_return_type(self) -> str:
        """MECNET where only one outcome can win, so that NO positions over several net."""
        return "MECNET" if self.mutually_exclusive else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a market ended: its result, the published value as text, and what a YES contract pays."""

    result: str
    expiration_value: str
    value: Price


@dataclass(frozen=True, slots=True)
class FeeChange:
    """Fees that a series, or one event of it, gets at an instant; `fees` None: the event's override ends."""

    change_id: str
    series_ticker: str
    event_ticker: str | None
    fees: FeeSchedule | None
    at: Instant


@dataclass(slots=True)
class Volume:
    """Contracts traded: ever, and over the last 24 hours by whole hours."""

    total: Count = 0
    dollars: Micros = 0
    hours: dict[int, Count] = field(default_factory=dict)

    def add(self, count: Count, price: Price, at: Instant) -> None:
        self.total += count
        self.dollars += price * count
        hour = at // HOUR
        self.hours[hour] = self.hours.get(hour, 0) + count
        if len(self.hours) > 25:
            self.hours = {key: value for key, value in self.hours.items() if key > hour - 24}

    def last_day(self, at: Instant) -> Count:
        return sum(count for hour, count in self.hours.items() if hour > at // HOUR - 24)


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A frame as it was recorded, and its place in the session that it was sent in."""

    text: str
    sid: int
    seq: int
    use_yes_price: bool

    def fits(self, sid: int, seq: int, *, use_yes_price: bool) -> bool:
        """Whether a session that is about to send this number may send the frame byte for byte."""
        return (self.sid, self.seq, self.use_yes_price) == (sid, seq, use_yes_price)


class Market:
    """One market while it lives."""

    __slots__ = (
        "book",
        "candles",
        "clock",
        "event",
        "fees",
        "grid",
        "last_price",
        "last_size",
        "market_id",
        "open_interest",
        "outcome",
        "previous",
        "price_level_structure",
        "recorded",
        "settled",
        "spec",
        "status",
        "updated",
        "volume",
    )

    def __init__(self, spec: MarketSpec, event: EventSpec, changed: LevelChange) -> None:
        self.spec = spec
        self.event = event
        self.fees = event.series.fees
        self.grid = event.series.grid
        self.price_level_structure = event.series.price_level_structure
        self.market_id = str(uuid.uuid5(_MARKET_IDS, spec.ticker))
        self.book = Book(changed)
        self.status = MarketStatus.INITIALIZED
        self.clock = 0
        self.candles = Candles()
        self.last_price: Price | None = None
        self.last_size: Count = 0
        self.previous: tuple[Price, Price, Price] = (0, 0, 0)
        self.volume = Volume()
        self.open_interest: Count = 0
        self.outcome: Outcome | None = None
        self.settled: Instant | None = None
        # the frame its book was recorded in, as long as the book is still that one
        self.recorded: RecordedFrame | None = None
        # what a trade changes is no update: clients poll for markets whose terms or status are others now
        self.updated: Instant = spec.listed

    @property
    def ticker(self) -> str:
        return self.spec.ticker

    def best(self) -> tuple[Price, Price]:
        """Best bid and best ask; an empty side is 0 and one dollar, as on the wire."""
        bid, ask = self.book.best(Side.BID), self.book.best(Side.ASK)
        return bid or 0, ONE_DOLLAR if ask is None else ask

    def quote(self) -> tuple[Price, Count, Price, Count]:
        """Best bid, its size, best ask, its size; an empty side is 0 and one dollar, as on the wire."""
        bid, ask = self.book.best(Side.BID), self.book.best(Side.ASK)
        return (
            bid or 0,
            self.book.total(Side.BID, bid) if bid is not None else 0,
            ask if ask is not None else 10_000,
            self.book.total(Side.ASK, ask) if ask is not None else 0,
        )
