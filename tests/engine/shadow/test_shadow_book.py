from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.view import BookSnapshot, contracts, dollars
from engine.shadow.book import Book, fold
from engine.shadow.document import to_document
from engine.shadow.lines import Inexact, micros_of, usd
from state.models import Side
from state.models.shadow import ShadowBook
from state.models.trades import ShadowTrade

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)
TICKER = "KXCPI-26NOV-T0.3"


def fill(
    number: int,
    side: Side,
    price: int,
    count: int,
    fee: int = 0,
    ticker: str = TICKER,
    event: Literal["fill", "settlement"] = "fill",
) -> ShadowTrade:
    return ShadowTrade(
        at=NOW + timedelta(seconds=number),
        event=event,
        fill_id=f"p-{number}.1",
        order_id=f"p-{number}",
        ticker=ticker,
        desk="ladders",
        family="CPI",
        side=side,
        price=dollars(price),
        count=contracts(count),
        fee_usd=usd(fee),
        market_at=NOW,
        fair=None,
        queue_ahead=None,
        basis="print",
        source="simulated",
    )


def settlement(side: Side, paid: int, count: int) -> ShadowTrade:
    return fill(9_999, side, paid, count, event="settlement")


def document(book: Book, *views: BookSnapshot) -> ShadowBook:
    by_ticker = {view.ticker: view for view in views}
    return to_document(book, (), by_ticker, {TICKER: 5200}, source="simulated", books_fresh_s=10)


def test_buying_no_closes_yes_at_the_price_that_completes_a_dollar_after_the_fees_of_both_legs() -> None:
    book = Book()
    assert book.apply(fill(1, "YES", 4000, 1000, 4_200)) is None
    trade = book.apply(fill(2, "NO", 5500, 400, 1_700))
    assert trade is not None
    # sold 4 YES at 0.45 that cost 0.40; entry fee 4/10 of 0.0042, exit fee 0.0017
    assert trade.realized_pnl_usd == Decimal("0.196620")
    assert (trade.side, trade.size, trade.entry_price, trade.exit_price) == (
        "YES", Decimal("4.00"), Decimal("0.400000"), Decimal("0.4500"),
    )  # fmt: skip
    assert (trade.trade_id, trade.exit_reason) == ("trade-p-2.1", "opposite fill")
    assert (trade.entry_ts, trade.exit_ts) == (NOW + timedelta(seconds=1), NOW + timedelta(seconds=2))
    assert book.net(TICKER) == 600
    assert usd(book.realised) == trade.realized_pnl_usd
    assert book.fees == 5_900


def test_more_of_the_other_side_than_is_held_turns_the_position() -> None:
    book = Book()
    book.apply(fill(1, "YES", 4000, 300))
    trade = book.apply(fill(2, "NO", 5000, 1000, 1_000))
    assert trade is not None and trade.size == Decimal("3.00")
    position = book.positions[TICKER]
    assert (position.side, position.count, position.cost, position.fees) == ("NO", 700, 5000 * 700, 700)
    assert position.opened_at == NOW + timedelta(seconds=2)
    assert book.realised == 300 * 1000 - 300


@pytest.mark.parametrize(("paid", "profit"), [(10_000, "6.0"), (0, "-4.0"), (2_500, "-1.5")])
def test_a_settlement_pays_what_one_contract_of_the_side_paid(paid: int, profit: str) -> None:
    book = Book()
    book.apply(fill(1, "YES", 4000, 1000))
    trade = book.apply(settlement("YES", paid, 1000))
    assert trade is not None
    assert (trade.realized_pnl_usd, trade.exit_reason) == (Decimal(profit), "settlement")
    assert not book.positions
    assert book.fills == 1 and book.lines == 2


def test_a_settlement_of_a_market_without_position_closes_nothing() -> None:
    assert Book().apply(settlement("YES", 10_000, 100)) is None


def test_the_same_fill_twice_counts_once() -> None:
    book = Book()
    for _ in range(3):
        book.apply(fill(1, "YES", 4000, 1000, 4_200))
    assert (book.net(TICKER), book.fills, book.lines, book.fees) == (1000, 1, 1, 4_200)


