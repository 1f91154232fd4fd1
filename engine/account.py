"""Our account at the exchange, listed again and again into `state/exchange.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.market.money import ONE_DOLLAR
from engine.market.view import contracts, dollars
from engine.venues.kalshi.portfolio import Order, OrderStatus, Position
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.wire import BookSide
from state.clock import Clock
from state.document import DocumentWriter
from state.models.exchange import ExchangeView, HeldPosition, RestingOrder


@dataclass(slots=True)
class Account:
    """The last listing that was answered stays in `view`; one that was not puts its reason beside it."""

    rest: KalshiRest
    clock: Clock
    document: DocumentWriter[ExchangeView]
    by: Literal["engine", "supervisor", "cancel"]
    view: ExchangeView = field(default_factory=ExchangeView)
    listings: int = 0
    asked_ns: int = 0
    """CLOCK_BOOTTIME at which the question was put that `view` answers; 0 before the first."""

    def take_over(self) -> None:
        """Go on from what the other writer of the document left. Raises OSError."""
        self.view = self.document.heal() or ExchangeView()

    async def list_now(self) -> tuple[list[Order], list[Position]]:
        """Ask for resting orders and positions, write what was said and return it. Raises what the client raises."""
        asked, asked_ns = self.clock.now(), self.clock.boottime_ns()
        try:
            orders = await self.rest.orders(status=OrderStatus.RESTING)
            positions = await self.rest.positions()
        except Exception as error:
            self.view = self.view.model_copy(update={"error": f"{type(error).__name__}: {error}", "by": self.by})
            self.document.write(self.view)
            raise
        self.listings += 1
        self.asked_ns = asked_ns
        self.view = ExchangeView(
            source=self.rest.source,
            by=self.by,
            as_of=asked,
            resting=tuple(map(_resting, orders)),
            positions=tuple(map(_held, positions)),
        )
        self.document.write(self.view)
        return orders, positions


def _resting(order: Order) -> RestingOrder:
    bid = order.side is BookSide.BID
    return RestingOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side="YES" if bid else "NO",
        price=dollars(order.price if bid else ONE_DOLLAR - order.price),
        remaining=contracts(order.remaining),
        order_group_id=order.order_group_id,
    )


def _held(position: Position) -> HeldPosition:
    return HeldPosition(
        ticker=position.ticker, count=contracts(position.count), exposure_usd=dollars(position.exposure) / 100
    )
