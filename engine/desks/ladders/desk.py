"""The ladders desk: every strike of every family judged against its book. Pure; the caller rests and cancels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.desks.ladders.families import FamilySettings
from engine.desks.ladders.models import Model
from engine.desks.ladders.pricing import expected_value, fair_of, fair_yes, maker_prices
from engine.desks.ladders.verdict import NoQuote, Proposal, Verdict
from engine.market.fees import FeeSchedule, UnsupportedFees
from engine.market.money import ONE_CONTRACT, ONE_DOLLAR, Count, Price
from engine.market.view import BookView, MarketInfo, MarketStatus, is_crossed
from state.models import Side

NAME = "ladders"
QUIET_BEFORE_CLOSE = timedelta(seconds=60)
"""Market time before a close in which nothing new rests: what is bought then cannot be worked out of again."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the desk has of one market: net contracts, YES positive, NO negative."""

    net: Count = 0

    def room(self, side: Side, limit: Count) -> Count:
        """How many more of `side` may be bought before the position reaches `limit`; buying back comes on top."""
        return max(0, limit - (self.net if side == "YES" else -self.net))

    def against(self, side: Side) -> Count:
        """How many of `side` may be bought without doing more than close what is held."""
        return max(0, -self.net if side == "YES" else self.net)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a strike is judged on once nothing forbids to quote it."""

    market: MarketInfo
    family: FamilySettings
    fees: FeeSchedule
    fair: Price


@dataclass(frozen=True, slots=True)
class LaddersDesk:
    """Families by name and their models; `books_fresh_s` is the age beyond which a book is not traded on."""

    families: Mapping[str, FamilySettings]
    models: Mapping[str, Model]
    books_fresh_s: float

    def judge(
        self, market: MarketInfo, terms: Terms | NoQuote, book: BookView | None, holding: Holding, at: datetime
    ) -> Verdict:
        """One strike at market time `at`, on its `terms` then: proposals for the sides that pay enough, or why none."""
        if isinstance(terms, NoQuote):
            return Verdict(market.ticker, None, reason=terms)
        closed = _not_open(market, at)
        if closed is not None:
            return Verdict(market.ticker, terms.fair, reason=closed)
        if book is None or book.stale or not 0 <= book.age_s <= self.books_fresh_s:
            return Verdict(market.ticker, terms.fair, reason=NoQuote.BOOK_STALE)
        if not book.bids("YES") and not book.bids("NO"):
            return Verdict(market.ticker, terms.fair, reason=NoQuote.BOOK_EMPTY)
        if is_crossed(book):
            return Verdict(market.ticker, terms.fair, reason=NoQuote.BOOK_CROSSED)
        return _quote(terms, book, holding)

    def terms(self, market: MarketInfo, at: datetime) -> Terms | NoQuote:
        """The strike's fair value and fees, or why they cannot be had."""
        family, model = self.families.get(market.family), self.models.get(market.family)
        if family is None or model is None or not family.configured:
            return NoQuote.NOT_CONFIGURED
        forecast = model.forecast(market.event, at)
        if forecast is None:
            return NoQuote.NO_FORECAST
        if market.strike is None:
            return NoQuote.UNSUPPORTED_STRIKE
        if market.fees is None or not _maker_fee_known(market.fees):
            return NoQuote.UNSUPPORTED_FEES
        return Terms(market, family, market.fees, fair_yes(market.strike, forecast, family.step))


def _not_open(market: MarketInfo, at: datetime) -> NoQuote | None:
    if market.status is not MarketStatus.ACTIVE or not market.opens_at <= at < market.closes_at:
        return NoQuote.MARKET_CLOSED
    return NoQuote.TOO_CLOSE_TO_CLOSE if at >= market.closes_at - QUIET_BEFORE_CLOSE else None


def _maker_fee_known(fees: FeeSchedule) -> bool:
    try:
        fees.trade_fee(ONE_DOLLAR // 2, ONE_CONTRACT, taker=False)
    except UnsupportedFees:
        return False
    return True


def _quote(terms: Terms, book: BookView, holding: Holding) -> Verdict:
    sides: tuple[Side, Side] = ("YES", "NO")
    found = [_side(terms, book, side, holding) for side in sides]
    proposals = tuple(each for each in found if isinstance(each, Proposal))
    if proposals:
        return Verdict(terms.market.ticker, terms.fair, proposals)
    return Verdict(
        terms.market.ticker, terms.fair, reason=_strongest(each for each in found if isinstance(each, NoQuote))
    )


def _strongest(reasons: Iterable[NoQuote]) -> NoQuote:
    order = list(NoQuote)
    return min(reasons, key=order.index)


def _side(terms: Terms, book: BookView, side: Side, holding: Holding) -> Proposal | NoQuote:
    family, fair = terms.family, fair_of(side, terms.fair)
    count = min(family.contracts, holding.room(side, family.max_position))
    judged = count or family.contracts  # with no room left the edge still tells POSITION_LIMIT from NO_EDGE
    price = None
    for price in maker_prices(book, side, terms.market.grid):
        ev = expected_value(fair, price, judged, terms.fees)
        if ev >= family.min_edge * judged:
            if not count:
                return NoQuote.POSITION_LIMIT
            return Proposal(terms.market.ticker, family.name, side, price, count, fair, ev // count, ev)
    return NoQuote.NO_EDGE if price is not None or fair < family.min_edge else NoQuote.NO_REFERENCE
