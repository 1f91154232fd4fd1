"""The journal lines of paper trading, and what an event says of them."""

from __future__ import annotations

from datetime import datetime

from engine.market.money import ONE_DOLLAR, Price, format_count, format_price
from engine.market.view import contracts, dollars
from engine.shadow.book import Position
from engine.shadow.lines import usd
from engine.shadow.venue import PaperFill
from state.models import Source
from state.models.trades import ShadowTrade


def fill_line(fill: PaperFill, source: Source, at: datetime, market_at: datetime) -> ShadowTrade:
    """One paper fill; `at` is system time."""
    order, ticket = fill.order, fill.order.ticket
    return ShadowTrade(
        at=at,
        event="fill",
        fill_id=fill.fill_id,
        order_id=order.order_id,
        ticker=ticket.ticker,
        desk=ticket.desk,
        family=ticket.family,
        side=ticket.side,
        price=dollars(ticket.price),
        count=contracts(fill.count),
        fee_usd=usd(fill.fee),
        market_at=market_at,
        fair=None if ticket.fair is None else dollars(ticket.fair),
        queue_ahead=contracts(order.queue_at_start),
        basis=fill.basis,
        source=source,
    )


def settlement_line(
    position: Position, paid_yes: Price, source: Source, at: datetime, market_at: datetime
) -> ShadowTrade:
    """The end of a position: what one contract of its side paid. A market settles once, so its ticker is the id."""
    return ShadowTrade(
        at=at,
        event="settlement",
        fill_id=f"settlement-{position.ticker}",
        order_id=None,
        ticker=position.ticker,
        desk=position.desk,
        family=position.family,
        side=position.side,
        price=dollars(paid_yes if position.side == "YES" else ONE_DOLLAR - paid_yes),
        count=contracts(position.count),
        fee_usd=usd(0),
        market_at=market_at,
        fair=None,
        queue_ahead=None,
        basis="settlement",
        source=source,
    )


def told(fill: PaperFill) -> str:
    """One fill in words."""
    ticket, start = fill.order.ticket, format_count(fill.order.queue_at_start)
    bought = f"{ticket.ticker} bought {format_count(fill.count)} {ticket.side} at {format_price(ticket.price)}"
    return f"{bought}, queue ahead {format_count(fill.order.queue.ahead)} of {start}"
