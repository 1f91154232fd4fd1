"""The feed's protocol: frames as the exchange sends them in, events and commands out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.kalshi.book import Book
from engine.venues.kalshi.events import (
    BookChanged,
    BookReplaced,
    BookStale,
    EventNotice,
    FeedEvent,
    Fill,
    Gap,
    Lifecycle,
    Refused,
    Trade,
    Unreadable,
    UserOrder,
)
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.stream import Stream
from engine.venues.kalshi.wire import BookSide

NOW = 5_000_000_000_000
SECOND = 1_000_000_000
BOOKS_SID, TRADES_SID = 4, 5


class Session:
    """A stream, and the exchange's side of it."""

    def __init__(self, *tickers: str, use_yes_price: bool = True) -> None:
        self.events: list[FeedEvent] = []
        self.commands: list[dict[str, Any]] = []
        self.stream = Stream(self.events.append, use_yes_price=use_yes_price)
        self.seq = {BOOKS_SID: 0, TRADES_SID: 0}
        self.stream.add(tickers, NOW)
        self.open()

    def open(self) -> None:
        self.seq = {BOOKS_SID: 0, TRADES_SID: 0}
        self.stream.opened(lambda text: self.commands.append(orjson.loads(text)), NOW)
        asked = [channel for command in self.commands for channel in command["params"].get("channels", [])]
        for sid, channel in enumerate(("fill", "user_orders", "market_lifecycle_v2", "orderbook_delta", "trade"), 1):
            if channel in asked:
                self.say({"type": "subscribed", "id": 1, "msg": {"channel": channel, "sid": sid}})

    def say(self, frame: dict[str, Any], now: int = NOW) -> None:
        self.stream.receive(orjson.dumps(frame) + b"\n", now)

    def next(self, sid: int) -> int:
        self.seq[sid] += 1
        return self.seq[sid]

    def snapshot(self, ticker: str, yes: list[list[str]] | None = None, no: list[list[str]] | None = None) -> None:
        msg: dict[str, Any] = {"market_ticker": ticker, "market_id": "m", "clock": 1}
        msg |= {"yes_dollars_fp": yes} if yes else {}
        msg |= {"no_dollars_fp": no} if no else {}
        self.say({"type": "orderbook_snapshot", "sid": BOOKS_SID, "seq": self.next(BOOKS_SID), "msg": msg})

    def delta(self, ticker: str, side: str, price: str, delta: str, **more: object) -> None:
        msg = {"market_ticker": ticker, "market_id": "m", "clock": 1, "price_dollars": price, "delta_fp": delta,
               "side": side, "ts_ms": 1781159387354} | more  # fmt: skip
        self.say({"type": "orderbook_delta", "sid": BOOKS_SID, "seq": self.next(BOOKS_SID), "msg": msg})

    def book(self, ticker: str = "A") -> Book:
        return self.stream.books[ticker]

    def last(self) -> dict[str, Any]:
        return self.commands[-1]


@pytest.fixture
def session() -> Session:
    session = Session("A", "B")
    session.snapshot("A", [["0.4700", "3.00"]], [["0.5200", "1.00"]])
    session.snapshot("B")
    session.events.clear()
    session.commands.clear()
    return session


def test_one_subscription_covers_all_markets_and_one_the_account() -> None:
    session = Session("A", "B")
    assert session.commands == [
        {"id": 1, "cmd": "subscribe",
         "params": {"channels": ["fill", "user_orders", "market_lifecycle_v2"]}},
        {"id": 2, "cmd": "subscribe",
         "params": {"channels": ["orderbook_delta", "trade"], "market_tickers": ["A", "B"], "use_yes_price": True}},
    ]  # fmt: skip


def test_a_snapshot_then_deltas_make_the_book(session: Session) -> None:
    session.delta("A", "no", "0.5200", "-1.00")
    session.delta("A", "no", "0.5100", "2.00", client_order_id="s1-1")
    session.delta("A", "yes", "0.4700", "-0.50")
    assert session.book().levels() == BookLevels("A", ((4_700, 250),), ((5_100, 200),))
    assert session.events[1] == BookChanged("A", BookSide.ASK, 5_100, 200, 1781159387354, "s1-1")
    assert (session.book().as_of_ms, session.book().received_ns) == (1781159387354, NOW)


