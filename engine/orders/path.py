"""The order path: the one place from which orders leave, and where all that is heard of them comes together.

Intent on disk → signed → last look → sent → acknowledged. An order is sent once. When its answer is lost it is
unresolved, and nothing but asking resolves it (`engine.orders.reconciling`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.market.money import ONE_CONTRACT, Count, Price
from engine.orders.identity import OrderIds
from engine.orders.journal import OrderJournal
from engine.orders.life import Evidence, Fate, Filled, NothingRests, Order, Ours, OwnFill, Plan, State, Told
from engine.orders.lines import changes, intent, milliseconds
from engine.orders.orders import Orders
from engine.orders.pause import Pause, Refusals
from engine.venues.kalshi.errors import Ambiguous, NotSent, RateLimited, Rejected
from engine.venues.kalshi.events import Fill, UserOrder
from engine.venues.kalshi.portfolio import Cancelled, OrderAck, OrderStatus
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.wire import Intent, NewOrder, TimeInForce, to_wire
from state.clock import Clock, LiveMarketClock, MarketClock
from state.events import EventType
from state.home import Home

GROUP_LIMIT = 1_000 * ONE_CONTRACT
"""Contracts filled within 15 s at which the exchange cancels the whole group by itself."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a strategy wants to rest. `price` is on the scale of the side named by `intent`."""

    ticker: str
    intent: Intent
    price: Price
    count: Count


