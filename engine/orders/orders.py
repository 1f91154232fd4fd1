"""Every order of this account that the journal knows, and what the account should hold by their fills."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.market.money import Count
from engine.orders.life import Evidence, Order, OwnFill, Plan, State
from engine.orders.lines import accepted_of, carried_of, evidence_of, milliseconds, plan_of
from engine.venues.kalshi.wire import BookSide
from state.models.orders import OrderEvent

KEPT = timedelta(hours=1)
"""Market time for which an order that ended is still known by name, for late or repeated news of it. News that is later
than this is taken for a stranger's, which shuts the gate."""


@dataclass(slots=True)
class Orders:
    """A fold of the journal that goes on with the evidence of this run. Folding a line twice changes nothing."""

    by_id: dict[str, Order] = field(default_factory=dict)
    """Those that are alive, and those that ended within `KEPT`."""
    known: int = 0
    """How many were ever intended."""
    folded: int = 0
    """Lines of the journal since history was carried."""
    settled: set[str] = field(default_factory=set)
    """Markets that paid out: nothing is held in them any more."""
    flat_ms: int = -1
    """Market time up to which fills are accounted for: FLATTEN saw that nothing was held."""
    known_until: datetime | None = None
    """Latest market time of any line."""
    doubled: set[str] = field(default_factory=set)
    """Intents that stand at the exchange more than once."""
    fills: int = 0
    last_fill_ms: int | None = None
    _begun: bool = False
    _names: dict[str, str] = field(default_factory=dict)
    _alive: set[str] = field(default_factory=set)
    _ended: deque[str] = field(default_factory=deque)
    """In the order in which they ended."""
    _held: dict[str, Count] = field(default_factory=dict)
    _accepted: dict[str, tuple[int, Count]] = field(default_factory=dict)
    """By ticker: market time, and what a person took over beyond what the fills explain."""

    def intend(self, plan: Plan) -> Order:
        """A new order; the one already known by that name, when its line is folded again."""
        known = self.by_id.get(plan.client_order_id)
        if known is not None:
            return known
        self._alive.add(plan.client_order_id)
        self.known += 1
        order = self.by_id[plan.client_order_id] = Order(plan)
        return order

    def find(self, client_order_id: str | None, order_id: str, ticker: str) -> Order | None:
        """The order of either name; one in another market than was meant is not ours, whatever it is called."""
        order = self.by_id.get(client_order_id or "") or self.by_id.get(self._names.get(order_id, ""))
        return order if order is not None and order.plan.ticker == ticker else None

    def apply(self, order: Order, evidence: Evidence) -> Order:
        """The order with one more piece of evidence, kept."""
        old = self.by_id[order.plan.client_order_id]
        new = old.after(evidence)
        if new is old or new == old:
            return old
        name = new.plan.client_order_id
        self.by_id[name] = new
        self._names.update((order_id, name) for order_id in new.order_ids - old.order_ids)
        if len(new.order_ids) > 1:
            self.doubled.add(name)
        if new.alive:
            self._alive.add(name)
        elif name in self._alive:
            self._alive.discard(name)
            self._ended.append(name)
        if new.fills != old.fills:
            self._count(old, new)
        return new

    def forget(self, now: datetime) -> None:
        """Let go of what ended more than `KEPT` before `now` (market time): what it left is in the counts."""
        before_ms = milliseconds(now - KEPT)
        while self._ended:
            name = self._ended[0]
            order = self.by_id.get(name)
            if order is not None and _last_ms(order) >= before_ms:
                return
            self._ended.popleft()
            if order is not None and name not in self._alive and name not in self.doubled:
                del self.by_id[name]
                for order_id in order.order_ids:
                    self._names.pop(order_id, None)

    def quiet(self, now: datetime) -> bool:
        """Whether nothing happened for so long that who reads the journal may begin here, knowing only the counts."""
        accounted_ms = max([self.flat_ms, *(at_ms for at_ms, _ in self._accepted.values())])
        return not self.by_id and accounted_ms < milliseconds(now - KEPT)

    def fold(self, line: OrderEvent) -> None:
        """One line of the journal. Raises ValueError for a line that says too little."""
        self.folded += 1
        if line.market_at is not None:
            self.known_until = max(self.known_until or line.market_at, line.market_at)
        if line.act == "intent":
            self.intend(plan_of(line))
        elif line.act == "settled":
            self.settle(line.ticker)
        elif line.act == "flat":
            self._flat(-1 if line.market_at is None else milliseconds(line.market_at))
        elif line.act == "carried":
            self._carry(line)
        elif line.act == "accepted":
            self._accept(line.ticker, *accepted_of(line))
        else:
            order = self.by_id.get(line.client_order_id)
            if order is None:
                raise ValueError(f"{line.act} of {line.client_order_id!r}, of which no intent was read")
            self.apply(order, evidence_of(line, order.plan))
        self._begun = True

    def settle(self, ticker: str) -> None:
        """A market paid out."""
        self.settled.add(ticker)
        self._held.pop(ticker, None)
        self._accepted.pop(ticker, None)

    def alive(self) -> list[Order]:
        """Orders of which something may still come, in the order of their names."""
        return [self.by_id[name] for name in sorted(self._alive)]

    def unresolved(self) -> list[Order]:
        """Orders of which nobody knows whether the exchange has them."""
        return [order for order in self.alive() if order.state is State.UNRESOLVED]

    def working(self) -> list[Order]:
        """Orders that rest as far as is known."""
        return [order for order in self.alive() if order.state in (State.RESTING, State.PARTLY_FILLED)]

    def held(self) -> dict[str, Count]:
        """What the account should hold, in markets that have not paid out; negative is NO."""
        should = {ticker: self.by_fills(ticker) for ticker in self._held.keys() | self._accepted.keys()}
        for ticker, (_, count) in self._accepted.items():
            should[ticker] += count
        return {ticker: count for ticker, count in should.items() if count}

    def by_fills(self, ticker: str) -> Count:
        """What the fills alone explain of a position."""
        return self._held.get(ticker, 0)

    def accounted_ms(self, ticker: str) -> int:
        """Market time up to which whatever happened in a market is accounted for, known fills or not."""
        return max(self.flat_ms, self._accepted.get(ticker, (-1, 0))[0])

    def _count(self, old: Order, new: Order) -> None:
        self._book(new, -1, [fill for fill in old.fills if fill not in new.fills])
        self._book(new, +1, [fill for fill in new.fills if fill not in old.fills])

    def _book(self, order: Order, sign: int, fills: Iterable[OwnFill]) -> None:
        ticker = order.plan.ticker
        side = sign if order.plan.side is BookSide.BID else -sign
        for fill in fills:
            self.fills += sign
            self.last_fill_ms = max(self.last_fill_ms or fill.at_ms, fill.at_ms)
            if ticker not in self.settled and fill.at_ms > self.flat_ms:
                self._held[ticker] = self._held.get(ticker, 0) + side * fill.count

    def _carry(self, line: OrderEvent) -> None:
        held, orders, fills = carried_of(line)
        if not self._begun:  # or all of it is known already
            self.known, self.fills = self.known + orders, self.fills + fills
            self._held = {ticker: self.by_fills(ticker) + held.get(ticker, 0) for ticker in self._held.keys() | held}
        self.folded = 0

    def _accept(self, ticker: str, at_ms: int, count: Count) -> None:
        if ticker not in self.settled and at_ms > self.accounted_ms(ticker):
            self._accepted[ticker] = at_ms, count

    def _flat(self, at_ms: int) -> None:
        if at_ms <= self.flat_ms:
            return
        self.flat_ms = at_ms
        self._accepted = {ticker: each for ticker, each in self._accepted.items() if each[0] > at_ms}
        self.fills, self._held = 0, {}
        for order in self.by_id.values():
            self._book(order, +1, order.fills)


def _last_ms(order: Order) -> int:
    told_ms = 0 if order.word is None else order.word.at_ms
    return max(milliseconds(order.plan.market_at), told_ms, *(fill.at_ms for fill in order.fills))
