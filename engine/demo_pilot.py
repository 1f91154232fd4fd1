"""A few real resting orders on the simulated exchange, so that a kill has something to cancel. Never elsewhere.

Every order is written down before it is sent, carries an id that is unique for ever and the order group of the start
it was made under, expires by itself, and passes the last look in the body stream of its request.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from engine.last_look import LastLook
from engine.market.money import ONE_CONTRACT, Price
from engine.market.view import BookView, MarketInfo, contracts, dollars, price_below
from engine.venues.kalshi.errors import Ambiguous, NotSent, Rejected
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.wire import Intent, NewOrder, to_wire
from state.clock import Clock
from state.events import EventType
from state.journal import JournalWriter
from state.models.orders import OrderEvent

TICKS_BELOW_BEST = 3
"""Deep enough to rest for a while, near enough to be a real order of a real book."""
LOWEST = 500
"""Price units; nothing below five cents, where there is no room beneath."""
GROUP_LIMIT = 1_000 * ONE_CONTRACT
QUIET_BEFORE_CLOSE = timedelta(minutes=5)


@dataclass(slots=True)
class DemoPilot:
    """Keeps `wanted` orders of one contract resting while orders may leave."""

    rest: KalshiRest
    look: LastLook
    clock: Clock
    journal: JournalWriter
    emit: Callable[..., None]
    wanted: int
    order_life: timedelta
    sent: int = 0
    unresolved: set[str] = field(default_factory=set)
    _session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _group: tuple[str, str] | None = None
    """Arming id, and the order group made for it."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The order groups that orders of this run may be in."""
        return () if self._group is None else (self._group[1],)

    async def keep_resting(
        self,
        arming_id: str,
        resting: Sequence[str],
        markets: Sequence[MarketInfo],
        books: Mapping[str, BookView],
        market_now: datetime,
    ) -> bool:
        """Send what is missing of the wanted orders; `resting` are tickers that have one. Whether any was sent."""
        missing = self.wanted - len(resting)
        if missing <= 0:
            return False
        group = await self._group_of(arming_id)
        before = self.sent
        for market in markets:
            if missing <= 0:
                break
            price = _price(market, books.get(market.ticker), market_now)
            if price is not None and market.ticker not in resting:
                await self._send(market.ticker, price, arming_id, group, market_now)
                missing -= 1
        return self.sent > before

    async def _group_of(self, arming_id: str) -> str:
        if self._group is None or self._group[0] != arming_id:
            self._group = (arming_id, await self.rest.create_order_group(GROUP_LIMIT))
        return self._group[1]

    async def _send(self, ticker: str, price: Price, arming_id: str, group: str, market_now: datetime) -> None:
        side, wire_price = to_wire(Intent.BUY_YES, price)
        order = NewOrder(
            client_order_id=f"fd-{self._session}-{self.sent + 1}",
            ticker=ticker,
            side=side,
            price=wire_price,
            count=ONE_CONTRACT,
            expires=market_now + self.order_life,
            post_only=True,
            order_group_id=group,
        )
        self.sent += 1
        await self._note("intent", order)
        try:
            ack = await self.rest.create_order(order, partial(self.look.for_order, arming_id))
        except NotSent as error:
            await self._note("not_sent", order, reason=str(error))
        except Rejected as error:
            await self._note("rejected", order, reason=str(error))
            self.emit(EventType.ORDER_REJECTED, f"{ticker}: {error}", severity="warning")
        except Ambiguous as error:
            self.unresolved.add(order.client_order_id)
            await self._note("unresolved", order, reason=str(error))
            self.emit(EventType.ORDER_UNRESOLVED, f"{order.client_order_id}: {error}", severity="error")
        else:
            await self._note("acknowledged", order, order_id=ack.order_id)

    async def resolve(self) -> None:
        """Ask the exchange what became of orders whose answer was lost. Raises what the client raises."""
        if not self.unresolved:
            return
        known = {order.client_order_id: order for order in await self.rest.orders()}
        for client_order_id in sorted(self.unresolved & known.keys()):
            found = known[client_order_id]
            self.unresolved.discard(client_order_id)
            line = OrderEvent(
                at=self.clock.now(),
                act="resolved",
                client_order_id=client_order_id,
                order_id=found.order_id,
                ticker=found.ticker,
                reason=found.status.value,
                source=self.rest.source,
            )
            await self.journal.append_off_loop(line)

    async def _note(self, act: str, order: NewOrder, *, order_id: str | None = None, reason: str = "") -> None:
        line = OrderEvent.model_validate(
            {
                "at": self.clock.now(),
                "act": act,
                "client_order_id": order.client_order_id,
                "order_id": order_id,
                "ticker": order.ticker,
                "side": "YES",
                "price": dollars(order.price),
                "count": contracts(order.count),
                "order_group_id": order.order_group_id,
                "reason": reason,
                "source": self.rest.source,
            }
        )
        await self.journal.append_off_loop(line)


def _price(market: MarketInfo, book: BookView | None, market_now: datetime) -> Price | None:
    """A few ticks below the best YES bid; None where no order of ours should rest."""
    if book is None or book.stale or not market.opens_at <= market_now < market.closes_at - QUIET_BEFORE_CLOSE:
        return None
    bids = book.bids("YES")
    price: Price | None = bids[0][0] if bids and bids[0][0] >= LOWEST else None
    for _ in range(TICKS_BELOW_BEST):
        price = None if price is None else price_below(market.grid, "YES", price)
    return price
