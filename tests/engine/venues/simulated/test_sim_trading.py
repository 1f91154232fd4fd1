"""What an account may do, and what it is refused with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.venues.simulated.happenings import Filled, GroupChanged, OrderChanged, Trade
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.market import MarketStatus
from engine.venues.simulated.order_groups import OrderGroup
from engine.venues.simulated.orders import Order, OrderStatus, Side, UpdateReason
from engine.venues.simulated.refusals import Refusal

from .conftest import HIGH, START, Venue


def refusal(act: Callable[[], object]) -> tuple[int, str, str | None]:
    with pytest.raises(Refusal) as caught:
        act()
    error: dict[str, Any] = caught.value.body["error"]
    return caught.value.status, error["code"], error.get("details")


def test_a_resting_order_is_acknowledged_with_all_of_it_remaining(venue: Venue) -> None:
    ack = venue.order(venue.account(), "bid", "0.4700", "3.00")
    assert (ack.filled, ack.remaining, ack.order.status) == (0, 300, OrderStatus.RESTING)


def test_a_crossing_order_trades_at_the_resting_price_and_rests_with_what_is_left(venue: Venue) -> None:
    maker, taker = venue.account(), venue.account()
    venue.order(maker, "ask", "0.5200", "1.00")
    ack = venue.order(taker, "bid", "0.5500", "3.00")
    assert (ack.filled, ack.remaining, ack.value) == (100, 200, 520_000)
    assert ack.fees == 17_500
    assert venue.market.quote() == (5_500, 200, 10_000, 0)


def test_immediate_or_cancel_without_liquidity_is_accepted_with_nothing_filled_and_nothing_left(venue: Venue) -> None:
    ack = venue.order(venue.account(), "bid", "0.4700", tif="immediate_or_cancel")
    assert (ack.filled, ack.remaining, ack.order.status) == (0, 0, OrderStatus.CANCELED)


def test_a_self_cross_under_taker_at_cross_stops_the_taker_after_what_it_met_before(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    venue.order(other, "bid", "0.4900", "1.00")
    resting = venue.order(account, "bid", "0.4800", "1.00").order
    ack = venue.order(account, "ask", "0.4800", "3.00")
    assert (ack.filled, ack.remaining) == (100, 0)
    assert (ack.order.status, ack.order.reason) == (OrderStatus.CANCELED, UpdateReason.SELF_TRADE)
    assert resting.status is OrderStatus.RESTING


def test_a_self_cross_under_maker_takes_the_resting_order_out_and_goes_on(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    resting = venue.order(account, "bid", "0.4900", "1.00").order
    venue.order(other, "bid", "0.4800", "1.00")
    ack = venue.order(account, "ask", "0.4800", "2.00", stp="maker")
    assert (ack.filled, ack.remaining) == (100, 100)
    assert (resting.status, resting.reason) == (OrderStatus.CANCELED, UpdateReason.SELF_TRADE)


def test_fill_or_kill_fills_whole_or_is_an_error(venue: Venue) -> None:
    maker, taker = venue.account(), venue.account()
    venue.order(maker, "ask", "0.5200", "2.00")
    kill = refusal(lambda: venue.order(taker, "bid", "0.5200", "3.00", tif="fill_or_kill"))
    assert kill == (409, "fill_or_kill_insufficient_resting_volume", None)
    assert venue.market.quote()[3] == 200
    assert venue.order(taker, "bid", "0.5200", "2.00", tif="fill_or_kill").filled == 200


def test_post_only_that_would_cross_is_refused(venue: Venue) -> None:
    venue.order(venue.account(), "ask", "0.5200")
    taker = venue.account()
    assert refusal(lambda: venue.order(taker, "bid", "0.5200", post_only=True)) == (
        400,
        "invalid_order",
        "post only cross",
    )
    assert venue.order(taker, "bid", "0.5100", post_only=True).remaining == 100


def test_prices_off_the_grid_and_sizes_of_nothing_are_refused(venue: Venue) -> None:
    account = venue.account()
    assert refusal(lambda: venue.order(account, "bid", "0.5150"))[1] == "invalid_price"
    assert refusal(lambda: venue.order(account, "bid", "1.0000"))[1] == "invalid_price"
    assert refusal(lambda: venue.order(account, "bid", "0.5000", "0.00"))[1] == "invalid_order_size"


def test_more_than_the_account_has_is_refused(venue: Venue) -> None:
    account = venue.account(10)
    venue.order(account, "bid", "0.5000", "19.00")
    assert refusal(lambda: venue.order(account, "bid", "0.5000", "2.00"))[:2] == (400, "insufficient_balance")


def test_the_fee_of_taking_must_be_there_too(venue: Venue) -> None:
    venue.order(venue.account(), "ask", "0.5000", "20.00")
    account = venue.account(10)
    take = {"tif": "immediate_or_cancel"}
    assert refusal(lambda: venue.order(account, "bid", "0.5000", "20.00", **take))[1] == "insufficient_balance"
    assert venue.order(account, "bid", "0.5000", "19.00", **take).filled == 1_900


def test_a_client_order_id_is_never_free_again(venue: Venue) -> None:
    account = venue.account()
    ack = venue.order(account, "bid", "0.4000", client_id="once")
    venue.trading.cancel(account, ack.order.order_id)
    assert refusal(lambda: venue.order(account, "bid", "0.4000", client_id="once"))[:2] == (409, "order_already_exists")


def test_canceled_executed_and_unknown_orders_are_not_found_alike(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    canceled = venue.order(account, "bid", "0.4000").order
    venue.trading.cancel(account, canceled.order_id)
    executed = venue.order(account, "bid", "0.4000").order
    venue.order(other, "ask", "0.4000")
    seen = [
        refusal(lambda order_id=order_id: venue.trading.cancel(account, order_id))  # type: ignore[misc]
        for order_id in (canceled.order_id, executed.order_id, "nothing")
    ]
    assert seen == [(404, "not_found", None)] * 3


def test_an_order_of_another_account_cannot_be_canceled(venue: Venue) -> None:
    order = venue.order(venue.account(), "bid", "0.4000").order
    assert refusal(lambda: venue.trading.cancel(venue.account(), order.order_id))[0] == 404


def test_an_order_expires_by_market_time(venue: Venue) -> None:
    account = venue.account()
    order = venue.order(account, "bid", "0.4000", expires=START + 5 * SECOND).order
    venue.exchange.advance(START + 4 * SECOND)
    assert order.status is OrderStatus.RESTING
    venue.exchange.advance(START + 5 * SECOND)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, UpdateReason.EXPIRY)
    assert venue.available(account) == account.cash
    assert refusal(lambda: venue.order(account, "bid", "0.4000", expires=START))[1] == "bad_request"


def test_reduce_only_shrinks_a_position_and_never_turns_it(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    venue.order(other, "ask", "0.5000", "2.00")
    venue.order(account, "bid", "0.5000", "2.00")
    venue.order(other, "bid", "0.4000", "9.00")
    ack = venue.order(account, "ask", "0.4000", "5.00", tif="immediate_or_cancel", reduce_only=True)
    assert (ack.filled, account.position(HIGH)) == (200, 0)
    assert ack.order.reason is UpdateReason.REDUCE_ONLY
    assert refusal(lambda: venue.order(account, "ask", "0.4000", reduce_only=True))[1] == "invalid_order"


def test_past_the_close_every_operation_is_refused_cancel_included(venue: Venue) -> None:
    account = venue.account()
    order = venue.order(account, "bid", "0.4000").order
    venue.market.status = MarketStatus.CLOSED
    assert refusal(lambda: venue.order(account, "bid", "0.4000"))[1] == "MARKET_INACTIVE"
    assert refusal(lambda: venue.trading.cancel(account, order.order_id))[1] == "MARKET_INACTIVE"


def test_in_a_trading_pause_orders_are_refused_and_cancels_go_through(venue: Venue) -> None:
    account = venue.account()
    order = venue.order(account, "bid", "0.4000").order
    venue.exchange.trading_active = False
    assert refusal(lambda: venue.order(account, "bid", "0.4000"))[:2] == (409, "trading_is_paused")
    assert venue.trading.cancel(account, order.order_id).reduced_by == 100


def test_cancel_all_takes_everything_out_and_catches_what_follows_for_its_time(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    for price in ("0.4000", "0.4100"):
        venue.order(account, "bid", price)
    kept = venue.order(other, "bid", "0.3000").order
    venue.trading.cancel_all(account)
    assert account.resting_orders() == []
    assert kept.status is OrderStatus.RESTING
    venue.system = 59_999_999_999
    caught = venue.order(account, "bid", "0.4000")
    assert (caught.remaining, caught.order.status) == (100, OrderStatus.CANCELED)
    venue.system = 60_000_000_000
    assert venue.order(account, "bid", "0.4000").order.status is OrderStatus.RESTING


def grouped(venue: Venue, limit: int) -> tuple[Any, OrderGroup]:
    account = venue.account()
    group = OrderGroup("group", limit)
    venue.trading.groups[account.user_id] = {"group": group}
    return account, group


def test_a_group_that_fills_more_than_its_limit_within_15_seconds_is_cancelled_and_shut(venue: Venue) -> None:
    account, group = grouped(venue, 300)
    other = venue.account()
    resting = [
        venue.order(account, "bid", price, "2.00", group="group").order for price in ("0.5000", "0.4900", "0.4800")
    ]
    venue.order(other, "ask", "0.5000", "2.00")
    assert not group.triggered
    venue.order(other, "ask", "0.4900", "1.50")
    assert group.triggered
    assert [order.status for order in resting] == [OrderStatus.EXECUTED, OrderStatus.CANCELED, OrderStatus.CANCELED]
    assert refusal(lambda: venue.order(account, "bid", "0.4000", group="group"))[0] == 409
    assert [each.event_type for each in venue.heard if isinstance(each, GroupChanged)] == ["triggered"]
    group.reset()
    assert venue.order(account, "bid", "0.4000", group="group").remaining == 100


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_group_that_one_taker_sweeps_beyond_its_limit_keeps_its_fills_and_ends_after_them(
    venue: Venue, anonymous: bool
) -> None:
    account, group = grouped(venue, 100)
    resting = [venue.order(account, "bid", "0.4000", "2.00", group="group").order for _ in range(4)]
    if anonymous:
        venue.trading.place_anonymous(venue.market, Order("crowd", HIGH, Side.ASK, 4_000, 500))
    else:
        venue.order(venue.account(), "ask", "0.4000", "5.00")
    assert [order.filled for order in resting] == [200, 200, 100, 0]
    assert [str(order.status) for order in resting] == ["executed", "executed", "canceled", "canceled"]
    assert (group.triggered, account.position(HIGH), account.resting_orders()) == (True, 500, [])
    assert venue.market.book.levels(Side.BID) == []


def test_fills_that_are_15_seconds_old_count_no_more(venue: Venue) -> None:
    account, group = grouped(venue, 300)
    other = venue.account()
    venue.order(account, "bid", "0.5000", "6.00", group="group")
    venue.order(other, "ask", "0.5000", "3.00", tif="immediate_or_cancel")
    venue.exchange.advance(START + 15 * SECOND)
    venue.order(other, "ask", "0.5000", "3.00", tif="immediate_or_cancel")
    assert not group.triggered


def test_everything_that_happens_is_told_in_order(venue: Venue) -> None:
    maker, taker = venue.account(), venue.account()
    venue.order(maker, "ask", "0.5200", "2.00")
    venue.heard.clear()
    venue.order(taker, "bid", "0.5200", "1.00")
    kinds = [type(each).__name__ for each in venue.heard]
    assert kinds == ["BookDelta", "Trade", "Filled", "Filled", "OrderChanged", "OrderChanged"]
    fills = [each.fill for each in venue.heard if isinstance(each, Filled)]
    assert [(fill.is_taker, fill.fee, fill.post_position) for fill in fills] == [(False, 0, -100), (True, 17_500, 100)]
    assert [each.order.status for each in venue.heard if isinstance(each, OrderChanged)] == [
        OrderStatus.RESTING,
        OrderStatus.EXECUTED,
    ]
    (trade,) = [each for each in venue.heard if isinstance(each, Trade)]
    assert trade.taker_side.outcome == "yes"


def test_a_series_with_maker_fees_charges_the_maker(build_venue: Callable[[str], Venue]) -> None:
    venue = build_venue("quadratic_with_maker_fees")
    maker, taker = venue.account(), venue.account()
    order = venue.order(maker, "ask", "0.5000", "1.00").order
    venue.order(taker, "bid", "0.5000", "1.00")
    assert order.maker_fees == 4_400
