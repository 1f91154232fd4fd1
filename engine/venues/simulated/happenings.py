"""What happens at the exchange, told to whoever listens: streams, tests, a journal. Instants are market time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from engine.market.fees import FeeSchedule
from engine.market.money import Count, Price
from engine.venues.simulated.account import Account
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.market import EventSpec, Market, MarketStatus, RecordedFrame
from engine.venues.simulated.orders import ClientFill, ClientOrder, Side


@dataclass(frozen=True, slots=True)
class BookDelta:
    """A level changed by `delta`: `order` when a client's order caused it, `recorded` the frame it is replayed from."""

    market: Market
    side: Side
    price: Price
    delta: Count
    clock: int
    at: Instant
    order: ClientOrder | None = None
    recorded: RecordedFrame | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """A print. `taker_side` is the side of the book the taker came for."""

    trade_id: str
    market: Market
    price: Price
    count: Count
    taker_side: Side
    at: Instant


@dataclass(frozen=True, slots=True)
class Quoted:
    """The top of a book, or what was last traded there, is another than before."""

    market: Market
    at: Instant


@dataclass(frozen=True, slots=True)
class Filled:
    account: Account
    fill: ClientFill


@dataclass(frozen=True, slots=True)
class PaidOut:
    """What an account held in a market has been settled."""

    account: Account
    ticker: str


@dataclass(frozen=True, slots=True)
class OrderChanged:
    account: Account
    order: ClientOrder


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """`event_type` as the channel order_group_updates names it."""

    account: Account
    group_id: str
    event_type: str
    limit: Count
    at: Instant


@dataclass(frozen=True, slots=True)
class EventCreated:
    event: EventSpec


@dataclass(frozen=True, slots=True)
class FeesOverridden:
    """An event has fees of its own now, or, with None, its series' again."""

    event_ticker: str
    fees: FeeSchedule | None


class MarketEvent(Enum):
    """What market_lifecycle_v2 tells of a market; opening and closing by the clock are silent there."""

    CREATED = "created"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    CLOSE_DATE_UPDATED = "close_date_updated"
    PRICE_LEVEL_STRUCTURE_UPDATED = "price_level_structure_updated"
    STRIKE_UPDATED = "strike_updated"
    SUBTITLE_UPDATED = "subtitle_updated"
    DETERMINED = "determined"
    SETTLED = "settled"

    @property
    def wire(self) -> str:
        """`event_type`: strike and subtitle have one word for both."""
        metadata = (MarketEvent.STRIKE_UPDATED, MarketEvent.SUBTITLE_UPDATED)
        return "metadata_updated" if self in metadata else self.value


@dataclass(frozen=True, slots=True)
class MarketChanged:
    market: Market
    event: MarketEvent
    status: MarketStatus
    at: Instant


Happening: TypeAlias = (
    BookDelta
    | Trade
    | Quoted
    | Filled
    | PaidOut
    | OrderChanged
    | GroupChanged
    | EventCreated
    | FeesOverridden
    | MarketChanged
)
Listener: TypeAlias = Callable[[Happening], None]