def test_on_the_no_scale_the_same_book_is_told_by_complements() -> None:
    session = Session("A", use_yes_price=False)
    session.snapshot("A", [["0.4700", "3.00"]], [["0.4800", "1.00"]])
    session.delta("A", "no", "0.4900", "2.00")
    assert session.last()["params"]["use_yes_price"] is False
    assert session.book().levels() == BookLevels("A", ((4_700, 300),), ((5_100, 200), (5_200, 100)))


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "use_yes_price", "expected"),
    [
        ("ws__orderbook_trade_yes.jsonl", True, BookLevels("T", ((4_700, 300),), ((5_200, 200),))),
        ("ws__orderbook_trade_noleg.jsonl", False, None),
    ],
)
def test_the_recorded_frames_end_in_exactly_the_book_they_describe(
    recorded: Path, name: str, use_yes_price: bool, expected: BookLevels | None
) -> None:
    ticker = "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP"
    frames = [line for line in (recorded / name).read_bytes().splitlines() if line]
    events: list[FeedEvent] = []
    stream = Stream(events.append, use_yes_price=use_yes_price)
    stream.add([ticker], NOW)
    stream.opened(lambda _: None, NOW)
    for frame in frames:
        stream.receive(frame, NOW)
    book = stream.books[ticker]
    assert book.stale is None
    assert stream.counters.messages == len(frames)
    assert (stream.counters.gaps, stream.counters.malformed, stream.counters.unknown) == (0, 0, 0)
    if expected is None:
        expected = _sum_of(frames, use_yes_price)
    assert (book.levels().bids, book.levels().asks) == (expected.bids, expected.asks)


def _sum_of(frames: list[bytes], use_yes_price: bool) -> BookLevels:
    """The book by plain arithmetic on the frames, in hundredths and ten-thousandths."""
    levels: dict[tuple[str, int], int] = {}
    for frame in map(orjson.loads, frames):
        msg = frame.get("msg", {})
        changes = [("yes", *each) for each in msg.get("yes_dollars_fp", [])]
        changes += [("no", *each) for each in msg.get("no_dollars_fp", [])]
        if frame["type"] == "orderbook_delta":
            changes.append((msg["side"], msg["price_dollars"], msg["delta_fp"]))
        for side, price, count in changes:
            at = round(float(price) * 10_000)
            key = (side, at if side == "yes" or use_yes_price else 10_000 - at)
            levels[key] = levels.get(key, 0) + round(float(count) * 100)
    bids = sorted(((p, c) for (side, p), c in levels.items() if side == "yes" and c), reverse=True)
    return BookLevels("T", tuple(bids), tuple(sorted((p, c) for (side, p), c in levels.items() if side == "no" and c)))


# --- gaps


def test_a_gap_makes_all_books_of_the_subscription_stale_until_a_snapshot_of_each(session: Session) -> None:
    session.next(BOOKS_SID)
    session.delta("A", "yes", "0.4700", "1.00")
    assert session.events == [
        Gap("orderbook_delta", 3, 4),
        BookStale("A", "frames 3 to 3 were lost"),
        BookStale("B", "frames 3 to 3 were lost"),
    ]
    assert session.last() | {"id": 0} == {
        "id": 0, "cmd": "update_subscription",
        "params": {"sids": [BOOKS_SID], "market_tickers": ["A", "B"], "action": "get_snapshot"},
    }  # fmt: skip
    session.delta("A", "yes", "0.4700", "1.00")
    assert session.book().depth(BookSide.BID, 4_700) == 300
    session.snapshot("A", [["0.4000", "9.00"]])
    assert session.book("A").stale is None
    assert session.book("B").stale is not None
    session.delta("A", "yes", "0.4000", "1.00")
    assert session.book().levels().bids == ((4_000, 1_000),)
    session.snapshot("B")
    assert session.book("B").stale is None
    assert session.stream.counters.gaps == 1


def test_every_frame_of_a_subscription_consumes_a_number(session: Session) -> None:
    session.say({"type": "ok", "id": 9, "sid": BOOKS_SID, "seq": session.next(BOOKS_SID), "msg": {}})
    session.delta("A", "yes", "0.4700", "1.00")
    assert session.stream.counters.gaps == 0
    assert session.book().depth(BookSide.BID, 4_700) == 400


def test_each_subscription_counts_for_itself(session: Session) -> None:
    trade(session)
    session.delta("A", "yes", "0.4700", "1.00")
    trade(session)
    assert session.stream.counters.gaps == 0


