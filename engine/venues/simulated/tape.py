"""The tape: the last prints of all markets, packed, as those of a busy hour would otherwise fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from engine.venues.simulated.happenings import Trade
from engine.venues.simulated.market import Market
from engine.venues.simulated.orders import Side

# of all markets together; what is older is told by candlesticks alone
KEPT_TRADES = 20_000
# identifier, market, price, count, whether the taker bought, instant
_PRINT = Struct("<16sIHq?q")


class Tape:
    """A ring of at most `most` prints."""

    def __init__(self, most: int = KEPT_TRADES) -> None:
        self._most = most
        self._ring = bytearray()
        self._added = 0
        self._markets: list[Market] = []
        self._numbers: dict[str, int] = {}

    def add(self, trade: Trade) -> None:
        """Print a trade; when the ring is full the oldest goes."""
        number = self._numbers.get(trade.market.ticker)
        if number is None:
            number = self._numbers[trade.market.ticker] = len(self._markets)
            self._markets.append(trade.market)
        packed = _PRINT.pack(
            bytes.fromhex(trade.trade_id.replace("-", "")),
            number,
            trade.price,
            trade.count,
            trade.taker_side is Side.BID,
            trade.at,
        )
        place = self._added % self._most * _PRINT.size
        self._ring[place : place + _PRINT.size] = packed
        self._added += 1

    def latest(self, ticker: str | None = None) -> Iterator[Trade]:
        """Newest first; of one market where it is named."""
        wanted = None if ticker is None else self._numbers.get(ticker, -1)
        for age in range(1, min(self._added, self._most) + 1):
            place = (self._added - age) % self._most * _PRINT.size
            identifier, number, price, count, bought, at = _PRINT.unpack_from(self._ring, place)
            if wanted is None or number == wanted:
                side = Side.BID if bought else Side.ASK
                yield Trade(_uuid(identifier), self._markets[number], price, count, side, at)


def _uuid(identifier: bytes) -> str:
    text = identifier.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
