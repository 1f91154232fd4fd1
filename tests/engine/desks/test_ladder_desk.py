from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desks.ladders.desk import Holding, LaddersDesk, Terms
from engine.desks.ladders.families import FamilySettings
from engine.desks.ladders.models import ConfiguredModel
from engine.desks.ladders.pricing import expected_value, maker_prices
from engine.desks.ladders.requote import PATIENCE, Keep, Resting, Withdraw, review
from engine.desks.ladders.verdict import NoQuote, Proposal, Verdict
from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.strikes import Strike
from engine.market.view import BookSnapshot, MarketInfo, MarketStatus, other

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)
CENTS = PriceGrid(((0, 10_000, 100),))
TAPERED = PriceGrid(((0, 1000, 10), (1000, 9000, 100), (9000, 10_000, 10)))
PLAIN = FeeSchedule("quadratic", Decimal(1))
WITH_MAKER = FeeSchedule("quadratic_with_maker_fees", Decimal(1))
# mean on the strike's rounded edge: YES is worth exactly half a dollar
FAMILY = FamilySettings("WEATHER", ("KXHIGHNY",), 52.5, 3.0, Decimal(1), 100, 1_000, 5_000)
MARKET = MarketInfo(
    ticker="KXHIGHNY-26NOV17-T52",
    event="KXHIGHNY-26NOV17",
    series="KXHIGHNY",
    family="WEATHER",
    strike=Strike("greater", Decimal(52), None),
    grid=CENTS,
    fees=PLAIN,
    opens_at=NOW - timedelta(days=1),
    closes_at=NOW + timedelta(hours=11),
    status=MarketStatus.ACTIVE,
)
DESK = LaddersDesk({"WEATHER": FAMILY}, {"WEATHER": ConfiguredModel(FAMILY)}, books_fresh_s=10)
_WANTS_4_CENTS = replace(FAMILY, min_edge=400)
GREEDY = LaddersDesk({"WEATHER": _WANTS_4_CENTS}, {"WEATHER": ConfiguredModel(_WANTS_4_CENTS)}, books_fresh_s=10)
BOOK = BookSnapshot(MARKET.ticker, yes=((4600, 2000), (4500, 5000)), no=((4700, 1100), (4600, 900)))


def judge(
    market: MarketInfo = MARKET, book: BookSnapshot | None = BOOK, net: int = 0, desk: LaddersDesk = DESK
) -> Verdict:
    return desk.judge(market, desk.terms(market, NOW), book, Holding(net), NOW)


def test_it_bids_for_both_sides_when_both_pay_improving_by_a_tick_without_crossing() -> None:
    verdict = judge()
    assert verdict.fair == 5000
    assert [(p.side, p.price, p.count) for p in verdict.proposals] == [("YES", 4700, 1000), ("NO", 4800, 1000)]
    yes = verdict.proposals[0]
    assert (yes.edge, yes.ev) == (300, 300 * 1000)
    assert verdict.reason is None


def test_it_joins_the_best_bid_where_improving_would_cross() -> None:
    verdict = judge(book=replace(BOOK, yes=((4600, 2000),), no=((5300, 1100),)))
    assert [(p.side, p.price) for p in verdict.proposals] == [("YES", 4600)]


def test_it_stays_behind_the_best_bid_when_only_there_the_edge_is_enough() -> None:
    book = replace(BOOK, yes=((5000, 2000), (4900, 100)), no=((4900, 100),))
    assert [(p.side, p.price) for p in judge(book=book).proposals] == [("YES", 4900), ("NO", 4900)]


def test_the_maker_fee_of_the_series_counts_against_the_edge() -> None:
    book = replace(BOOK, yes=((4900, 2000),), no=((4900, 100),))
    market = replace(MARKET, fees=WITH_MAKER)
    assert [p.price for p in judge(book=book).proposals] == [4900, 4900]
    assert [p.price for p in judge(market, book).proposals] == [4800, 4800]  # 0.44 cents of fee at half a dollar
    for proposal in judge(market, book).proposals:
        assert proposal.ev == expected_value(proposal.fair, proposal.price, proposal.count, WITH_MAKER)
        assert proposal.edge >= FAMILY.min_edge