def test_a_gap_among_trades_is_told_and_leaves_the_books_alone(session: Session) -> None:
    session.next(TRADES_SID)
    trade(session)
    assert [type(event) for event in session.events] == [Gap, Trade]
    assert session.book().stale is None


def test_a_frame_that_comes_twice_counts_once(session: Session) -> None:
    session.delta("A", "yes", "0.4700", "1.00")
    session.seq[BOOKS_SID] -= 1
    session.delta("A", "yes", "0.4700", "1.00")
    assert session.book().depth(BookSide.BID, 4_700) == 400
    assert (session.stream.counters.duplicates, session.stream.counters.gaps) == (1, 0)


@given(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.integers(1, 5), st.integers(1, 50),
                          st.sampled_from(["", "", "", "drop", "twice"])), max_size=40))  # fmt: skip
def test_a_book_that_claims_to_be_fresh_is_never_wrong(changes: list[tuple[str, int, int, str]]) -> None:
    session, truth = Session("A", "B"), {"A": dict[int, int](), "B": dict[int, int]()}
    session.snapshot("A")
    session.snapshot("B")
    asked = len(session.commands)
    for ticker, cents, count, fault in changes:
        truth[ticker][cents * 100] = truth[ticker].get(cents * 100, 0) + count * 100
        if fault == "drop":
            session.next(BOOKS_SID)
        else:
            session.delta(ticker, "yes", f"0.{cents:02}00", f"{count}.00")
        if fault == "twice":
            session.seq[BOOKS_SID] -= 1
            session.delta(ticker, "yes", f"0.{cents:02}00", f"{count}.00")
        for command in session.commands[asked:]:
            for wanted in command["params"]["market_tickers"]:
                levels = [[f"0.{at // 100:02}00", f"{held // 100}.00"] for at, held in truth[wanted].items()]
                session.snapshot(wanted, levels)
        asked = len(session.commands)
        if fault != "drop":
            for each, book in session.stream.books.items():
                assert book.stale is not None or dict(book.levels().bids) == truth[each]


def test_a_book_that_falls_below_zero_is_stale_until_it_is_replaced(session: Session) -> None:
    session.delta("A", "yes", "0.4700", "-4.00")
    assert isinstance(session.events[-1], BookStale)
    assert session.last()["params"] == {"sids": [BOOKS_SID], "market_tickers": ["A"], "action": "get_snapshot"}
    assert session.book("B").stale is None
    assert session.stream.counters.damaged == 1
    session.snapshot("A")
    assert session.book("A").stale is None


def test_an_exchange_that_only_sends_damaged_snapshots_is_not_asked_for_ever(session: Session) -> None:
    session.delta("A", "yes", "0.4700", "-4.00")
    for _ in range(10):
        session.snapshot("A", [["0.4700", "0.00"]])
    assert len(session.commands) == 3
    assert session.book("A").stale is not None


def test_a_snapshot_that_does_not_come_is_asked_for_again_and_then_given_up(session: Session) -> None:
    session.next(BOOKS_SID)
    session.delta("A", "yes", "0.4700", "1.00")
    for seconds in range(1, 40):
        session.stream.tick(NOW + seconds * SECOND)
    assert [command["params"]["action"] for command in session.commands] == ["get_snapshot"] * 3
    assert session.book("A").stale == "the exchange sends no snapshot"
    assert session.stream.broken is None


# --- markets come and go


def test_a_new_market_is_added_to_the_subscriptions_that_there_are(session: Session) -> None:
    session.stream.add(["A", "C"], NOW)
    assert [command["params"] for command in session.commands] == [
        {"sids": [BOOKS_SID], "market_tickers": ["C"], "action": "add_markets"},
        {"sids": [TRADES_SID], "market_tickers": ["C"], "action": "add_markets"},
    ]
    assert session.book("C").stale == "no snapshot yet"
    session.snapshot("C", [["0.0100", "1.00"]])
    assert session.events[-1] == BookReplaced("C")


def test_a_market_that_is_left_has_no_book_and_its_frames_say_nothing(session: Session) -> None:
    session.stream.remove(["B", "never followed"])
    assert [command["params"]["action"] for command in session.commands] == ["delete_markets"] * 2
    session.delta("B", "yes", "0.4700", "1.00")
    assert session.events == []
    assert set(session.stream.books) == {"A"}


