"""What the desk says of a strike: what it would bid, or the one reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.market.money import Count, Micros, Price
from state.models import Side


class NoQuote(StrEnum):
    """Why a strike gets no order; the first that applies, in this order."""

    NOT_CONFIGURED = "not_configured"
    """Nobody trades its series, or the family has no mean and spread."""
    NO_FORECAST = "no_forecast"
    """The model has no inputs for this event."""
    UNSUPPORTED_STRIKE = "unsupported_strike"
    UNSUPPORTED_FEES = "unsupported_fees"
    MARKET_CLOSED = "market_closed"
    """Not open by its status or by market time."""
    TOO_CLOSE_TO_CLOSE = "too_close_to_close"
    BOOK_STALE = "book_stale"
    """The feed does not vouch for the book, or last did so too long ago; also when there is none."""
    BOOK_EMPTY = "book_empty"
    BOOK_CROSSED = "book_crossed"
    """Bid and ask meet: the book is between two states."""
    POSITION_LIMIT = "position_limit"
    """There is an edge, and the limit is used up."""
    NO_REFERENCE = "no_reference"
    """There may be an edge, but nobody bids on that side to join."""
    NO_EDGE = "no_edge"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One maker order the desk would rest. Prices on the scale of `side`."""

    ticker: str
    family: str
    side: Side
    price: Price
    count: Count
    fair: Price
    """Model probability that `side` pays, 1/10,000."""
    edge: Price
    """EV of one contract after the maker fee of the whole order, 1/10,000 dollar, rounded down."""
    ev: Micros
    """Model EV of the whole order after its fee. Expected, never realised."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One strike, judged. `reason` is None exactly when there are proposals."""

    ticker: str
    fair: Price | None
    """Model probability of YES, 1/10,000; None when it could not be computed."""
    proposals: tuple[Proposal, ...] = ()
    reason: NoQuote | None = None

    def __post_init__(self) -> None:
        assert (self.reason is None) == bool(self.proposals), self
