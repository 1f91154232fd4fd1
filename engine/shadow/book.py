"""The shadow book: what the desks hold on paper, folded from the lines of the fill journal and from nothing else.

Buying NO closes YES first and the other way round: a pair of both is worth a dollar, as at the exchange. Money is
integer micro-dollars; a part of a position that is closed takes its share of cost and entry fees with it, and the
last part takes what is left, so that nothing is made or lost by rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.market.view import contracts, dollars
from engine.shadow.lines import average, count_of, micros_of, price_of, usd
from state.models import Side
from state.models.trades import MasterTrade, ShadowTrade


@dataclass(slots=True)
class Position:
    """One open paper position; `cost` and `fees` are those of what is still open."""

    ticker: str
    desk: str
    family: str
    side: Side
    opened_at: datetime
    count: Count = 0
    cost: Micros = 0
    fees: Micros = 0
    realised: Micros = 0
    """Of the parts closed since it was opened, after fees."""

    @property
    def net(self) -> Count:
        """Contracts, YES positive, NO negative."""
        return self.count if self.side == "YES" else -self.count


@dataclass(slots=True)
class Book:
    """Positions by ticker, and the sums since the journal began."""

    positions: dict[str, Position] = field(default_factory=dict)
    realised: Micros = 0
    fees: Micros = 0
    fills: int = 0
    _known: set[str] = field(default_factory=set)

    @property
    def lines(self) -> int:
        """Different lines folded so far."""
        return len(self._known)

    def knows(self, fill_id: str) -> bool:
        """Whether this line was folded already."""
        return fill_id in self._known

    def net(self, ticker: str) -> Count:
        """Contracts held, YES positive, NO negative."""
        position = self.positions.get(ticker)
        return position.net if position else 0

    def apply(self, line: ShadowTrade) -> MasterTrade | None:
        """Fold one line; the trade it closes, if it does. The same line twice counts once.

        Raises Inexact for numbers finer than this house counts; the book is then unchanged.
        """
        if line.fill_id in self._known:
            return None
        price, count, fee = price_of(line.price), count_of(line.count), micros_of(line.fee_usd)
        if not 0 <= price <= ONE_DOLLAR or count <= 0:
            raise ValueError(f"{line.fill_id}: {count} at {price} is no fill")
        self._known.add(line.fill_id)
        if line.event == "settlement":
            return self._settle(line, price)
        self.fills += 1
        self.fees += fee
        return self._fill(line, price, count, fee)

    def _settle(self, line: ShadowTrade, paid: Price) -> MasterTrade | None:
        position = self.positions.get(line.ticker)
        if position is None:
            return None
        price = paid if position.side == line.side else ONE_DOLLAR - paid
        return self._close(position, line, price, position.count, 0)

    def _fill(self, line: ShadowTrade, price: Price, count: Count, fee: Micros) -> MasterTrade | None:
        position = self.positions.get(line.ticker)
        closed = None
        if position is not None and position.side != line.side:
            closing = min(count, position.count)
            closing_fee = fee * closing // count
            closed = self._close(position, line, ONE_DOLLAR - price, closing, closing_fee)
            count, fee, position = count - closing, fee - closing_fee, self.positions.get(line.ticker)
        if count:
            if position is None:
                position = Position(line.ticker, line.desk, line.family, line.side, line.at)
                self.positions[line.ticker] = position
            position.count += count
            position.cost += price * count
            position.fees += fee
        return closed

    def _close(self, position: Position, line: ShadowTrade, price: Price, count: Count, fee: Micros) -> MasterTrade:
        """Close `count` at `price` on the position's own scale; `fee` is that of the closing fill."""
        assert 0 < count <= position.count
        cost = position.cost * count // position.count
        entry_fees = position.fees * count // position.count
        profit = price * count - cost - entry_fees - fee
        position.count -= count
        position.cost -= cost
        position.fees -= entry_fees
        position.realised += profit
        self.realised += profit
        if not position.count:
            assert position.cost == 0 and position.fees == 0
            del self.positions[position.ticker]
        return MasterTrade(
            at=line.at,
            trade_id=f"trade-{line.fill_id}",
            symbol=position.ticker,
            side=position.side,
            is_live=False,
            is_shadow=True,
            entry_ts=position.opened_at,
            exit_ts=line.at,
            entry_price=average(cost, count),
            exit_price=dollars(price),
            size=contracts(count),
            realized_pnl_usd=usd(profit),
            feature_snapshot={"desk": position.desk, "family": position.family},
            exit_reason="settlement" if line.event == "settlement" else "opposite fill",
            source="shadow",
            data_source=line.source,
        )


def fold(lines: Iterable[ShadowTrade]) -> tuple[Book, list[MasterTrade]]:
    """The book that `lines` make, and every trade they close, in order."""
    book, closed = Book(), []
    for line in lines:
        trade = book.apply(line)
        if trade is not None:
            closed.append(trade)
    return book, closed