def test_without_markets_only_the_account_is_followed_until_the_first_comes() -> None:
    session = Session()
    assert len(session.commands) == 1
    session.stream.add(["A"], NOW)
    assert session.last()["cmd"] == "subscribe"
    assert session.last()["params"]["market_tickers"] == ["A"]


def test_a_new_session_starts_with_stale_books_and_its_own_numbers(session: Session) -> None:
    session.stream.closed("connection reset")
    assert session.book().stale == "connection reset"
    session.stream.add(["C"], NOW)
    session.open()
    assert session.last()["params"]["market_tickers"] == ["A", "B", "C"]
    session.snapshot("A", [["0.4000", "9.00"]])
    assert session.stream.counters.gaps == 0
    assert session.book().stale is None


# --- errors


def test_a_refused_market_is_named_and_no_longer_waited_for(session: Session) -> None:
    session.stream.add(["NONE"], NOW)
    session.say({"type": "error", "id": 3, "msg": {"code": 11, "msg": "unknown market", "market_ticker": "NONE"}})
    assert session.events[-1] == Refused(11, "unknown market", ("NONE",))
    assert session.book("NONE").stale == "refused by the exchange: unknown market"
    session.commands.clear()
    session.stream.tick(NOW + 60 * SECOND)
    assert session.commands == []


@pytest.mark.parametrize("code", [10, 25])
def test_a_subscription_that_the_exchange_ended_ends_the_session(session: Session, code: int) -> None:
    session.say({"type": "error", "sid": BOOKS_SID, "msg": {"code": code, "msg": "overflow"}})
    assert session.stream.broken is not None and "overflow" in session.stream.broken


def test_a_subscription_that_is_never_acknowledged_ends_the_session() -> None:
    stream = Stream(lambda _: None)
    stream.add(["A"], NOW)
    stream.opened(lambda _: None, NOW)
    stream.tick(NOW + 4 * SECOND)
    assert stream.broken is None
    stream.tick(NOW + 6 * SECOND)
    assert stream.broken is not None and "orderbook_delta" in stream.broken


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b"\xff",
        b'{"type":[]}',
        b'{"type":"trade","sid":[],"seq":1}',
        b'{"type":"trade","sid":5,"seq":"1"}',
    ],
)
def test_bytes_that_are_no_message_end_the_session(session: Session, frame: bytes) -> None:
    session.stream.receive(frame, NOW)
    assert session.stream.broken is not None
    assert session.stream.counters.malformed == 1


def test_an_unreadable_frame_is_told_and_an_unreadable_change_of_a_book_distrusts_the_books(session: Session) -> None:
    session.say({"type": "fill", "sid": 1, "msg": {"trade_id": "x"}})
    assert isinstance(session.events[-1], Unreadable)
    assert session.book().stale is None
    session.delta("A", "yes", "0.47", "lots")
    assert isinstance(session.events[-1], Unreadable)
    assert session.book().stale == "a frame that cannot be read"
    assert session.stream.broken is None


def test_a_frame_of_an_unknown_kind_is_counted_and_does_no_harm(session: Session) -> None:
    session.say({"type": "weather_report", "msg": {}})
    assert session.stream.counters.unknown == 1
    assert session.stream.broken is None


def test_what_the_listener_raises_is_not_taken_for_a_bad_frame() -> None:
    def broken(_: FeedEvent) -> None:
        raise KeyError("mine")

    stream = Stream(broken)
    stream.add(["A"], NOW)
    stream.opened(lambda _: None, NOW)
    with pytest.raises(KeyError, match="mine"):
        stream.receive(orjson.dumps({"type": "orderbook_snapshot", "sid": 1, "seq": 1,
                                     "msg": {"market_ticker": "A"}}), NOW)  # fmt: skip
    assert stream.counters.malformed == 0


# --- the other channels


def trade(session: Session) -> None:
    msg = {"trade_id": "t-1", "market_ticker": "A", "yes_price_dollars": "0.4700", "no_price_dollars": "0.5300",
           "count_fp": "7.77", "taker_side": "no", "taker_outcome_side": "no", "taker_book_side": "ask",
           "is_block_trade": False, "ts": 1781159387, "ts_ms": 1781159387354}  # fmt: skip
    session.say({"type": "trade", "sid": TRADES_SID, "seq": session.next(TRADES_SID), "msg": msg})


