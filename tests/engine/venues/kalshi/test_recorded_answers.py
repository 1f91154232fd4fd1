"""Every recorded answer of the real exchange is read into our types."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from engine.market.strikes import UnsupportedStrike
from engine.venues.kalshi.fields import Fields
from engine.venues.kalshi.models import BookLevels, ExchangeStatus, Market, PublicTrade
from engine.venues.kalshi.portfolio import (
    AccountFill,
    Balance,
    Cancelled,
    Order,
    OrderAck,
    OrderStatus,
    Position,
    parse_cancelled,
)
from engine.venues.kalshi.wire import BookSide

pytestmark = pytest.mark.reference


def load(recorded: Path, name: str) -> Fields:
    return Fields(orjson.loads((recorded / f"{name}.json").read_bytes()), name)


def raw(recorded: Path, name: str) -> object:
    return orjson.loads((recorded / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    "name",
    ["markets__page1", "markets__page2", "markets__page3", "markets__high_temp", "markets__status_open",
     "markets__status_closed", "markets__status_settled", "markets__unauth_list"],
)  # fmt: skip
def test_markets(recorded: Path, name: str) -> None:
    markets = [Market.parse(each) for each in load(recorded, name).objects("markets")]
    assert markets
    for market in markets:
        assert market.grid.ticks
        assert market.yes_bid is None or market.yes_ask is None or market.yes_bid < market.yes_ask
        try:
            market.strike()
        except UnsupportedStrike:
            assert market.strike_type in (None, "structured", "custom", "functional")


def test_a_temperature_ladder_has_strikes_as_decimals(recorded: Path) -> None:
    markets = [Market.parse(each) for each in load(recorded, "markets__high_temp").objects("markets")]
    strikes = [market.strike() for market in markets if market.strike_type in ("greater", "less", "between")]
    assert strikes
    assert all(
        isinstance(bound, Decimal) for each in strikes for bound in (each.floor_strike, each.cap_strike) if bound
    )


def test_a_book(recorded: Path) -> None:
    levels = BookLevels.parse("T", load(recorded, "orderbook__base").nested("orderbook_fp"))
    assert levels == BookLevels("T", ((4_700, 300),), ((5_200, 300),))


def test_prints(recorded: Path) -> None:
    trades = [PublicTrade.parse(each) for each in load(recorded, "trades__public_recorded").objects("trades")]
    assert (trades[0].price, trades[0].count, trades[0].taker) == (300, 777, BookSide.BID)
    assert trades == sorted(trades, key=lambda trade: trade.at, reverse=True)


def test_status_and_balance(recorded: Path) -> None:
    assert ExchangeStatus.parse(raw(recorded, "exchange__status")) == ExchangeStatus(True, True, None)
    assert Balance.parse(raw(recorded, "auth__balance_ok")) == Balance(98_018_600, 1_980_000, 1781159348)


def test_orders_and_their_acks(recorded: Path) -> None:
    maker = OrderAck.parse(raw(recorded, "orders__create_v2_maker"))
    assert (maker.filled, maker.remaining, maker.average_price) == (0, 100, None)
    taker = OrderAck.parse(raw(recorded, "orders__create_v2_taker_ioc"))
    assert (taker.filled, taker.remaining, taker.average_price, taker.average_fee) == (100, 0, 520_000, 17_500)
    self_cross = OrderAck.parse(raw(recorded, "orders__stp_self_cross"))
    assert (self_cross.filled, self_cross.remaining) == (0, 0)
    orders = [Order.parse(each) for each in load(recorded, "portfolio__orders_list").objects("orders")]
    assert (orders[0].status, orders[0].fees, orders[0].fill_cost) == (OrderStatus.EXECUTED, 17_500, 520_000)
    assert Order.parse(load(recorded, "orders__get_after_create").nested("order")).status is OrderStatus.RESTING
    assert parse_cancelled(raw(recorded, "orders__cancel_v2")) == Cancelled("2597b999-f887-4195-8bac-c3f97a1f2021", 100)


def test_fills_and_positions(recorded: Path) -> None:
    fills = [AccountFill.parse(each) for each in load(recorded, "fills__after_taker").objects("fills")]
    assert (fills[0].side, fills[0].price, fills[0].fee, fills[0].is_taker) == (BookSide.BID, 5_200, 17_500, True)
    positions = [Position.parse(each) for each in load(recorded, "portfolio__positions").objects("market_positions")]
    assert (positions[0].count, positions[0].exposure, positions[0].fees) == (300, 2_500_000, 18_900)
