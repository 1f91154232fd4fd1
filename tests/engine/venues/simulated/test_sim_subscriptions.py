"""The WebSocket protocol, without a socket: subscriptions, numbers, snapshots, errors."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from engine.market.fees import FeeSchedule
from engine.venues.simulated import subscriptions
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.faults import Fault
from engine.venues.simulated.market import FeeChange, Outcome
from engine.venues.simulated.stream import Stream

from .conftest import HIGH, LOW, Venue


class Line:
    """One session and what it was sent."""

    def __init__(self, venue: Venue) -> None:
        from datetime import UTC, datetime

        doorkeeper = Doorkeeper(lambda: datetime(2026, 11, 20, tzinfo=UTC))
        self.account = venue.account()
        self.sent: list[str] = []
        self.stream = Stream(venue.exchange, doorkeeper, lambda: None, lambda: 1_795_158_116_414)
        self.session = self.stream.open(self.account, self.sent.append)

    def say(self, number: int, cmd: str, **params: Any) -> list[dict[str, Any]]:
        self.session.handle(json.dumps({"id": number, "cmd": cmd, "params": params}))
        return self.heard()

    def heard(self) -> list[dict[str, Any]]:
        frames = [json.loads(each) for each in self.sent]
        assert all(each.endswith("\n") for each in self.sent)
        self.sent.clear()
        return frames


@pytest.fixture
def line(venue: Venue) -> Line:
    return Line(venue)


def test_one_subscribed_per_channel_then_the_snapshots(venue: Venue, line: Line) -> None:
    venue.order(line.account, "bid", "0.4700", "3.00")
    frames = line.say(1, "subscribe", channels=["orderbook_delta", "trade"], market_tickers=[HIGH, LOW])
    assert [(each["type"], each.get("id"), each.get("seq")) for each in frames] == [
        ("subscribed", 1, None),
        ("subscribed", 1, None),
        ("orderbook_snapshot", None, 1),
        ("orderbook_snapshot", None, 2),
    ]
    assert [each["msg"] for each in frames[:2]] == [
        {"channel": "orderbook_delta", "sid": 1},
        {"channel": "trade", "sid": 2},
    ]
    assert frames[2]["msg"]["yes_dollars_fp"] == [["0.4700", "3.00"]]
    assert "no_dollars_fp" not in frames[2]["msg"]
    assert {"yes_dollars_fp", "no_dollars_fp"} & frames[3]["msg"].keys() == set()


def test_seq_counts_over_all_markets_of_a_sid_and_ok_and_snapshots_take_numbers(venue: Venue, line: Line) -> None:
    line.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    venue.order(line.account, "bid", "0.4700")
    (first,) = line.heard()
    added = line.say(2, "update_subscription", sids=[1], action="add_markets", market_tickers=[LOW])
    venue.order(line.account, "bid", "0.3000", ticker=LOW)
    (delta,) = line.heard()
    snapshot = line.say(3, "update_subscription", sid=1, action="get_snapshot", market_ticker=HIGH)
    removed = line.say(4, "update_subscription", sids=[1], action="delete_markets", market_tickers=[HIGH])
    ended = line.say(5, "unsubscribe", sids=[1])
    frames = [first, *added, delta, *snapshot, *removed, *ended]
    assert [(each["type"], each["seq"]) for each in frames] == [
        ("orderbook_delta", 2),
        ("ok", 3),
        ("orderbook_snapshot", 4),
        ("orderbook_delta", 5),
        ("orderbook_snapshot", 6),
        ("ok", 7),
        ("unsubscribed", 8),
    ]
    assert snapshot[0]["id"] == 3
    assert added[0]["msg"] == {"market_tickers": sorted([HIGH, LOW])}
    assert removed[0]["msg"] == {"market_tickers": [LOW]}


def test_no_prices_are_on_the_no_scale_unless_the_yes_scale_is_asked_for(venue: Venue) -> None:
    plain, scaled = Line(venue), Line(venue)
    plain.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    scaled.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH], use_yes_price=True)
    venue.order(plain.account, "ask", "0.7000")
    (no,), (yes,) = plain.heard(), scaled.heard()
    assert (no["msg"]["side"], no["msg"]["price_dollars"]) == ("no", "0.3000")
    assert (yes["msg"]["side"], yes["msg"]["price_dollars"]) == ("no", "0.7000")


def test_a_snapshot_keeps_to_the_same_scale_as_its_deltas(venue: Venue) -> None:
    plain, scaled = Line(venue), Line(venue)
    venue.order(plain.account, "ask", "0.7000", "2.00")
    params = {"channels": ["orderbook_delta"], "market_tickers": [HIGH]}
    assert plain.say(1, "subscribe", **params)[1]["msg"]["no_dollars_fp"] == [["0.3000", "2.00"]]
    assert scaled.say(1, "subscribe", **params, use_yes_price=True)[1]["msg"]["no_dollars_fp"] == [["0.7000", "2.00"]]


def test_only_the_account_that_caused_a_delta_sees_its_client_order_id(venue: Venue) -> None:
    mine, theirs = Line(venue), Line(venue)
    for each in (mine, theirs):
        each.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    venue.order(mine.account, "bid", "0.4000", client_id='quoted "id"')
    assert mine.heard()[0]["msg"]["client_order_id"] == 'quoted "id"'
    assert "client_order_id" not in theirs.heard()[0]["msg"]


def test_the_book_is_the_snapshot_and_its_deltas(venue: Venue, line: Line) -> None:
    venue.order(line.account, "bid", "0.4700", "3.00")
    frames = line.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    book = {(side, price): count for side in ("yes",) for price, count in frames[1]["msg"]["yes_dollars_fp"]}
    order = venue.order(line.account, "bid", "0.4800", "1.50").order
    venue.order(venue.account(), "ask", "0.4700", "2.00")
    venue.trading.cancel_all(line.account)
    totals = {key: float(value) for key, value in book.items()}
    for each in line.heard():
        key = each["msg"]["side"], each["msg"]["price_dollars"]
        totals[key] = totals.get(key, 0.0) + float(each["msg"]["delta_fp"])
    assert not any(totals.values())
    assert order.filled == 150


def test_fills_orders_and_positions_go_to_their_owner_alone(venue: Venue) -> None:
    mine, theirs = Line(venue), Line(venue)
    for each in (mine, theirs):
        each.say(1, "subscribe", channels=["fill", "user_orders", "market_positions"])
    venue.order(venue.account(), "ask", "0.5000")
    venue.order(mine.account, "bid", "0.5000")
    frames = mine.heard()
    assert [each["type"] for each in frames] == ["fill", "market_position", "user_order"]
    assert frames[0]["msg"]["fee_cost"] == "0.017500"
    assert (frames[2]["msg"]["status"], frames[2]["msg"]["last_update_reason"]) == ("executed", "Trade")
    assert not any("seq" in each for each in frames)
    assert theirs.heard() == []


def test_a_position_that_is_paid_out_is_told_to_its_owner_alone(venue: Venue) -> None:
    mine, theirs = Line(venue), Line(venue)
    venue.order(venue.account(), "ask", "0.4000", "2.00")
    venue.order(mine.account, "bid", "0.4000", "2.00")
    for each in (mine, theirs):
        each.say(1, "subscribe", channels=["market_positions"])
    for market, value in ((venue.market, 10_000), (venue.other, 0)):
        market.outcome = Outcome("yes" if value else "no", "51", value)
        venue.exchange.settle(market, market.outcome)
    (told,) = mine.heard()
    assert (told["type"], told["msg"]["market_ticker"], told["msg"]["position_fp"]) == ("market_position", HIGH, "0.00")
    assert told["msg"]["realized_pnl_dollars"] == "1.200000"
    assert theirs.heard() == []


def test_a_channel_subscribed_again_merges_into_its_sid(venue: Venue, line: Line) -> None:
    line.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    again = line.say(2, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH, LOW])
    assert [(each["type"], each["msg"].get("sid"), each.get("seq")) for each in again] == [
        ("subscribed", 1, None),
        ("orderbook_snapshot", None, 2),
    ]
    line.session.handle('{"id":9,"cmd":"list_subscriptions"}')
    assert line.heard() == [{"type": "ok", "id": 9, "msg": [{"channel": "orderbook_delta", "sid": 1}]}]


def test_a_channel_subscribed_again_without_markets_hears_of_all(venue: Venue, line: Line) -> None:
    line.say(1, "subscribe", channels=["trade"], market_tickers=[HIGH])
    line.say(2, "subscribe", channels=["trade"])
    for side in ("bid", "ask"):
        venue.order(venue.account(), side, "0.5000", ticker=LOW)
    assert [(each["msg"]["market_ticker"], each["sid"]) for each in line.heard()] == [(LOW, 1)]


def test_without_markets_trade_and_ticker_hear_of_all(venue: Venue, line: Line) -> None:
    line.say(1, "subscribe", channels=["trade", "ticker"])
    for ticker in (HIGH, LOW):
        venue.order(venue.account(), "ask", "0.5000", ticker=ticker)
        venue.order(venue.account(), "bid", "0.5000", ticker=ticker)
    venue.exchange.tell_quotes()
    frames = line.heard()
    assert [(each["type"], each["msg"]["market_ticker"]) for each in frames] == [
        ("trade", HIGH),
        ("trade", LOW),
        ("ticker", HIGH),
        ("ticker", LOW),
    ]
    assert [each.get("seq") for each in frames] == [1, 2, None, None]


@pytest.mark.parametrize("channel", ["market_lifecycle_v2", "order_group_updates", "communications"])
@pytest.mark.parametrize("action", ["add_markets", "delete_markets", "get_snapshot"])
def test_a_channel_that_hears_of_every_market_goes_on_doing_so(line: Line, channel: str, action: str) -> None:
    line.say(1, "subscribe", channels=[channel])
    (refused,) = line.say(2, "update_subscription", sids=[1], action=action, market_tickers=[HIGH])
    assert refused["msg"]["code"] == 13
    assert line.session.channels[channel].wants("")


def test_markets_added_to_the_quotes_begin_with_their_quote_when_asked_for(line: Line) -> None:
    line.say(1, "subscribe", channels=["ticker"], market_tickers=[HIGH])
    update = {"sids": [1], "action": "add_markets"}
    added = line.say(2, "update_subscription", **update, market_tickers=[HIGH, LOW], send_initial_snapshot=True)
    assert [(each["type"], each["msg"].get("market_ticker")) for each in added] == [("ok", None), ("ticker", LOW)]
    line.say(3, "update_subscription", sids=[1], action="delete_markets", market_tickers=[LOW])
    assert [each["type"] for each in line.say(4, "update_subscription", **update, market_tickers=[LOW])] == ["ok"]


def test_an_ok_is_short_for_who_asked_for_that(line: Line) -> None:
    line.say(1, "subscribe", channels=["ticker"], market_tickers=[HIGH], skip_ticker_ack=True)
    (ok,) = line.say(2, "update_subscription", sids=[1], action="add_markets", market_tickers=[LOW])
    assert (ok["type"], ok["id"], ok["sid"], ok["msg"]) == ("ok", 2, 1, {})


def test_quotes_can_be_asked_for_by_the_ids_of_markets_and_books_cannot(venue: Venue, line: Line) -> None:
    ids = [venue.market.market_id]
    assert line.say(1, "subscribe", channels=["ticker"], market_ids=ids)[0]["type"] == "subscribed"
    assert line.say(2, "subscribe", channels=["orderbook_delta"], market_ids=ids)[0]["msg"]["code"] == 14
    line.say(3, "subscribe", channels=["orderbook_delta"], market_tickers=[LOW])
    (refused,) = line.say(4, "update_subscription", sids=[2], action="add_markets", market_ids=ids)
    assert refused["msg"]["code"] == 14


ERRORS = [
    ("not json", 1),
    ("[]", 1),
    ('{"id":1,"cmd":"subscribe"}', 2),
    ('{"id":1,"cmd":"subscribe","params":{}}', 3),
    ('{"id":1,"cmd":"unsubscribe","params":{}}', 4),
    ('{"id":1,"cmd":"dance","params":{}}', 5),
    ('{"id":1,"cmd":"unsubscribe","params":{"sids":[7]}}', 7),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["gossip"]}}', 8),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["trade"],"market_tickers":["NONE"]}}', 11),
    ('{"id":1,"cmd":"update_subscription","params":{"sids":[1,2],"action":"add_markets"}}', 12),
    ('{"id":1,"cmd":"update_subscription","params":{"sids":[1],"action":"wish"}}', 13),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"]}}', 14),
    ('{"id":1,"cmd":"update_subscription","params":{"sids":[1]}}', 15),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["communications"],"shard_factor":0}}', 19),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["communications"],"shard_key":0}}', 20),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["communications"],"shard_factor":2,"shard_key":2}}', 21),
    ('{"id":1,"cmd":"subscribe","params":{"channels":["communications"],"shard_factor":101}}', 22),
]


@pytest.mark.parametrize(("command", "code"), ERRORS)
def test_a_command_that_cannot_be_followed_is_answered_with_its_code(line: Line, command: str, code: int) -> None:
    line.say(1, "subscribe", channels=["trade"])
    line.session.handle(command)
    (error,) = line.heard()
    assert (error["type"], error["msg"]["code"]) == ("error", code)


def test_a_session_may_follow_so_many_markets_and_say_so_much_a_second(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_MARKETS", 1)
    monkeypatch.setattr(subscriptions, "MOST_COMMANDS_A_SECOND", 2)
    line.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    (limit,) = line.say(2, "update_subscription", sids=[1], action="add_markets", market_tickers=[LOW])
    (rate,) = line.say(3, "list_subscriptions")
    assert [each["msg"]["code"] for each in (limit, rate)] == [26, 27]


@pytest.mark.parametrize(("fault", "code"), [("overflow", 25), ("channel_error", 10)])
def test_a_terminal_error_ends_every_subscription(venue: Venue, line: Line, fault: str, code: int) -> None:
    line.say(1, "subscribe", channels=["orderbook_delta", "trade"], market_tickers=[HIGH])
    line.session.end(code, fault)
    assert [(each["msg"]["code"], each["seq"]) for each in line.heard()] == [(code, 2), (code, 1)]
    assert line.say(2, "list_subscriptions")[0]["msg"] == []


def test_a_command_times_out_when_a_fault_says_so(line: Line) -> None:
    line.session.faults.put(Fault.parse("command_timeout=on,count=1"))
    codes = [line.say(number, "list_subscriptions")[0]["msg"] for number in (1, 2)]
    assert codes == [{"code": 18, "msg": "Command timeout"}, []]


def test_an_event_with_fees_of_its_own_is_told(venue: Venue, line: Line) -> None:
    line.say(1, "subscribe", channels=["market_lifecycle_v2"])
    fees = FeeSchedule("quadratic", Decimal("0.5"))
    for seconds, override in ((1, fees), (2, None)):
        at = venue.exchange.now + seconds * 1_000_000
        venue.exchange.plan_fees(FeeChange(str(seconds), "KXTEST", "KXTEST-26NOV18", override, at))
    venue.exchange.advance(venue.exchange.now + 1_500_000)
    assert venue.market.fees is fees
    venue.exchange.advance(venue.exchange.now + 1_000_000)
    assert venue.market.fees.multiplier == 1
    told = [(each["type"], each["msg"]["fee_multiplier_override"]) for each in line.heard()]
    assert told == [("event_fee_update", 0.5), ("event_fee_update", None)]


def test_a_reader_that_is_too_slow_loses_its_subscriptions_and_is_told(venue: Venue, line: Line) -> None:
    line.say(1, "subscribe", channels=["orderbook_delta"], market_tickers=[HIGH])
    line.session.overflow()
    assert [each["msg"]["code"] for each in line.heard()] == [25]
    venue.order(line.account, "bid", "0.4000")
    assert line.heard() == []
