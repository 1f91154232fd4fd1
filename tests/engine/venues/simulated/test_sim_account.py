"""Money: netting, collateral, what resting orders hold back, settlement; and that none is ever created."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.money import MICROS_PER_DOLLAR
from engine.venues.simulated.market import Outcome
from engine.venues.simulated.orders import Side
from engine.venues.simulated.refusals import Refusal

from .conftest import LOW, Venue

if TYPE_CHECKING:
    from engine.venues.simulated.account import Account

DOLLAR = MICROS_PER_DOLLAR


def trade(venue: Venue, buyer: Account, seller: Account, price: str, contracts: str, ticker: str | None = None) -> None:
    where = {"ticker": ticker} if ticker else {}
    venue.order(seller, "ask", price, contracts, **where)  # type: ignore[arg-type]
    ack = venue.order(buyer, "bid", price, contracts, tif="immediate_or_cancel", **where)  # type: ignore[arg-type]
    assert ack.filled, "nothing traded"


def test_a_sale_without_a_position_is_a_purchase_of_no(venue: Venue) -> None:
    buyer, seller = venue.account(), venue.account()
    trade(venue, buyer, seller, "0.3000", "10.00")
    assert seller.position(venue.market.ticker) == -1_000
    assert venue.available(seller) == 9_993 * DOLLAR
    assert seller.holdings[venue.market.ticker].cost == 7 * DOLLAR


def test_opposite_holdings_net_and_realise_the_difference(venue: Venue) -> None:
    account, others = venue.account(), venue.account()
    trade(venue, account, others, "0.3000", "10.00")
    trade(venue, others, account, "0.4500", "10.00")
    held = account.holdings[venue.market.ticker]
    assert (held.position, held.cost, held.realized) == (0, 0, 1_500_000)


def test_turning_a_position_round_closes_it_at_its_average_cost_first(venue: Venue) -> None:
    account, others = venue.account(), venue.account()
    trade(venue, account, others, "0.2000", "1.00")
    trade(venue, account, others, "0.4000", "1.00")
    trade(venue, others, account, "0.5000", "3.00")
    held = account.holdings[venue.market.ticker]
    assert (held.position, held.cost, held.realized) == (-100, 500_000, 400_000)


def test_no_positions_over_outcomes_of_which_one_can_win_need_one_dollar(venue: Venue) -> None:
    buyer, seller = venue.account(), venue.account(1_000)
    trade(venue, buyer, seller, "0.6000", "10.00")
    before = venue.available(seller)
    trade(venue, buyer, seller, "0.3000", "10.00", ticker=LOW)
    assert venue.available(seller) == before + 3 * DOLLAR


def test_resting_orders_hold_back_what_they_may_cost(venue: Venue) -> None:
    account = venue.account()
    venue.order(account, "bid", "0.4000", "10.00")
    venue.order(account, "ask", "0.9000", "10.00")
    assert venue.available(account) == 9_995 * DOLLAR


def test_what_closes_a_position_holds_nothing_back(venue: Venue) -> None:
    account, others = venue.account(), venue.account()
    trade(venue, account, others, "0.3000", "10.00")
    before = venue.available(account)
    venue.order(account, "ask", "0.9000", "10.00")
    assert venue.available(account) == before
    venue.order(account, "ask", "0.9000", "1.00")
    assert venue.available(account) == before - 100_000


def test_buying_back_what_is_netted_against_another_outcome_must_be_paid_for(venue: Venue) -> None:
    """The larger of two sales still needs its dollar: closing the other one frees none."""
    buyer, seller = venue.account(), venue.account(30)
    trade(venue, buyer, seller, "0.5000", "10.00")
    trade(venue, buyer, seller, "0.0200", "10.00", ticker=LOW)
    free = venue.available(seller)
    venue.order(seller, "bid", "0.9000", "10.00", ticker=LOW)
    assert venue.available(seller) == free - 9 * DOLLAR
    venue.order(buyer, "ask", "0.9000", "10.00", ticker=LOW)
    assert venue.available(seller) == free - 9 * DOLLAR


@pytest.mark.parametrize(("result", "value", "paid"), [("yes", 10_000, 10), ("no", 0, 0), ("scalar", 2_500, 2.5)])
def test_settlement_pays_what_a_contract_is_worth(venue: Venue, result: str, value: int, paid: float) -> None:
    buyer, seller = venue.account(), venue.account()
    trade(venue, buyer, seller, "0.3000", "10.00")
    held_before, cash, seller_cash = venue.money(), buyer.cash, seller.cash
    venue.exchange.settle(venue.market, Outcome(result, "", value))
    assert buyer.cash - cash == paid * DOLLAR
    assert seller.cash - seller_cash == -paid * DOLLAR
    assert buyer.position(venue.market.ticker) == 0
    assert buyer.settlements[0].revenue == paid * DOLLAR
    assert seller.settlements[0].revenue == (10 - paid) * DOLLAR
    assert venue.money() == held_before


def test_once_an_outcome_has_won_and_is_paid_the_others_need_no_collateral(venue: Venue) -> None:
    """One market of an event may be disputed and be paid out long after the one that won."""
    buyer, seller = venue.account(), venue.account(11)
    for ticker in (venue.market.ticker, LOW):
        trade(venue, buyer, seller, "0.5000", "10.00", ticker=ticker)
    free = venue.available(seller)
    venue.exchange.settle(venue.market, Outcome("yes", "", 10_000))
    assert venue.available(seller) == free
    venue.exchange.settle(venue.other, Outcome("no", "", 0))
    assert venue.available(seller) == free


COMMANDS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["bid", "ask"]),
        st.sampled_from([2, 10, 40, 49, 50, 51, 60, 90, 98]),
        st.integers(1, 1_000),
        st.sampled_from(["good_till_canceled", "immediate_or_cancel", "fill_or_kill"]),
        st.sampled_from(["taker_at_cross", "maker"]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=8,
    max_size=40,
)


@given(commands=COMMANDS, fee_type=st.sampled_from(["quadratic", "quadratic_with_maker_fees"]), ends_yes=st.booleans())
def test_no_money_is_created_and_nobody_owes_any(
    commands: list[tuple[int, str, int, int, str, str, bool, bool]], fee_type: str, ends_yes: bool
) -> None:
    venue = Venue(fee_type)
    accounts = [venue.account(20) for _ in range(3)]
    before = venue.money()
    for who, side, cents, count, tif, stp, cancel, low in commands:
        ticker = LOW if low else venue.market.ticker
        try:
            ack = venue.order(
                accounts[who], side, f"0.{cents:02d}00", f"{count / 100:.2f}", tif=tif, stp=stp, ticker=ticker
            )
            if cancel:
                venue.trading.cancel(accounts[who], ack.order.order_id)
        except Refusal:
            pass
        for market in (venue.market, venue.other):
            assert sum(account.position(market.ticker) for account in accounts) == 0
        for account in accounts:
            # a fill may round a fee up by 0.0001 beyond what was held back for it
            assert venue.available(account) > -DOLLAR // 100
            held_back = {ticker for ticker, orders in account.resting.items() if orders}
            assert set(account.reserves) == held_back
    assert venue.money() == before
    venue.exchange.settle(venue.market, Outcome("yes", "", 10_000) if ends_yes else Outcome("no", "", 0))
    venue.exchange.settle(venue.other, Outcome("no", "", 0))
    assert venue.money() == before
    assert venue.exchange.crowd_cash == 0


def test_the_population_pays_what_an_account_wins(venue: Venue) -> None:
    account, before = venue.account(), venue.money()
    chance = random.Random(5)
    from engine.venues.simulated.orders import Order

    for number in range(200):
        side = chance.choice(list(Side))
        price = chance.randrange(1, 100) * 100
        crowd = Order(f"crowd-{number}", venue.market.ticker, side, price, chance.randrange(1, 500))
        if venue.trading.place_anonymous(venue.market, crowd):
            venue.market.book.rest(crowd)
        venue.order(account, chance.choice(["bid", "ask"]), "0.5000", "2.00", tif="immediate_or_cancel")
    assert account.fills
    venue.exchange.settle(venue.market, Outcome("yes", "", 10_000))
    assert venue.money() == before
