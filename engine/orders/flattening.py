"""FLATTEN: close what is held, by reduce-only orders that take what the book offers, after everything is cancelled.

A kill forbids every order, and these leave under one: they pass no gate and need no permit, because both guard against
*more* exposure, and a desk that is killed may have to be closed while its supervisor is dead and its permit long gone.
What keeps them harmless is the exchange's own rule, `reduce_only`: whatever we believe of a position, such an order can
only shrink it, and sent twice it finds nothing left. So a lost answer holds up nothing here: the next listing tells.
What they do need is the kill itself: their last look asks whether it still stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from engine.market.money import ONE_DOLLAR, format_count, format_price
from engine.orders.life import Filled, Order, OwnFill
from engine.orders.lines import from_milliseconds, milliseconds
from engine.orders.path import OrderPath
from engine.orders.reconciling import OVERLAP
from engine.venues.kalshi.errors import Denied, VenueError
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.portfolio import Position
from engine.venues.kalshi.wire import BookSide, NewOrder, TimeInForce
from state.sentinel import Anchor

PAUSE_S = 0.5
FLAT_LISTINGS = 2
"""So many listings in a row must show that nothing is held."""

Told = Callable[[int | None, str], None]
"""(positions still held, None while unknown; what happened)"""


@dataclass(slots=True)
class Flattening:
    """One run of closing everything. Nothing of ours may rest while it runs."""

    path: OrderPath
    anchor: Anchor
    told: Told
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def run(self, deadline_s: float) -> bool:
        """Close until listings show nothing held; whether they did within `deadline_s`. Raises OSError (journal)."""
        started = self.path.market_clock.now()
        flat = 0
        try:
            async with asyncio.timeout(deadline_s):
                while flat < FLAT_LISTINGS:
                    held = await self._held()
                    flat = flat + 1 if held == [] else 0
                    if held:
                        await self._close(held)
                    if flat < FLAT_LISTINGS:
                        await self.sleep(PAUSE_S)
                await self._account_for(milliseconds(started - OVERLAP))
        except TimeoutError:
            return False
        self.told(0, f"flat: {FLAT_LISTINGS} listings show nothing held")
        return True

    async def _held(self) -> list[Position] | None:
        try:
            return [position for position in await self.path.rest.positions() if position.count]
        except VenueError as error:
            self.told(None, f"listing of positions: {error}")
            return None

    async def _close(self, held: Sequence[Position]) -> None:
        """One order a position, at the best price that somebody offers for it now."""
        try:
            books = await self.path.rest.orderbooks([position.ticker for position in held])
        except VenueError as error:
            self.told(len(held), f"order books: {error}")
            return
        for position in held:
            order = closing(position, books.get(position.ticker), self.path.ids.next)
            if order is None:
                self.told(len(held), f"{position.ticker}: nobody offers to take {format_count(abs(position.count))}")
            elif not self.path.paused:
                self._tell(len(held), order, await self.path.send(order, self._look))

    def _look(self) -> None:
        if not self.anchor.look().engaged:
            raise Denied("the kill was cleared; flatten closes only under one")

    def _tell(self, left: int, order: NewOrder, outcome: Order) -> None:
        verb = "buy" if order.side is BookSide.BID else "sell"
        what = f"{verb} {format_count(order.count)} YES at {format_price(order.price)}, reduce only"
        why = f" ({outcome.ours.reason})" if outcome.ours.reason else f", {format_count(outcome.filled)} filled"
        self.told(left, f"{order.ticker}: {what}: {outcome.state}{why}")

    async def _account_for(self, since_ms: int) -> None:
        """Journal the fills of these orders, and that counting begins anew: what is held is known to be nothing."""
        await self.path.read_on()
        latest = milliseconds(self.path.market_clock.now())
        for fill in await self.path.rest.fills(since=from_milliseconds(since_ms)):
            at_ms = 0 if fill.at is None else milliseconds(fill.at)
            latest = max(latest, at_ms)
            order = self.path.orders.find(None, fill.order_id, fill.ticker)
            if order is not None:
                own = OwnFill(fill.trade_id, fill.count, fill.price, fill.fee, at_ms)
                self.path.hear(order, Filled(fill.order_id, own))
        self.path.journal.queue([{"act": "flat", "market_at": from_milliseconds(latest)}])
        await self.path.journal.flush()


def closing(position: Position, book: BookLevels | None, name: Callable[[], str]) -> NewOrder | None:
    """The order that closes `position` against the best price of the other side; None while nobody offers one."""
    sells = position.count > 0
    offers = () if book is None else book.bids if sells else book.asks
    if not offers or not 0 < offers[0][0] < ONE_DOLLAR:
        return None
    return NewOrder(
        client_order_id=name(),
        ticker=position.ticker,
        side=BookSide.ASK if sells else BookSide.BID,
        price=offers[0][0],
        count=abs(position.count),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        reduce_only=True,
    )
