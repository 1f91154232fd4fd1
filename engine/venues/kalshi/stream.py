"""The feed's protocol without its socket: frames in, commands out, books kept, gaps found and healed.

`seq` counts per subscription (sid), over all its markets; every frame that carries one consumes it. A gap makes all
books of the sid stale until a snapshot of each has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from engine.market.money import ONE_DOLLAR, Count, Price, parse_count, parse_price
from engine.venues.kalshi.book import Book, BookDamaged
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
from engine.venues.kalshi.snapshots import PATIENCE_NS, AwaitedSnapshots
from engine.venues.kalshi.wire import BookSide

Message: TypeAlias = dict[str, Any]

BOOKS, TRADES = "orderbook_delta", "trade"
_PER_MARKET = (BOOKS, TRADES)
_PER_ACCOUNT = ("fill", "user_orders", "market_lifecycle_v2")
_BOOK_FRAMES = frozenset({"orderbook_snapshot", "orderbook_delta"})
_SIDES = {"yes": BookSide.BID, "no": BookSide.ASK}
# 10 channel error, 25 subscription buffer overflow: the subscription is over
_TERMINAL = frozenset({10, 25})


@dataclass(slots=True)
class Counters:
    """What came since the process started; they only grow."""

    messages: int = 0
    gaps: int = 0
    duplicates: int = 0
    malformed: int = 0
    unknown: int = 0
    damaged: int = 0
    reconnects: int = 0


class Stream:
    """One session after another over the same books.

    `send` takes a command's text; `listener` takes each event, and what it raises is not caught here. `broken` names
    the reason when the session is beyond repair: the socket's owner then connects anew.
    """

    def __init__(self, listener: Callable[[FeedEvent], None], *, use_yes_price: bool = True) -> None:
        self.books: dict[str, Book] = {}
        self.counters = Counters()
        self.broken: str | None = None
        self._listener = listener
        self._use_yes_price = use_yes_price
        self._send: Callable[[str], None] | None = None
        self._next_id = 1
        self._seq: dict[int, int] = {}
        self._channel_of: dict[int, str] = {}
        self._sid_of: dict[str, int] = {}
        self._unacknowledged: dict[str, int] = {}
        self._awaited = AwaitedSnapshots()
        self._parsers: dict[str, Callable[[Message, int], FeedEvent | None]] = {
            "orderbook_delta": self._delta,
            "orderbook_snapshot": self._snapshot,
            "trade": lambda message, _: Trade.parse(message["msg"]),
            "fill": lambda message, _: Fill.parse(message["msg"]),
            "user_order": lambda message, _: UserOrder.parse(message["msg"]),
            "market_lifecycle_v2": lambda message, _: Lifecycle.parse(message["msg"]),
            "event_lifecycle": _notice,
            "event_fee_update": _notice,
            "subscribed": self._subscribed,
            "error": self._error,
            "ok": lambda *_: None,
            "unsubscribed": lambda *_: None,
        }

    def opened(self, send: Callable[[str], None], now_ns: int) -> None:
        """A new session begins: subscribe to everything that is wanted."""
        self._send = send
        self.broken = None
        self._awaited.clear()
        for known in (self._seq, self._channel_of, self._sid_of, self._unacknowledged):
            known.clear()
        self._subscribe(_PER_ACCOUNT, (), now_ns)
        if self.books:
            self._subscribe(_PER_MARKET, tuple(self.books), now_ns)

    def closed(self, reason: str) -> None:
        """The session ended; no book is believed any more."""
        self._send = None
        for book in self.books.values():
            self._mark(book, reason)

    def add(self, tickers: Iterable[str], now_ns: int) -> None:
        """Follow these markets too."""
        new = tuple(dict.fromkeys(ticker for ticker in tickers if ticker not in self.books))
        self.books.update((ticker, Book(ticker)) for ticker in new)
        if not new or self._send is None:
            return
        if any(channel not in self._sid_of for channel in _PER_MARKET):
            # the same channel subscribed again merges into the sid that it has or is about to get
            self._subscribe(_PER_MARKET, new, now_ns)
            return
        self._awaited.expect(new, now_ns)
        for channel in _PER_MARKET:
            self._update(channel, "add_markets", new)

    def remove(self, tickers: Iterable[str]) -> None:
        """Follow these markets no longer; their books are gone."""
        gone = tuple(ticker for ticker in tickers if self.books.pop(ticker, None) is not None)
        for ticker in gone:
            self._awaited.settle(ticker)
        if gone and self._send is not None:
            for channel in _PER_MARKET:
                self._update(channel, "delete_markets", gone)

    def receive(self, frame: str | bytes, now_ns: int) -> None:
        """Take one frame, received at `now_ns` (CLOCK_BOOTTIME)."""
        self.counters.messages += 1
        try:
            message: Message = orjson.loads(frame)
            kind, sid, seq = message["type"], message.get("sid", 0), message.get("seq")
            parser = self._parsers.get(kind)
            expected = self._seq.get(sid, 0) + 1
            ahead = 0 if seq is None else seq - expected
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as exc:
            self.counters.malformed += 1
            self.broken = f"a frame that is no message: {exc}"
            return
        if kind in _BOOK_FRAMES and sid not in self._channel_of:
            self._channel_of[sid], self._sid_of[BOOKS] = BOOKS, sid
        if seq is not None:
            if ahead < 0:
                self.counters.duplicates += 1
                return
            self._seq[sid] = seq
            if ahead:
                self._gap(sid, expected, seq, now_ns)
        if parser is None:
            self.counters.unknown += 1
            return
        try:
            event = parser(message, now_ns)
        except BookDamaged as exc:
            self.counters.damaged += 1
            self._distrust([message["msg"]["market_ticker"]], str(exc), now_ns)
            return
        except (KeyError, ValueError, TypeError, AttributeError) as exc:
            self.counters.malformed += 1
            if kind in _BOOK_FRAMES:
                self._distrust(list(self.books), "a frame that cannot be read", now_ns)
            event = Unreadable(kind, f"{type(exc).__name__}: {exc}")
        if event is not None:
            self._listener(event)

    def tick(self, now_ns: int) -> None:
        """Ask again for what is overdue; call it every few seconds."""
        if any(now_ns - sent_ns > PATIENCE_NS for sent_ns in self._unacknowledged.values()):
            self.broken = f"subscriptions not acknowledged: {', '.join(self._unacknowledged)}"
            return
        again, given_up = self._awaited.late(now_ns)
        for ticker in given_up:
            self.books[ticker].stale = "the exchange sends no snapshot"
        self._ask_snapshots(again, now_ns)

    # --- trust

    def _gap(self, sid: int, expected: int, got: int, now_ns: int) -> None:
        self.counters.gaps += 1
        channel = self._channel_of.get(sid, "")
        self._listener(Gap(channel, expected, got))
        if channel in (BOOKS, ""):
            self._distrust(list(self.books), f"frames {expected} to {got - 1} were lost", now_ns)

    def _distrust(self, tickers: list[str], reason: str, now_ns: int) -> None:
        for ticker in tickers:
            self._mark(self.books[ticker], reason)
        self._ask_snapshots(tickers, now_ns)

    def _mark(self, book: Book, reason: str) -> None:
        if book.stale is None:
            book.stale = reason
            self._listener(BookStale(book.ticker, reason))

    # --- frames

    def _delta(self, message: Message, now_ns: int) -> FeedEvent | None:
        msg = message["msg"]
        book = self.books.get(msg["market_ticker"])
        if book is None or book.stale is not None:
            return None
        price, delta = parse_price(msg["price_dollars"]), parse_count(msg["delta_fp"])
        side = _SIDES[msg["side"]]
        if not self._use_yes_price and side is BookSide.ASK:
            price = ONE_DOLLAR - price
        ts_ms = msg.get("ts_ms")
        book.change(side, price, delta)
        book.as_of_ms, book.received_ns = ts_ms, now_ns
        return BookChanged(book.ticker, side, price, delta, ts_ms, msg.get("client_order_id"))

    def _snapshot(self, message: Message, now_ns: int) -> FeedEvent | None:
        msg = message["msg"]
        book = self.books.get(msg["market_ticker"])
        if book is None:
            return None
        yes, no = _levels(msg, "yes_dollars_fp"), _levels(msg, "no_dollars_fp")
        book.replace(yes, no if self._use_yes_price else ((ONE_DOLLAR - price, count) for price, count in no))
        book.received_ns = now_ns
        self._awaited.settle(book.ticker)
        return BookReplaced(book.ticker)

    def _subscribed(self, message: Message, now_ns: int) -> None:
        channel, sid = message["msg"]["channel"], message["msg"]["sid"]
        self._channel_of[sid], self._sid_of[channel] = channel, sid
        self._unacknowledged.pop(channel, None)

    def _error(self, message: Message, now_ns: int) -> FeedEvent:
        msg = message["msg"]
        code, text = int(msg["code"]), str(msg["msg"])
        named = msg.get("market_tickers") or ([msg["market_ticker"]] if msg.get("market_ticker") else [])
        for ticker in named:
            if self._awaited.settle(ticker):
                self.books[ticker].stale = f"refused by the exchange: {text}"
        if code in _TERMINAL:
            self.broken = f"the exchange ended a subscription: error {code}: {text}"
        return Refused(code, text, tuple(named))

    # --- commands

    def _subscribe(self, channels: tuple[str, ...], tickers: tuple[str, ...], now_ns: int) -> None:
        params: dict[str, Any] = {"channels": channels}
        if tickers:
            params |= {"market_tickers": tickers, "use_yes_price": self._use_yes_price}
            self._awaited.expect(tickers, now_ns)
        self._unacknowledged.update(dict.fromkeys(channels, now_ns))
        self._command("subscribe", params)

    def _update(self, channel: str, action: str, tickers: tuple[str, ...]) -> None:
        sid = self._sid_of.get(channel)
        if sid is not None:
            self._command("update_subscription", {"sids": [sid], "market_tickers": tickers, "action": action})

    def _ask_snapshots(self, tickers: list[str], now_ns: int) -> None:
        if asked := self._awaited.ask(tickers, now_ns):
            self._update(BOOKS, "get_snapshot", asked)

    def _command(self, name: str, params: dict[str, Any]) -> None:
        if self._send is None:
            raise RuntimeError(f"command {name}: no session is open")
        self._send(orjson.dumps({"id": self._next_id, "cmd": name, "params": params}).decode())
        self._next_id += 1


def _notice(message: Message, _: int) -> FeedEvent:
    return EventNotice.parse(message["type"], message["msg"])


def _levels(msg: Mapping[str, Any], name: str) -> Iterator[tuple[Price, Count]]:
    for price, count in msg.get(name) or ():
        yield parse_price(price), parse_count(count)
