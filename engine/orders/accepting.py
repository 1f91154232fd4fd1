"""A person takes over positions that our fills do not explain, so that trading may go on beside them.

Nothing is closed and nothing is sent. What is accepted is exactly what the person named and the exchange says, twice:
another count, another market or an order of ours that is not accounted for, and nothing is accepted at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.market.money import Count, format_count
from engine.orders.lines import accepted, milliseconds
from engine.orders.path import OrderPath
from engine.orders.reconciler import list_all
from engine.orders.reconciling import evidence, out_of_place
from engine.venues.kalshi.portfolio import Order as ListedOrder
from engine.venues.kalshi.portfolio import OrderStatus, Position

PAUSE_S = 1.0
LISTINGS = 2
"""So many in a row must show what the person named."""


class Refused(Exception):
    """Nothing was accepted; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One market: what our fills explain, and what the exchange says is held."""

    by_fills: Count
    held: Count


@dataclass(slots=True)
class Accepting:
    """One act of a person. `named`: by ticker, what the person says is held; negative is NO."""

    path: OrderPath
    named: Mapping[str, Count]
    reason: str
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def run(self) -> dict[str, Difference]:
        """Journal each position named. Raises Refused, what the client raises, and OSError (journal)."""
        seen = await self._look()
        for _ in range(LISTINGS - 1):
            await self.sleep(PAUSE_S)
            if await self._look() != seen:
                raise Refused("it changes while we look: orders leave or fill; try again when it is calm")
        await self.path.journal.flush()
        for ticker, each in seen.items():
            at_ms = milliseconds(self.path.market_clock.now())
            at_ms = max(at_ms, self.path.orders.accounted_ms(ticker) + 1)
            await self.path.journal.write(accepted(ticker, each.held, each.by_fills, at_ms, self.reason))
        return seen

    async def _look(self) -> dict[str, Difference]:
        await self.path.read_on()
        orders = self.path.orders
        listed = await list_all(self.path, self._list_now)
        for order, found in evidence(orders, listed):
            self.path.hear(order, found)
        open_ended = [each.plan.client_order_id for each in orders.alive() if each.missing or each.order_id is None]
        if open_ended:
            raise Refused(f"what became of orders of ours is not known yet: {', '.join(open_ended)}")
        differ = out_of_place(orders, listed)
        held = {position.ticker: position.count for position in listed.positions}
        for ticker, count in self.named.items():
            if held.get(ticker, 0) != count:
                told = f"{format_count(held.get(ticker, 0))} is held, not {format_count(count)}"
                raise Refused(f"{ticker}: the exchange says that {told}")
            if ticker not in differ:
                raise Refused(f"{ticker}: {format_count(count)} is what we know, there is nothing to accept")
        return {ticker: Difference(orders.by_fills(ticker), count) for ticker, count in self.named.items()}

    async def _list_now(self) -> tuple[list[ListedOrder], list[Position]]:
        rest = self.path.rest
        return await rest.orders(status=OrderStatus.RESTING), await rest.positions()
