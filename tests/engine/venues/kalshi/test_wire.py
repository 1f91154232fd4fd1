from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.venues.kalshi.wire import BookSide, Intent, NewOrder, TimeInForce, from_wire, to_wire


def test_every_intent_at_every_price_stands_where_it_must() -> None:
    """Exhaustive: a bid wants YES to be worth more than its price, an ask less; nothing is paid twice."""
    for price in range(1, 10_000):
        assert to_wire(Intent.BUY_YES, price) == (BookSide.BID, price)
        assert to_wire(Intent.SELL_YES, price) == (BookSide.ASK, price)
        assert to_wire(Intent.BUY_NO, price) == (BookSide.ASK, 10_000 - price)
        assert to_wire(Intent.SELL_NO, price) == (BookSide.BID, 10_000 - price)
        for intent in Intent:
            assert from_wire(intent, to_wire(intent, price)[1]) == price


def test_a_no_purchase_at_30_cents_is_an_ask_at_70() -> None:
    assert to_wire(Intent.BUY_NO, 3_000) == (BookSide.ASK, 7_000)


@pytest.mark.parametrize("price", [0, 10_000, -1, 10_001])
@pytest.mark.parametrize("intent", list(Intent))
def test_nothing_is_bought_or_sold_at_nothing_or_a_dollar(intent: Intent, price: int) -> None:
    with pytest.raises(ValueError):
        to_wire(intent, price)
    with pytest.raises(ValueError):
        from_wire(intent, price)


def order(**changes: object) -> NewOrder:
    fields: dict = {"client_order_id": "a-1", "ticker": "KXHIGHNY-26OCT04-T70", "side": BookSide.BID,
                    "price": 4_700, "count": 300}  # fmt: skip
    return NewOrder(**(fields | changes))


def test_the_body_carries_decimal_strings_and_seconds() -> None:
    body = order(expires=datetime(2026, 11, 20, 14, 5, tzinfo=UTC), post_only=True, order_group_id="g-1").body()
    assert body == {
        "client_order_id": "a-1",
        "ticker": "KXHIGHNY-26OCT04-T70",
        "side": "bid",
        "price": "0.4700",
        "count": "3.00",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "post_only": True,
        "cancel_order_on_pause": True,
        "expiration_time": 1_795_183_500,
        "order_group_id": "g-1",
    }


def test_what_the_exchange_refuses_on_sight_is_never_built() -> None:
    ioc = TimeInForce.IMMEDIATE_OR_CANCEL
    assert order(time_in_force=ioc, reduce_only=True).body()["reduce_only"] is True
    for wrong in (
        {"price": 0},
        {"count": 0},
        {"client_order_id": ""},
        {"ticker": ""},
        {"reduce_only": True},
        {"post_only": True, "time_in_force": ioc},
        {"expires": datetime(2026, 11, 20, tzinfo=UTC), "time_in_force": ioc},
        {"reduce_only": True, "time_in_force": TimeInForce.FILL_OR_KILL},
    ):
        with pytest.raises(ValueError):
            order(**wrong)