def test_a_print_names_its_taker_s_side_of_the_book(session: Session) -> None:
    trade(session)
    assert session.events == [Trade("t-1", "A", 4_700, 777, BookSide.ASK, 1781159387354)]


FILL = {"trade_id": "t-1", "order_id": "o-1", "client_order_id": "s1-1", "market_ticker": "A", "exchange_index": 0,
        "is_taker": True, "side": "no", "action": "buy", "purchased_side": "no", "outcome_side": "no",
        "book_side": "ask", "yes_price_dollars": "0.7000", "count_fp": "2.00", "fee_cost": "0.029400",
        "post_position_fp": "-2.00", "ts": 1781159387, "ts_ms": 1781159387354}  # fmt: skip
CANCELED = {"order_id": "o-1", "client_order_id": "s1-1", "user_id": "u", "ticker": "A", "exchange_index": 0,
            "status": "canceled", "outcome_side": "yes", "book_side": "bid", "side": "yes", "is_yes": True,
            "yes_price_dollars": "0.4700", "initial_count_fp": "3.00", "fill_count_fp": "1.00",
            "remaining_count_fp": "0.00", "taker_fill_cost_dollars": "0.470000", "maker_fill_cost_dollars": "0.000000",
            "taker_fees_dollars": "0.017500", "maker_fees_dollars": "0.000000", "order_group_id": "g-1",
            "created_ts_ms": 1, "last_updated_ts_ms": 1781159387354, "last_update_reason": "ExpiryCancel"}  # fmt: skip


def test_a_fill_of_ours(session: Session) -> None:
    session.say({"type": "fill", "sid": 1, "msg": FILL})
    assert session.events == [
        Fill("t-1", "o-1", "s1-1", "A", BookSide.ASK, 7_000, 200, True, 29_400, -200, 1781159387354)
    ]


def test_a_change_of_an_order_of_ours(session: Session) -> None:
    session.say({"type": "user_order", "sid": 2, "msg": CANCELED})
    assert session.events == [
        UserOrder("o-1", "s1-1", "A", "canceled", BookSide.BID, 4_700, 300, 100, 0, 17_500, "ExpiryCancel", "g-1",
                  1781159387354)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "msg"),
    [
        *(("fill", FILL | {name: 7}) for name in ("trade_id", "order_id", "client_order_id", "market_ticker")),
        *(("user_order", CANCELED | {name: 7}) for name in ("order_id", "client_order_id", "ticker", "status")),
        ("user_order", CANCELED | {"last_updated_ts_ms": 1781159387354000}),
        ("user_order", CANCELED | {"last_updated_ts_ms": "2026-06-11T08:29:47Z"}),
    ],
)
def test_a_word_on_an_order_of_ours_that_is_not_as_it_must_be_is_unreadable(
    session: Session, kind: str, msg: dict[str, object]
) -> None:
    session.say({"type": kind, "sid": 1, "msg": msg})
    assert [type(event) for event in session.events] == [Unreadable]


def test_a_resolution_and_a_new_event(session: Session) -> None:
    determined = {"market_ticker": "A", "event_type": "determined", "result": "yes", "settlement_value": "1.0000"}
    listed = {"event_ticker": "KXCPI-26DEC", "series_ticker": "KXCPI", "title": "CPI", "subtitle": "",
              "collateral_return_type": "", "exchange_index": 0}  # fmt: skip
    session.say({"type": "market_lifecycle_v2", "sid": 3, "seq": 1, "msg": determined})
    session.say({"type": "event_lifecycle", "sid": 3, "seq": 2, "msg": listed})
    assert session.events == [
        Lifecycle("A", "determined", "yes", 10_000, determined),
        EventNotice("KXCPI-26DEC", "event_lifecycle", listed),
    ]


def test_a_market_added_between_two_acknowledgements_is_followed_on_both_channels() -> None:
    session = Session("A")
    stream = session.stream
    stream.opened(lambda text: session.commands.append(orjson.loads(text)), NOW)
    session.say({"type": "subscribed", "id": 2, "msg": {"channel": "orderbook_delta", "sid": BOOKS_SID}})
    stream.add(["B"], NOW)
    assert session.last()["params"]["channels"] == ["orderbook_delta", "trade"]
    assert session.last()["params"]["market_tickers"] == ["B"]
