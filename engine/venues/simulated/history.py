"""What an account did some time ago: ended orders and fills on disk, for as long as the process lives.

A real exchange keeps them in a database, and tells them as long as anybody asks. Here it is a private one of SQLite in
a temporary file without a name; its cache is small, so the memory does not grow with what is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from engine.market.fees import FeeAccumulator
from engine.venues.simulated.orders import (
    ClientFill,
    ClientOrder,
    OrderStatus,
    SelfTrade,
    Side,
    TimeInForce,
    UpdateReason,
)

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -256;
CREATE TABLE orders (
    serial INTEGER PRIMARY KEY, account TEXT, order_id TEXT, ticker TEXT, status TEXT, content BLOB
);
CREATE UNIQUE INDEX by_id ON orders (order_id);
CREATE TABLE fills (number INTEGER PRIMARY KEY, account TEXT, order_id TEXT, ticker TEXT, content BLOB);
CREATE TABLE names (client_order_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class History:
    """The past of one member's accounts. Opens its file when it is first given something."""

    def __init__(self) -> None:
        self._opened: sqlite3.Connection | None = None

    def keep_orders(self, account_id: str, orders: Iterable[ClientOrder], names: Iterable[str]) -> None:
        """Keep orders that have ended, and every client_order_id they ever had."""
        rows = [
            (order.serial, account_id, order.order_id, order.ticker, str(order.status), orjson.dumps(order))
            for order in orders
        ]
        database = self._database()
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.executemany("INSERT INTO names VALUES (?)", [(name,) for name in names])
        database.commit()

    def keep_fills(self, account_id: str, fills: Iterable[ClientFill]) -> None:
        """Keep fills, oldest first."""
        rows = [(account_id, fill.order.order_id, fill.order.ticker, orjson.dumps(fill)) for fill in fills]
        database = self._database()
        database.executemany("INSERT INTO fills (account, order_id, ticker, content) VALUES (?, ?, ?, ?)", rows)
        database.commit()

    def named(self, client_order_id: str) -> bool:
        """Whether an order that is kept has, or had, this client_order_id."""
        return any(self._ask("SELECT 1 FROM names WHERE client_order_id = ?", client_order_id))

    def order(self, account_id: str, order_id: str) -> ClientOrder | None:
        """One order as it ended; None when it is not kept."""
        found = self._ask("SELECT content FROM orders WHERE order_id = ? AND account = ?", order_id, account_id)
        return next((_order(orjson.loads(content)) for (content,) in found), None)

    def orders(
        self, account_id: str, *, ticker: str | None = None, status: OrderStatus | None = None
    ) -> Iterator[ClientOrder]:
        """The orders of an account, the last to be taken first."""
        found = self._ask(
            "SELECT content FROM orders WHERE account = ? AND ifnull(ticker = ?, 1) AND ifnull(status = ?, 1) "
            "ORDER BY serial DESC",
            account_id,
            ticker,
            status,
        )
        return (_order(orjson.loads(content)) for (content,) in found)

    def fills(self, account_id: str, *, order_id: str | None = None) -> Iterator[ClientFill]:
        """The fills of an account, newest first."""
        found = self._ask(
            "SELECT content FROM fills WHERE account = ? AND ifnull(order_id = ?, 1) ORDER BY number DESC",
            account_id,
            order_id,
        )
        return (_fill(orjson.loads(content)) for (content,) in found)

    def _ask(self, question: str, *given: str | None) -> Iterator[Any]:
        return iter(()) if self._opened is None else self._opened.execute(question, given)

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = sqlite3.connect("")
            self._opened.executescript(_SCHEMA)
        return self._opened


def _order(content: dict[str, Any]) -> ClientOrder:
    read: dict[str, Any] = {
        "side": Side(content["side"]),
        "time_in_force": TimeInForce(content["time_in_force"]),
        "self_trade": SelfTrade(content["self_trade"]),
        "status": OrderStatus(content["status"]),
        "reason": UpdateReason(content["reason"]),
        "fees": FeeAccumulator(**content["fees"]),
    }
    return ClientOrder(**content | read)


def _fill(content: dict[str, Any]) -> ClientFill:
    read: dict[str, Any] = {"order": _order(content["order"])}
    return ClientFill(**content | read)
