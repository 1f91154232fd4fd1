"""Paper trading as the engine's loop sees it: prints, books and settlements in; quotes, fills and a document out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.desks.ladders import desk as ladders
from engine.desks.ladders.desk import Holding, LaddersDesk, Terms
from engine.desks.ladders.families import families_of
from engine.desks.ladders.models import ConfiguredModel
from engine.desks.ladders.requote import Keep, Resting, Withdraw, review
from engine.desks.ladders.verdict import NoQuote, Proposal, Verdict
from engine.levels import Level, Levels
from engine.market.money import ONE_DOLLAR, Count, Price, format_count, format_price
from engine.market.view import BookSnapshot, BookView, MarketInfo, Print, freeze
from engine.shadow.document import to_document
from engine.shadow.ledger import Ledger, Recovery
from engine.shadow.records import fill_line, settlement_line, told
from engine.shadow.venue import PaperFill, PaperOrder, PaperVenue, Ticket, WouldCross
from state.clock import Clock, LiveMarketClock, MarketClock
from state.events import Emit, EventType
from state.home import Home
from state.models import Source
from state.models.shadow import ShadowBook
from state.settings import Settings


@dataclass(frozen=True, slots=True)
class CycleOutcome:
    """What one cycle decided. Every strike has proposals or a reason."""

    decisions: int
    proposals: tuple[Proposal, ...]
    reasons: Mapping[str, NoQuote]
    placed: int
    withdrawn: Mapping[str, int]
    """Orders taken back, by reason."""


@dataclass(slots=True)
class _Tally:
    proposals: list[Proposal] = field(default_factory=list)
    reasons: dict[str, NoQuote] = field(default_factory=dict)
    placed: int = 0
    withdrawn: dict[str, int] = field(default_factory=dict)

    def withdraw(self, reason: str, count: int = 1) -> None:
        if count:
            self.withdrawn[reason] = self.withdrawn.get(reason, 0) + count


class PaperTrader:
    """The ladders desk on the paper venue, with its book. Single-threaded."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        market_clock: MarketClock | LiveMarketClock,
        settings: Settings,
        source: Source,
        emit: Emit,
    ) -> None:
        families = families_of(settings)
        models = {name: ConfiguredModel(family) for name, family in families.items()}
        self._clock, self._market_clock = clock, market_clock
        self._source, self._emit = source, emit
        self._books_fresh_s = settings.gate.books_fresh_s
        self._order_life = timedelta(seconds=settings.engine.order_life_s)
        self._desk = LaddersDesk(families, models, self._books_fresh_s)
        self._ledger = Ledger(home, clock, emit)
        self._venue = PaperVenue(f"paper-{clock.now():%Y%m%dT%H%M%S%f}")
        self._books: Mapping[str, BookSnapshot] = {}
        self._fair: dict[str, Price] = {}
        self._lagging: dict[str, int] = {}
        self._settling: dict[str, Price] = {}

    def recover(self) -> Recovery:
        """Rebuild the book from its journal; call once, before anything else. Paper orders of a dead run are gone:
        what happened to their queues meanwhile nobody saw. Raises OSError when a journal cannot be read."""
        return self._ledger.recover()

    def on_trade(self, trade: Print) -> None:
        """One public trade, as soon as it is heard."""
        fill = self._venue.on_print(trade)
        if fill is not None:
            self._record(fill)

    def on_book(self, view: BookView) -> None:
        """One book that changed; `cycle` looks at every book anyway, so this only makes fills more timely."""
        for fill in self._venue.on_book(view):
            self._record(fill)

    def on_settled(self, ticker: str, result: str, value: Price | None) -> None:
        """The exchange settled `ticker`: "yes", "no", or any other result with its `value` on the YES scale."""
        for order in self._venue.of(ticker):
            self._venue.cancel(order)
        paid = {"yes": ONE_DOLLAR, "no": 0}.get(result, value)
        if paid is None or not 0 <= paid <= ONE_DOLLAR:
            message = f"{ticker} settled {result!r} at {value}: cannot tell what it pays, a position stays"
            self._emit(EventType.SHADOW_SETTLED, message, severity="error", ticker=ticker)
            return
        self._settling[ticker] = paid
        self._settle()

    def held(self) -> frozenset[str]:
        """Markets with a position: after a restart the caller asks the exchange which of them settled meanwhile."""
        return frozenset(self._ledger.book.positions)

    def halt(self) -> int:
        """Take every paper order back at once; positions are marked on. Returns how many there were."""
        self._lagging.clear()
        return len(self._venue.halt())

    def cycle(self, views: Mapping[str, BookView], markets: Sequence[MarketInfo], in_force: Levels) -> CycleOutcome:
        """Judge every strike, take back what should not rest, rest what should.

        Each series at the level in force for it: at HALT and above nothing of it rests.
        """
        now, tally = self._market_clock.now(), _Tally()
        books = self._books = {ticker: freeze(view) for ticker, view in views.items()}
        self._ledger.flush()
        self._settle()
        tally.withdraw("expired", len(self._venue.expire(now)))
        self._advance_queues(books)
        if in_force.level(desk=ladders.NAME, paper=True) >= Level.HALT:
            tally.withdraw(Withdraw.HALTED, self.halt())
        self._drop_unlisted({market.ticker for market in markets}, tally)
        levels = {
            series: in_force.level(desk=ladders.NAME, series=series, paper=True)
            for series in {market.series for market in markets}
        }
        for market in markets:
            self._quote(market, books.get(market.ticker), now, levels[market.series], tally)
        return CycleOutcome(len(markets), tuple(tally.proposals), tally.reasons, tally.placed, tally.withdrawn)

    def document(self) -> ShadowBook:
        """The book with the marks of the last cycle's books. Call `sync` before it is written."""
        return to_document(
            self._ledger.book,
            self._venue.orders.values(),
            self._books,
            self._fair,
            source=self._source,
            books_fresh_s=self._books_fresh_s,
        )

    async def sync(self) -> None:
        """Make the journals durable, before the document is written; waits for the disk. Raises OSError."""
        await self._ledger.sync()

    def close(self) -> None:
        """Take every order back and close the journals."""
        self.halt()
        self._ledger.close()

    def _settle(self) -> None:
        """Pay out what settled, once every fill before it is in the book."""
        while self._settling and not self._ledger.behind:
            ticker, paid = self._settling.popitem()
            position = self._ledger.book.positions.get(ticker)
            if position is None:
                continue
            message = f"{ticker} settled at {format_price(paid)}, held {format_count(position.count)} {position.side}"
            now, market_now = self._clock.now(), self._market_clock.now()
            self._ledger.record(settlement_line(position, paid, self._source, now, market_now))
            self._emit(EventType.SHADOW_SETTLED, message, ticker=ticker)

    def _advance_queues(self, books: Mapping[str, BookView]) -> None:
        for ticker in sorted({ticker for ticker, _ in self._venue.orders}):
            if ticker in books:
                self.on_book(books[ticker])
        self._venue.end_window()

    def _drop_unlisted(self, listed: set[str], tally: _Tally) -> None:
        for order in tuple(self._venue.orders.values()):
            if order.ticket.ticker not in listed:
                self._withdraw(order, NoQuote.MARKET_CLOSED, tally)

    def _quote(self, market: MarketInfo, view: BookView | None, now: datetime, level: Level, tally: _Tally) -> None:
        holding = Holding(self._ledger.book.net(market.ticker))
        terms = self._desk.terms(market, now)
        verdict = self._desk.judge(market, terms, view, holding, now)
        if verdict.fair is None:
            self._fair.pop(market.ticker, None)
        else:
            self._fair[market.ticker] = verdict.fair
        if verdict.reason is not None:
            tally.reasons[market.ticker] = verdict.reason
        tally.proposals.extend(verdict.proposals)
        self._review(verdict, terms, view, holding, tally, level=level)
        if view is None or level >= Level.HALT or self._ledger.behind:
            return
        for proposal in verdict.proposals:
            most = holding.against(proposal.side) if level >= Level.REDUCE else proposal.count
            count = min(proposal.count, most)
            if count and (proposal.ticker, proposal.side) not in self._venue.orders:
                self._place(market, proposal, count, view, now, tally)

    def _review(
        self,
        verdict: Verdict,
        terms: Terms | NoQuote,
        view: BookView | None,
        holding: Holding,
        tally: _Tally,
        *,
        level: Level,
    ) -> None:
        for order in self._venue.of(verdict.ticker):
            lagging = self._lagging.get(order.order_id, 0)
            resting = Resting(order.ticket.side, order.ticket.price, order.remaining, order.queue.ahead, lagging)
            decision = review(resting, verdict, terms, view, holding)
            if level >= Level.HALT:
                decision = Withdraw.HALTED
            elif level >= Level.REDUCE and order.remaining > holding.against(order.ticket.side):
                decision = Withdraw.REDUCE_ONLY
            if isinstance(decision, Keep):
                self._lagging[order.order_id] = decision.lagging
            else:
                self._withdraw(order, decision, tally)

    def _withdraw(self, order: PaperOrder, reason: str, tally: _Tally) -> None:
        self._lagging.pop(order.order_id, None)
        if self._venue.cancel(order):
            tally.withdraw(reason)

    def _place(
        self, market: MarketInfo, proposal: Proposal, count: Count, view: BookView, now: datetime, tally: _Tally
    ) -> None:
        assert market.fees is not None  # a strike without known fees gets no proposal
        ends = min(market.closes_at - ladders.QUIET_BEFORE_CLOSE, now + self._order_life)
        ticket = Ticket(
            ticker=proposal.ticker,
            desk=ladders.NAME,
            family=proposal.family,
            side=proposal.side,
            price=proposal.price,
            count=count,
            fair=proposal.fair,
            fees=market.fees,
            expires_at=ends,
        )
        try:
            self._venue.place(ticket, view, self._clock.now())
        except WouldCross as refused:
            self._emit(EventType.ORDER_REJECTED, f"paper: {refused}", severity="warning", ticker=proposal.ticker)
            return
        tally.placed += 1

    def _record(self, fill: PaperFill) -> None:
        order = fill.order
        if not order.remaining:
            self._lagging.pop(order.order_id, None)
        self._ledger.record(fill_line(fill, self._source, self._clock.now(), self._market_clock.now()))
        self._emit(EventType.SHADOW_FILL, told(fill), ticker=order.ticket.ticker, order_id=order.order_id)
