"""A few real resting orders on the simulated exchange, so that a kill has something to cancel. Never elsewhere.

Every order is written down before it is sent, carries an id that is unique for ever and the order group of the start
it was made under, expires by itself, and passes the last look in the body stream of its request. While the fate of one
is unknown, of a dead run too, nothing else is sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from pydantic import ValidationError

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
ARRIVED_WITHIN = timedelta(seconds=15)
"""Three times the longest wait for an answer: what the exchange does not know by then never reached it."""
REMEMBERED_LINES = 500
"""Lines of the journal in which a dead run may have left an order without an outcome."""


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
    _unresolved: dict[str, OrderEvent] = field(default_factory=dict)
    """The intent of each order whose fate is unknown."""
    _sent_ns: int = 0
    _session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _group: tuple[str, str] | None = None
    """Arming id, and the order group made for it."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The order groups that orders of this run may be in."""
        return () if self._group is None else (self._group[1],)

    @property
    def unresolved(self) -> frozenset[str]:
        """Orders that may or may not be at the exchange."""
        return frozenset(self._unresolved)

    def recover(self, lines: Iterable[bytes]) -> None:
        """Take up what a dead run left open, from the last lines of its journal."""
        for raw in lines:
            try:
                line = OrderEvent.model_validate_json(raw)
            except ValidationError:
                self.emit(EventType.JOURNAL_LINE_UNREADABLE, f"{self.journal.entry.path}: a line cannot be read")
                continue
            if line.act == "intent":
                self._unresolved[line.client_order_id] = line
            elif line.act != "unresolved":
                self._unresolved.pop(line.client_order_id, None)

    async def keep_resting(
        self,
        arming_id: str,
        resting: Sequence[str],
        listed_ns: int,
        markets: Sequence[MarketInfo],
        books: Mapping[str, BookView],
        market_now: datetime,
    ) -> bool:
        """Send what is missing of the wanted orders. Whether any was sent.

        `resting` are the tickers that have one, as the exchange was asked at `listed_ns` (CLOCK_BOOTTIME): a listing
        from before the last order counts for nothing. Raises what the client raises, and OSError before an order that
        could not be written down.
        """
        missing = self.wanted - len(resting)
        if missing <= 0 or self._unresolved or listed_ns <= self._sent_ns:
            return False
        group = await self._group_of(arming_id)
        before = self.sent
        for market in markets:
            if missing <= 0:
                break
            price = _price(market, books.get(market.ticker), market_now)
            if price is not None and market.ticker not in resting:
                if not await self._send(market.ticker, price, arming_id, group, market_now):
                    break
                missing -= 1
        return self.sent > before

    async def _group_of(self, arming_id: str) -> str:
        if self._group is None or self._group[0] != arming_id:
            self._group = (arming_id, await self.rest.create_order_group(GROUP_LIMIT))
        return self._group[1]

    async def _send(self, ticker: str, price: Price, arming_id: str, group: str, market_now: datetime) -> bool:
        """One order. Whether the exchange answered, so that another may follow."""
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
        intent = self._intent(order)
        await self.journal.append_off_loop(intent)
        try:
            ack = await self.rest.create_order(order, partial(self.look.for_order, arming_id))
        except NotSent as error:
            await self._tell(intent, "not_sent", reason=str(error))
            return False
        except Rejected as error:
            await self._tell(intent, "rejected", reason=str(error))
            self.emit(EventType.ORDER_REJECTED, f"{ticker}: {error}", severity="warning")
        except Ambiguous as error:
            self._unresolved[order.client_order_id] = intent
            self.emit(EventType.ORDER_UNRESOLVED, f"{order.client_order_id}: {error}", severity="error")
            await self._tell(intent, "unresolved", reason=str(error))
            return False
        except BaseException:  # cancelled, or an answer that nobody foresaw: its fate is as unknown
            self._unresolved[order.client_order_id] = intent
            raise
        else:
            await self._tell(intent, "acknowledged", order_id=ack.order_id)
        finally:
            self._sent_ns = self.clock.boottime_ns()
        return True

    async def resolve(self) -> None:
        """Ask the exchange what became of orders whose fate is unknown. Raises what the client raises.

        One that it does not know is unknown still, for as long as it may be on its way; after that it never arrived.
        """
        if not self._unresolved:
            return
        asked = self.clock.now()
        known = {order.client_order_id: order for order in await self.rest.orders()}
        for client_order_id, intent in sorted(self._unresolved.items()):
            found = known.get(client_order_id)
            if found is not None:
                await self._resolved(intent, order_id=found.order_id, reason=found.status.value)
            elif asked - intent.at >= ARRIVED_WITHIN:
                await self._resolved(intent, reason="the exchange does not know it: it never arrived")

    async def _resolved(self, intent: OrderEvent, *, order_id: str | None = None, reason: str) -> None:
        del self._unresolved[intent.client_order_id]
        await self._tell(intent, "resolved", order_id=order_id, reason=reason)

    async def _tell(self, intent: OrderEvent, act: str, *, order_id: str | None = None, reason: str = "") -> None:
        outcome = {"at": self.clock.now(), "act": act, "order_id": order_id, "reason": reason}
        await self.journal.append_off_loop(OrderEvent.model_validate(intent.model_dump() | outcome))

    def _intent(self, order: NewOrder) -> OrderEvent:
        return OrderEvent(
            at=self.clock.now(),
            act="intent",
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side="YES",
            price=dollars(order.price),
            count=contracts(order.count),
            order_group_id=order.order_group_id,
            source=self.rest.source,
        )


def _price(market: MarketInfo, book: BookView | None, market_now: datetime) -> Price | None:
    """A few ticks below the best YES bid; None where no order of ours should rest."""
    if book is None or book.stale or not market.opens_at <= market_now < market.closes_at - QUIET_BEFORE_CLOSE:
        return None
    bids = book.bids("YES")
    price: Price | None = bids[0][0] if bids and bids[0][0] >= LOWEST else None
    for _ in range(TICKS_BELOW_BEST):
        price = None if price is None else price_below(market.grid, "YES", price)
    return price