@dataclass(slots=True)
class OrderPath:
    """The orders of one run of the engine, and those it found."""

    rest: KalshiRest
    clock: Clock
    market_clock: MarketClock | LiveMarketClock
    journal: OrderJournal
    emit: Callable[..., None]
    order_life: timedelta
    orders: Orders = field(default_factory=Orders)
    ids: OrderIds = field(default_factory=OrderIds)
    sent: int = 0
    _in_hand: set[str] = field(default_factory=set)
    """Orders that `send` has begun and not finished."""
    _altered: bool = False
    """Whether somebody cut or exchanged the journal, and with it perhaps what became of an order."""
    _group: tuple[str, str] | None = None
    """Arming id, and the order group made for it."""
    _throttled: Pause = field(init=False)
    """After a 429; cancels go on meanwhile, from the share of the budget kept for them."""
    _refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        self._throttled, self._refusals = Pause(self.clock), Refusals(Pause(self.clock))

    @property
    def groups(self) -> tuple[str, ...]:
        """Every order group that an order of ours may rest in."""
        groups = {order.plan.order_group_id for order in self.orders.alive()}
        groups |= {self._group[1]} if self._group is not None else set()
        return tuple(sorted(group for group in groups if group))

    @property
    def paused(self) -> bool:
        """Whether the exchange said 429 so lately that nothing new should be tried."""
        return self._throttled.left_s > 0

    @property
    def refusal(self) -> str:
        """Why a strategy should try nothing new for a while; empty when it may."""
        return self._refusals.reason

    async def place(self, wish: Wish, arming_id: str, look: Callable[[str], None]) -> Order:
        """Make a resting order of a wish and send it: post-only, expiring by itself, in the order group of its start.

        `look` is given the arming id. Raises OSError when the intent cannot be written, and what creating a group does.
        """
        group = await self._group_of(arming_id)
        side, price = to_wire(wish.intent, wish.price)
        order = NewOrder(
            client_order_id=self.ids.next(),
            ticker=wish.ticker,
            side=side,
            price=price,
            count=wish.count,
            expires=self.market_clock.now() + self.order_life,
            post_only=True,
            order_group_id=group,
        )
        return await self.send(order, lambda: look(arming_id))

    async def send(self, order: NewOrder, look: Callable[[], None]) -> Order:
        """Write the intent, then send `order`, once; what it came to so far. `look` raises Denied to keep it here.

        Raises OSError when the intent cannot be written (then nothing was sent), ValueError for an order that could
        rest for ever, and whatever a broken look raises.
        """
        if order.expires is None and order.time_in_force is TimeInForce.GOOD_TILL_CANCELED:
            raise ValueError(f"order {order.client_order_id!r} would rest for ever")
        plan = _plan(order, self.market_clock.now())
        self._in_hand.add(plan.client_order_id)
        try:
            await self.journal.write(intent(plan))
            await self._send(order, self.orders.intend(plan), look)
        finally:
            self._in_hand.discard(plan.client_order_id)
        await self.journal.flush()
        return self.orders.intend(plan)

    async def _send(self, order: NewOrder, known: Order, look: Callable[[], None]) -> None:
        self.sent += 1
        left = False

        def look_and_leave() -> None:
            nonlocal left
            look()
            left = True
            self.hear(known, Ours(Fate.SENT))

        try:
            ack = await self.rest.create_order(order, look_and_leave)
        except NotSent as error:
            self.hear(known, Ours(Fate.NOT_SENT, str(error)))
        except Rejected as error:
            self._refused(known, error)
        except Ambiguous as error:
            self._lost(known, str(error))
        except BaseException as error:  # stopped, or a broken look: whether it left decides what it is
            self.hear(known, Ours(Fate.UNRESOLVED if left else Fate.NOT_SENT, f"{type(error).__name__}: {error}"))
            raise
        else:
            self._throttled.relax()
            self._refusals.end()
            self._answered(known, ack)

    async def cancel(self, order: Order) -> Order:
        """Cancel one order that the exchange has named; what is known of it then. Raises what the client raises.

        Whatever the answer, a frame or a listing has to show the end: until then the order is gone.
        """
        assert order.order_id is not None, f"{order.plan.client_order_id}: the exchange has not named it"
        outcome = await self.rest.cancel_order(order.order_id, order.plan.ticker)
        filled = max(0, order.plan.count - outcome.reduced_by) if isinstance(outcome, Cancelled) else 0
        known = self.hear(order, NothingRests(order.order_id, filled))
        await self.journal.flush()
        return known

    def on_frame(self, frame: Fill | UserOrder) -> None:
        """What the feed says of our account. Of an order without a name yet the listing will tell."""
        order = self.orders.find(frame.client_order_id, frame.order_id, frame.ticker)
        if order is None:
            return
        if isinstance(frame, Fill):
            fill = OwnFill(frame.trade_id, frame.count, frame.price, frame.fee, frame.ts_ms)
            self.hear(order, Filled(frame.order_id, fill))
        elif frame.status in set(OrderStatus):
            status = OrderStatus(frame.status)
            self.hear(order, Told(frame.order_id, status, frame.filled, frame.remaining, frame.updated_ms or 0))

    def hear(self, order: Order, evidence: Evidence) -> Order:
        """Keep one piece of evidence; the lines it makes wait for the next flush of the journal."""
        old = self.orders.intend(order.plan)
        new = self.orders.apply(old, evidence)
        if new is not old:
            self.journal.queue(changes(old, new))
        return new

    async def read_on(self) -> None:
        """Fold what the journal got since the last call, from other processes too; at first all of it."""
        async for read in self.journal.read_on():
            if read.anew:  # what is kept of orders that are forgotten must not be counted twice
                self.orders, self._altered = Orders(), True
            for line in read.lines:
                try:
                    self.orders.fold(line)
                except ValueError as error:
                    told = f"{Home.intents.path}: {error}; the exchange is asked"
                    self.emit(EventType.JOURNAL_LINE_UNREADABLE, told, severity="error")
            if self.orders.known_until is not None:
                self.orders.forget(self.orders.known_until)

    def judge_intents(self) -> None:
        """Intents without an outcome: those of this run never left; of those of another only asking tells."""
        for order in self.orders.alive():
            name = order.plan.client_order_id
            if order.state is not State.INTENDED or name in self._in_hand:
                continue
            if self.ids.ours(name) and not self._altered:  # written, and its write failed all the same
                self.hear(order, Ours(Fate.NOT_SENT, "the disk refused its intent"))
            else:
                self._lost(order, "the journal of intents does not tell how it was answered")

    async def _group_of(self, arming_id: str) -> str:
        if self._group is None or self._group[0] != arming_id:
            self._group = (arming_id, await self.rest.create_order_group(GROUP_LIMIT))
        return self._group[1]

    def _answered(self, order: Order, ack: OrderAck) -> None:
        if ack.client_order_id not in (None, order.plan.client_order_id):
            self._lost(order, f"the answer is that to {ack.client_order_id!r}")
        else:
            self.hear(order, _acknowledged(ack, order.plan))

    def _refused(self, order: Order, error: Rejected) -> None:
        if isinstance(error, RateLimited):
            self._throttled.begin()
            self.hear(order, Ours(Fate.NOT_SENT, str(error)))
        elif error.code == "order_already_exists":
            self._lost(order, str(error))  # a name is given once, so what exists is this very order
        else:
            self._refusals.add(str(error))
            self.hear(order, Ours(Fate.REJECTED, str(error)))
            self.emit(EventType.ORDER_REJECTED, f"{order.plan.ticker}: {error}", severity="warning")

    def _lost(self, order: Order, reason: str) -> None:
        self.hear(order, Ours(Fate.UNRESOLVED, reason))
        self.emit(EventType.ORDER_UNRESOLVED, f"{order.plan.client_order_id}: {reason}", severity="error")


def _plan(order: NewOrder, market_now: datetime) -> Plan:
    return Plan(
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side=order.side,
        price=order.price,
        count=order.count,
        market_at=market_now,
        expires=order.expires,
        order_group_id=order.order_group_id,
    )


def _acknowledged(ack: OrderAck, plan: Plan) -> Told:
    """Nothing remaining means an end: all filled, or what did not fill at once was cancelled."""
    ended = OrderStatus.EXECUTED if ack.filled >= plan.count else OrderStatus.CANCELED
    status = OrderStatus.RESTING if ack.remaining else ended
    return Told(ack.order_id, status, ack.filled, ack.remaining, milliseconds(ack.at))