REASONS = {
    NoQuote.NOT_CONFIGURED: lambda: judge(replace(MARKET, family="CPI")),
    NoQuote.UNSUPPORTED_STRIKE: lambda: judge(replace(MARKET, strike=None)),
    NoQuote.UNSUPPORTED_FEES: lambda: judge(
        replace(MARKET, fees=FeeSchedule("quadratic_with_combo_maker_fees", Decimal(1)))
    ),
    NoQuote.MARKET_CLOSED: lambda: judge(replace(MARKET, status=MarketStatus.INACTIVE)),
    NoQuote.TOO_CLOSE_TO_CLOSE: lambda: judge(replace(MARKET, closes_at=NOW + timedelta(seconds=60))),
    NoQuote.BOOK_STALE: lambda: judge(book=replace(BOOK, stale=True)),
    NoQuote.BOOK_EMPTY: lambda: judge(book=replace(BOOK, yes=(), no=())),
    NoQuote.BOOK_CROSSED: lambda: judge(book=replace(BOOK, no=((5400, 100),))),
    NoQuote.POSITION_LIMIT: lambda: judge(book=replace(BOOK, no=((5300, 1),)), net=5_000),
    NoQuote.NO_REFERENCE: lambda: judge(book=replace(BOOK, yes=(), no=((5300, 1),))),
    NoQuote.NO_EDGE: lambda: judge(book=replace(BOOK, yes=((4900, 1),), no=((5000, 1),)), desk=GREEDY),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_strike_without_a_quote_has_its_reason(reason: NoQuote) -> None:
    verdict = REASONS[reason]()
    assert verdict.reason is reason
    assert not verdict.proposals


@pytest.mark.parametrize(
    "book", [None, replace(BOOK, age_s=10.1), replace(BOOK, age_s=-1.0), replace(BOOK, age_s=float("nan"))]
)
def test_a_book_nobody_vouches_for_is_not_traded_on(book: BookSnapshot | None) -> None:
    assert judge(book=book).reason is NoQuote.BOOK_STALE


def test_buying_stops_at_the_position_limit_and_buying_back_does_not() -> None:
    assert [(p.side, p.count) for p in judge(net=4_500).proposals] == [("YES", 500), ("NO", 1000)]
    assert [p.side for p in judge(net=5_000).proposals] == ["NO"]
    assert [p.side for p in judge(net=-5_000).proposals] == ["YES"]


def test_no_bids_are_on_the_no_side_of_a_tapered_grid() -> None:
    book = BookSnapshot(MARKET.ticker, yes=((200, 100),), no=((9700, 100),))
    assert next(iter(maker_prices(book, "NO", TAPERED))) == 9710
    assert all(TAPERED.allows(10_000 - price) for price in maker_prices(book, "NO", TAPERED))


levels = st.lists(st.tuples(st.integers(1, 99), st.integers(1, 50_000)), max_size=6, unique_by=lambda level: level[0])


@given(
    levels, levels, st.integers(-6_000, 6_000), st.sampled_from([PLAIN, WITH_MAKER]), st.sampled_from([CENTS, TAPERED])
)
def test_every_strike_gets_proposals_that_pay_and_do_not_cross_or_a_reason(
    yes: list[tuple[int, int]], no: list[tuple[int, int]], net: int, fees: FeeSchedule, grid: PriceGrid
) -> None:
    book = BookSnapshot(
        MARKET.ticker,
        tuple(sorted(((100 * price, size) for price, size in yes), reverse=True)),
        tuple(sorted(((100 * price, size) for price, size in no), reverse=True)),
    )
    verdict = judge(replace(MARKET, fees=fees, grid=grid), book, net)
    assert bool(verdict.proposals) != (verdict.reason is not None)
    for proposal in verdict.proposals:
        against = book.bids(other(proposal.side))
        assert not against or proposal.price < 10_000 - against[0][0]
        assert proposal.ev >= FAMILY.min_edge * proposal.count
        assert grid.allows(proposal.price if proposal.side == "YES" else 10_000 - proposal.price)
        held = net if proposal.side == "YES" else -net
        assert proposal.count > 0 and held + proposal.count <= max(FAMILY.max_position, held)
    if len(verdict.proposals) == 2:
        assert sum(proposal.price for proposal in verdict.proposals) < 10_000  # we never trade with ourselves


# requoting

TERMS = Terms(MARKET, FAMILY, PLAIN, 5000)


def proposal(price: int) -> Verdict:
    return Verdict(MARKET.ticker, 5000, (Proposal(MARKET.ticker, "WEATHER", "YES", price, 1000, 5000, 100, 100_000),))


def resting(price: int, *, ahead: int = 0, lagging: int = 0, remaining: int = 1000) -> Resting:
    return Resting("YES", price, remaining, ahead, lagging)


NO_EDGE = Verdict(MARKET.ticker, 5000, reason=NoQuote.NO_EDGE)


def test_an_order_where_a_new_one_would_go_keeps_its_place() -> None:
    assert review(resting(4600, ahead=200), proposal(4600), TERMS, BOOK, Holding()) == Keep()


def test_an_order_keeps_its_place_while_half_the_edge_is_left_and_goes_when_it_is_not() -> None:
    assert review(resting(4950), NO_EDGE, TERMS, BOOK, Holding()) == Keep()
    assert review(resting(4960), NO_EDGE, TERMS, BOOK, Holding()) is Withdraw.EDGE_GONE


def test_a_tick_behind_it_waits_a_few_cycles_before_it_follows() -> None:
    for lagging in range(PATIENCE):
        decision = review(resting(4600, ahead=300, lagging=lagging), proposal(4700), TERMS, BOOK, Holding())
        assert decision == Keep(lagging + 1)
    tired = resting(4600, ahead=300, lagging=PATIENCE)
    assert review(tired, proposal(4700), TERMS, BOOK, Holding()) is Withdraw.PRICE_MOVED


def test_first_in_line_at_the_best_price_it_never_outbids_itself() -> None:
    assert review(resting(4600, lagging=PATIENCE), proposal(4700), TERMS, BOOK, Holding()) == Keep()


def test_two_ticks_away_it_follows_at_once_in_either_direction() -> None:
    assert review(resting(4500, ahead=1), proposal(4700), TERMS, BOOK, Holding()) is Withdraw.PRICE_MOVED
    assert review(resting(4800), proposal(4600), TERMS, BOOK, Holding()) is Withdraw.PRICE_MOVED
    assert review(resting(4700), proposal(4600), TERMS, BOOK, Holding()) == Keep()


def test_a_stale_book_a_closed_market_or_a_lost_belief_takes_it_back() -> None:
    for reason in (NoQuote.BOOK_STALE, NoQuote.MARKET_CLOSED, NoQuote.TOO_CLOSE_TO_CLOSE, NoQuote.BOOK_EMPTY):
        assert review(resting(4600), Verdict(MARKET.ticker, 5000, reason=reason), TERMS, BOOK, Holding()) is reason
    lost = NoQuote.NOT_CONFIGURED
    assert review(resting(4600), Verdict(MARKET.ticker, None, reason=lost), lost, BOOK, Holding()) is lost


def test_an_order_larger_than_the_room_left_goes() -> None:
    assert review(resting(4600), NO_EDGE, TERMS, BOOK, Holding(4_000)) == Keep()
    assert review(resting(4600), NO_EDGE, TERMS, BOOK, Holding(4_001)) is NoQuote.POSITION_LIMIT