@pytest.mark.parametrize("price", [Decimal("0.47001"), Decimal("1.5"), Decimal("-0.1")])
def test_a_price_this_house_cannot_count_is_refused_and_changes_nothing(price: Decimal) -> None:
    book = Book()
    with pytest.raises(ValueError, match=r"\d"):
        book.apply(fill(1, "YES", 4000, 1000).model_copy(update={"price": price}))
    assert book == Book()
    with pytest.raises(Inexact):
        micros_of(Decimal("0.0000001"))


def test_positions_are_marked_at_the_best_bid_of_their_own_side() -> None:
    book = Book()
    book.apply(fill(1, "YES", 4000, 1000, 4_200))
    book.apply(fill(2, "NO", 3000, 500, ticker="KXCPI-26NOV-T0.4"))
    shown = document(
        book,
        BookSnapshot(TICKER, yes=((4600, 1),), no=((5000, 1),)),
        BookSnapshot("KXCPI-26NOV-T0.4", yes=((6500, 1),), no=((2900, 1),)),
    )
    yes, no = shown.positions
    assert (yes.mark, yes.unrealised_usd) == (Decimal("0.4600"), Decimal("0.595800"))  # 10 × 0.06 − entry fees
    assert (yes.fair, yes.edge_cents) == (Decimal("0.5200"), Decimal("6.00"))
    assert (no.mark, no.unrealised_usd, no.fair) == (Decimal("0.2900"), Decimal("-0.050000"), None)
    assert shown.unrealised_usd == Decimal("0.545800")
    assert ShadowBook.model_validate_json(shown.model_dump_json()) == shown


@pytest.mark.parametrize(
    ("view", "note"),
    [
        (None, "no book"),
        (BookSnapshot(TICKER, yes=((4600, 1),), age_s=14.2, stale=True), "book stale 14s"),
        (BookSnapshot(TICKER, yes=((4600, 1),), age_s=11.0), "book stale 11s"),
        (BookSnapshot(TICKER, no=((4600, 1),)), "no bid"),
    ],
)
def test_without_a_mark_unrealised_is_unknown_never_zero(view: BookSnapshot | None, note: str) -> None:
    book = Book()
    book.apply(fill(1, "YES", 4000, 1000))
    shown = document(book, *([view] if view else []))
    position = shown.positions[0]
    assert (position.mark, position.unrealised_usd, position.edge_cents, position.note) == (None, None, None, note)
    assert shown.unrealised_usd is None


def test_an_empty_book_has_an_unrealised_of_zero_because_that_is_known() -> None:
    assert document(Book()).unrealised_usd == 0


fills = st.lists(
    st.tuples(
        st.sampled_from(["YES", "NO"]), st.integers(1, 9_999), st.integers(1, 5_000), st.integers(0, 20_000),
        st.sampled_from(["A", "B"]),
    ),
    max_size=30,
)  # fmt: skip


def lines_of(drawn: list[tuple[Side, int, int, int, str]]) -> list[ShadowTrade]:
    return [fill(number, *rest[:4], ticker=rest[4]) for number, rest in enumerate(drawn)]


@given(fills)
def test_no_money_is_made_or_lost_but_by_trading(drawn: list[tuple[Side, int, int, int, str]]) -> None:
    book, closed = fold(lines_of(drawn))
    cash = -sum(price * count + fee for _, price, count, fee, _ in drawn)
    for ticker in ("A", "B"):
        held = {side: sum(c for s, _, c, _, t in drawn if (s, t) == (side, ticker)) for side in ("YES", "NO")}
        cash += 10_000 * min(held.values())  # a pair of both is worth a dollar
        assert book.net(ticker) == held["YES"] - held["NO"]
    open_cost = sum(position.cost + position.fees for position in book.positions.values())
    assert book.realised - open_cost == cash
    assert sum((trade.realized_pnl_usd for trade in closed), Decimal(0)) == usd(book.realised)
    assert book.fees == sum(fee for *_, fee, _ in drawn)


@given(fills, st.data())
def test_a_book_rebuilt_from_a_journal_with_lines_told_twice_is_the_same_book(
    drawn: list[tuple[Side, int, int, int, str]], data: st.DataObject
) -> None:
    lines = lines_of(drawn)
    twice = [line for line in lines for _ in range(data.draw(st.integers(1, 2)))]
    assert fold(lines) == fold(twice)
