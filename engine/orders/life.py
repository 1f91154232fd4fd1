"""The life of one order, pure: what was intended, and every piece of evidence of what became of it.

intended → signed → last look → sent → acknowledged → resting, partly filled → filled or cancelled; or rejected, or not
sent; or *unresolved*: it left, and nobody answered. Evidence comes from three sources (acknowledgements, frames,
listings) in any order and more than once, so an order is a join of what it was told: any order and any repetition of
the same evidence ends in the same state. The exchange's words are ranked by its own time; an end is final at the
exchange, so an old listing wakes no order that has ended, and an order counts as ended only when every fill it is said
to have had is here. The answer to a cancel is no end yet: it has come before its effect, and instead of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias

from engine.market.money import Count, Micros, Price
from engine.venues.kalshi.portfolio import OrderStatus
from engine.venues.kalshi.wire import BookSide


class State(StrEnum):
    """Where an order is in its life."""

    INTENDED = "intended"
    SENT = "sent"
    UNRESOLVED = "unresolved"
    """It left, or may have, and no answer came: alive until asking has told otherwise."""
    RESTING = "resting"
    PARTLY_FILLED = "partly_filled"
    GONE = "gone"
    """A cancel was answered, done or 404: by that nothing rests, and no frame or listing shows yet how it ended."""
    ENDING = "ending"
    """Told that it ended, but not every fill it had is here."""
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    NEVER_ACCEPTED = "never_accepted"


FINAL = frozenset({State.FILLED, State.CANCELLED, State.REJECTED, State.NOT_SENT, State.NEVER_ACCEPTED})


class Fate(IntEnum):
    """What our own side knows of the sending. Later ones outrank earlier ones; the exchange's word outranks all."""

    INTENDED = 0
    SENT = 1
    UNRESOLVED = 2
    NOT_SENT = 3
    REJECTED = 4
    NEVER_ACCEPTED = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What was intended, as its journal line tells it. `price` is on the YES scale."""

    client_order_id: str
    ticker: str
    side: BookSide
    price: Price
    count: Count
    market_at: datetime
    """Market time of the intent."""
    expires: datetime | None = None
    """Market time at which the exchange ends it; None: it never rests."""
    order_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class OwnFill:
    """A fill of ours. `fill_id` is the trade's id, the one name frames and listings both give it."""

    fill_id: str
    count: Count
    price: Price
    fee: Micros
    at_ms: int


# --- evidence


@dataclass(frozen=True, slots=True)
class Ours:
    """What our own side saw of the sending, and why."""

    fate: Fate
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The exchange's word on an order, by acknowledgement, frame or listing; `at_ms` its time, 0 when it named none."""

    order_id: str
    status: OrderStatus
    filled: Count
    remaining: Count
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Filled:
    """One fill, by frame or listing."""

    order_id: str
    fill: OwnFill


@dataclass(frozen=True, slots=True)
class NothingRests:
    """A cancel was answered. `filled` is what the answer leaves for fills; a 404 says nothing of them."""

    order_id: str
    filled: Count = 0


Evidence: TypeAlias = Ours | Told | Filled | NothingRests


@dataclass(frozen=True, slots=True)
class Order:
    """One order: its plan, and the join of all evidence so far."""

    plan: Plan
    ours: Ours = Ours(Fate.INTENDED)
    order_ids: frozenset[str] = frozenset()
    """The exchange's names for it. Two would mean that one intent was accepted twice."""
    word: Told | None = None
    told_filled: Count = 0
    fills: tuple[OwnFill, ...] = ()
    """By fill id."""
    nothing_rests: bool = False

    def after(self, evidence: Evidence) -> Order:
        """The order with one more piece of evidence."""
        match evidence:
            case Ours():
                return replace(self, ours=max(self.ours, evidence, key=lambda each: (each.fate, each.reason)))
            case Told():
                word = evidence if self.word is None else max(self.word, evidence, key=_rank)
                told_filled = max(self.told_filled, evidence.filled)
                return replace(self, order_ids=self._named(evidence.order_id), word=word, told_filled=told_filled)
            case Filled():
                return replace(self, order_ids=self._named(evidence.order_id), fills=_with(self.fills, evidence.fill))
            case NothingRests():
                told_filled = max(self.told_filled, evidence.filled)
                named = self._named(evidence.order_id)
                return replace(self, order_ids=named, nothing_rests=True, told_filled=told_filled)

    @property
    def order_id(self) -> str | None:
        """The exchange's name for it; None while it has told none."""
        return min(self.order_ids, default=None)

    @property
    def filled_here(self) -> Count:
        """The sum of the fills that arrived."""
        return sum(fill.count for fill in self.fills)

    @property
    def filled(self) -> Count:
        """The most that was ever told, by counts or by fills."""
        return max(self.told_filled, self.filled_here)

    @property
    def missing(self) -> Count:
        """Contracts said to be filled whose fills are not here."""
        return self.filled - self.filled_here

    @property
    def state(self) -> State:
        """The state that all evidence together amounts to."""
        if not self.order_ids:
            return State[self.ours.fate.name]
        ended = self.word is not None and self.word.status is not OrderStatus.RESTING
        if ended or self.filled_here >= self.plan.count:
            if self.missing:
                return State.ENDING
            return State.FILLED if self.filled_here >= self.plan.count else State.CANCELLED
        if self.nothing_rests:
            return State.GONE
        return State.PARTLY_FILLED if self.filled else State.RESTING

    @property
    def alive(self) -> bool:
        """Whether anything may still come of it."""
        return self.state not in FINAL

    def _named(self, order_id: str) -> frozenset[str]:
        return self.order_ids if order_id in self.order_ids else self.order_ids | {order_id}


def _rank(word: Told) -> tuple[bool, int, Count, Count, str, str]:
    # an end is final, whatever a late copy says; among the rest the exchange's own time decides, then what went further
    ended = word.status is not OrderStatus.RESTING
    return ended, word.at_ms, word.filled, -word.remaining, word.status, word.order_id


def _with(fills: tuple[OwnFill, ...], fill: OwnFill) -> tuple[OwnFill, ...]:
    by_id = {each.fill_id: each for each in fills}
    known = by_id.get(fill.fill_id)
    if known == fill:
        return fills
    # a trade has one truth; should two sources ever differ, both orders of arrival must still agree
    by_id[fill.fill_id] = fill if known is None else max(known, fill, key=_fill_rank)
    return tuple(by_id[name] for name in sorted(by_id))


def _fill_rank(fill: OwnFill) -> tuple[Count, int, Price, Micros]:
    return fill.count, fill.at_ms, fill.price, fill.fee
