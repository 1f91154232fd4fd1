"""The engine put together: feed, desks, paper, gate, real orders and kill response on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.account import Account
from engine.catalogue import Catalogue
from engine.demo_pilot import DemoPilot
from engine.desks.ladders import desk as ladders
from engine.evidence import ExchangeWatch, Growth, gate_inputs, interval_ms
from engine.gate import GateInputs, Limits, judge, levels
from engine.kill_response import KillResponse
from engine.last_look import LastLook
from engine.levels import Level, Levels, Source
from engine.loop import CycleResult, Loop
from engine.market.view import BookView, MarketInfo
from engine.market_data import MarketData, look_at
from engine.orders.life import State
from engine.orders.path import OrderPath
from engine.orders.reconciler import Reconciler
from engine.polling import Poller
from engine.reporting import Observed, Reporter
from engine.shadow.trader import PaperTrader
from engine.venues.kalshi.errors import MalformedAnswer, NotSent, VenueError
from engine.venues.kalshi.rest import KalshiRest
from engine.wake import FolderWake
from state.clock import LiveMarketClock, MarketClock
from state.event_types import EventType
from state.home import Home
from state.models.gate import GateReport
from state.models.heartbeat import Feed as FeedPart
from state.models.heartbeat import Progress
from state.permit import LeaveReader
from state.sentinel import Look

MICROS_PER_PRICE = 100
STATUS_S = 2.0
CATALOGUE_S = 30.0
LIMITS_S = 600.0
UNJUDGED = Levels(frozenset({Source("gates", Level.HALT, "the gates could not be judged", paper=True)}))
CLOCK_PROBES = 12
"""Questions at spread phases of a second, so that the interval of the clock offset is narrow from the start."""


@dataclass(slots=True)
class Engine:
    """One run of the engine's process."""

    home: Home
    period: float
    reconcile_every: int
    limits: Limits
    market_clock: MarketClock | LiveMarketClock
    rest: KalshiRest
    data: MarketData
    catalogue: Catalogue
    account: Account
    paper: PaperTrader
    path: OrderPath
    reconciler: Reconciler
    last_look: LastLook
    pilot: DemoPilot | None
    kill: KillResponse
    leave: LeaveReader
    exchange: ExchangeWatch
    growth: Growth
    reporter: Reporter
    gate: GateReport = field(default_factory=GateReport)
    in_force: Levels = UNJUDGED
    """The levels behind `gate`, desk by desk and series by series."""
    decisions: int = 0
    _pollers: dict[str, Poller] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Cycle until `stop` is set. Raises ExceptionGroup when work beside the cycle fails: a fresh engine is better.

        Raises OSError when a journal cannot be read or state/ cannot be watched.
        """
        self.paper.recover()
        self._add_pollers()
        self.kill.look()
        wake = FolderWake(self.home.state, self._woken)
        wake.start()
        work = [self.data.feed.run(), self._probe_clock(), *(poller.run() for poller in self._pollers.values())]
        steps = (("kill", self._look), ("paper", self._trade_paper), ("journals", self._sync_journals))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in work]
                await Loop(steps, self._report, self.period).run(stop)
                for task in tasks:
                    task.cancel()
        finally:
            wake.close()
            await self.kill.close()
            await self._write_last_book()
            self.paper.close()
            self.path.journal.close()
            await self.rest.close()

    def _add_pollers(self) -> None:
        questions = [
            Poller("exchange status", STATUS_S, self._ask_status),
            Poller("listing", self.period * self.reconcile_every, self.reconciler.run_once),
            Poller("account limits", LIMITS_S, self._read_limits),
            Poller("markets", CATALOGUE_S, self._refresh_catalogue),
        ]
        if self.pilot is not None:
            questions.append(Poller("demo pilot", self.period, self._keep_orders))
        self._pollers = {poller.name: poller for poller in questions}
        self.data.on_own = self.path.on_frame
        self.data.on_account = self._pollers["listing"].wake
        self.data.on_markets = self._pollers["markets"].wake
        self.kill.on_done = self._pollers["listing"].wake

    def _woken(self, _: frozenset[str]) -> None:
        self.kill.look()

    # What is asked again and again

    async def _ask_status(self) -> None:
        try:
            self.exchange.answered(await self.rest.exchange_status())
        except VenueError as error:
            self.exchange.failed(error)
            raise

    async def _read_limits(self) -> None:
        await self.rest.load_limits()

    async def _refresh_catalogue(self) -> None:
        problems = await self.catalogue.refresh(self.rest)
        for market in await self.catalogue.settled(self.rest, self.paper.held()):
            paid = market.settlement_value
            self.paper.on_settled(market.ticker, market.result, None if paid is None else paid // MICROS_PER_PRICE)
        self.data.follow(self.catalogue.open_tickers())
        if problems:
            raise MalformedAnswer("; ".join(problems))

    async def _probe_clock(self) -> None:
        for _ in range(CLOCK_PROBES):
            await asyncio.gather(self.rest.exchange_status(), return_exceptions=True)
            await asyncio.sleep(1 / CLOCK_PROBES + 0.01)

    async def _keep_orders(self) -> None:
        """Place what the strategy wants; after one that did not leave, or may have, nothing until the gate is asked.

        Raises NotSent while the exchange refuses whatever is sent.
        """
        leave, sent = self.leave.look(), self.path.sent
        if self.pilot is None or not self.gate.open or not leave.granted:
            return
        if self.path.refusal:
            raise NotSent(self.path.refusal)
        busy = [order.plan.ticker for order in self.path.orders.alive()]
        wishes = self.pilot.wishes(busy, self._free_markets(), self._books(), self.market_clock.now())
        for wish in wishes:
            if self.path.paused or self.path.refusal or self.path.orders.unresolved():
                break
            order = await self.path.place(wish, leave.arming_id, self.last_look.for_order)
            if order.state in (State.NOT_SENT, State.UNRESOLVED):
                break
        if self.path.sent > sent:
            self._pollers["listing"].wake()

    def _free_markets(self) -> Iterator[MarketInfo]:
        """Those whose own series is held up by nothing: `gate.open` speaks for the whole house."""
        for market in self.catalogue.known():
            if self.in_force.level(desk=ladders.NAME, series=market.series) < Level.REDUCE:
                yield market

    # The cycle

    async def _look(self) -> None:
        """Judge the gates on what is known now; the verdict holds for this cycle."""
        self.gate, self.in_force = GateReport(reasons=("the gates could not be judged",)), UNJUDGED
        inputs = self._inputs(self.kill.look())
        self.gate, self.in_force = judge(inputs), levels(inputs)

    def _inputs(self, look: Look) -> GateInputs:
        counts = {"messages": self.data.messages, "listings": self.account.listings}
        return gate_inputs(
            kill=look,
            leave=self.leave.look(),
            exchange=self.exchange,
            books=look_at(self.data.books.values(), self.limits.books_fresh_s),
            offset=self.rest.clock_offset,
            orders=self.reconciler.look(),
            ages=self.growth.ages(counts),
            limits=self.limits,
        )

    async def _trade_paper(self) -> None:
        outcome = self.paper.cycle(self._books(), self.catalogue.known(), self.in_force)
        self.decisions += outcome.decisions

    async def _sync_journals(self) -> None:
        await self.paper.sync()
        await self.path.journal.flush()

    async def _report(self, result: CycleResult) -> None:
        await self.reporter.report(result, self._observed(), self.paper.document)

    async def _write_last_book(self) -> None:
        """What was filled since the last cycle, and that no paper order rests any more: the book equals its journal."""
        self.paper.halt()
        try:
            await self.paper.sync()
            await self.reporter.positions.write_off_loop(self.paper.document())
        except OSError as error:  # the journal has it all, and the next engine rebuilds the book from it
            self.reporter.emit(EventType.WRITE_FAILED, f"{Home.positions.path}: {error}", severity="error")

    def _poller_errors(self) -> tuple[str, ...]:
        return tuple(poller.error for poller in self._pollers.values())

    def _books(self) -> dict[str, BookView]:
        return dict(self.data.books)

    def _observed(self) -> Observed:
        books = look_at(self.data.books.values(), self.limits.books_fresh_s)
        view = self.account.view
        return Observed(
            gate=self.gate,
            progress=Progress(
                messages=self.data.messages,
                decisions=self.decisions,
                listings=self.account.listings,
                orders=self.path.sent,
            ),
            feed=FeedPart(
                connected=self.data.feed.connected,
                messages_per_s=self.data.rate(),
                gaps=self.data.feed.counters.gaps,
                reconnects=self.data.feed.counters.reconnects,
                books=books.total,
                books_fresh=books.fresh,
                oldest_book_s=books.oldest_s,
            ),
            clock_offset_ms=interval_ms(self.rest.clock_offset),
            exchange_trading=self.exchange.trading_within(self.limits.exchange_age_s),
            market_open=len(self.catalogue.open_tickers()) if self._pollers["markets"].answered else None,
            orders_resting=None if view.resting is None or view.error else len(view.resting),
            orders_unknown=len(self.path.orders.unresolved()),
            errors=tuple(error for error in (self.kill.error, *self._poller_errors()) if error),
        )
