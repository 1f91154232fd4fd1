"""The book as a document: positions with marks from the present books, and resting orders with their queues. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.market.money import ONE_DOLLAR, Price
from engine.market.view import BookView, contracts, dollars
from engine.shadow.book import Book, Position
from engine.shadow.lines import average, usd
from engine.shadow.venue import PaperOrder
from state.models import Source
from state.models.shadow import ShadowBook, ShadowOrder, ShadowPosition


def to_document(
    book: Book,
    orders: Iterable[PaperOrder],
    views: Mapping[str, BookView],
    fair_yes: Mapping[str, Price],
    *,
    source: Source,
    books_fresh_s: float,
) -> ShadowBook:
    """The whole book. A position without a mark makes the total unrealised P&L unknown, never 0."""
    positions = tuple(
        _position(position, views.get(ticker), fair_yes.get(ticker), books_fresh_s)
        for ticker, position in sorted(book.positions.items())
    )
    known = [each.unrealised_usd for each in positions if each.unrealised_usd is not None]
    return ShadowBook(
        source=source,
        positions=positions,
        orders=tuple(_order(order) for order in orders),
        fills=book.fills,
        unrealised_usd=sum(known, usd(0)) if len(known) == len(positions) else None,
        realised_usd=usd(book.realised),
        fees_usd=usd(book.fees),
        journal_lines=book.lines,
    )


def mark_of(position: Position, view: BookView | None, books_fresh_s: float) -> tuple[Price | None, str]:
    """Best bid of the position's own side, or None and why there is none."""
    if view is None:
        return None, "no book"
    if view.stale or not 0 <= view.age_s <= books_fresh_s:
        return None, f"book stale {view.age_s:.0f}s"
    bids = view.bids(position.side)
    return (bids[0][0], "") if bids else (None, "no bid")


def _position(position: Position, view: BookView | None, yes: Price | None, books_fresh_s: float) -> ShadowPosition:
    mark, note = mark_of(position, view, books_fresh_s)
    fair = None if yes is None else yes if position.side == "YES" else ONE_DOLLAR - yes
    return ShadowPosition(
        ticker=position.ticker,
        desk=position.desk,
        family=position.family,
        side=position.side,
        count=contracts(position.count),
        average_price=average(position.cost, position.count),
        mark=None if mark is None else dollars(mark),
        unrealised_usd=None if mark is None else usd(mark * position.count - position.cost - position.fees),
        realised_usd=usd(position.realised),
        fees_usd=usd(position.fees),
        fair=None if fair is None else dollars(fair),
        edge_cents=None if fair is None or mark is None else dollars(fair - mark).scaleb(2),
        opened_at=position.opened_at,
        note=note,
    )


def _order(order: PaperOrder) -> ShadowOrder:
    ticket = order.ticket
    return ShadowOrder(
        order_id=order.order_id,
        ticker=ticket.ticker,
        desk=ticket.desk,
        family=ticket.family,
        side=ticket.side,
        price=dollars(ticket.price),
        count=contracts(ticket.count),
        remaining=contracts(order.remaining),
        queue_ahead=contracts(order.queue.ahead),
        placed_at=order.placed_at,
        expires_at=ticket.expires_at,
    )
