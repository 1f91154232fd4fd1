"""What the exchange can be asked: about itself, its markets and our account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from engine.market.money import Micros
from engine.venues.kalshi.account import AccountLimits, EndpointCosts
from engine.venues.kalshi.errors import MalformedAnswer
from engine.venues.kalshi.fields import Fields
from engine.venues.kalshi.http import READ_ATTEMPTS, Http, Params
from engine.venues.kalshi.models import BookLevels, Event, ExchangeStatus, Market, PublicTrade, Schedule, Series
from engine.venues.kalshi.portfolio import (
    AccountFill,
    Balance,
    Order,
    OrderGroup,
    OrderStatus,
    Position,
    QueuePosition,
    Settlement,
    parse_resting_value,
)

T = TypeVar("T")

_PAGE = 1_000
_EVENT_PAGE = 200
_TICKERS_AT_ONCE = 100


class Questions:
    """Reads only. Each raises Rejected, Unavailable or MalformedAnswer.

    An `urgent` one may use the share of the rate budget that is kept for stopping; `attempts=1` asks only once.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    async def load_limits(self) -> AccountLimits:
        """Read the account's rate limits and keep to them from now on."""
        limits = AccountLimits.parse(await self._http.get("/account/limits"))
        self._http.limits.adopt(limits, EndpointCosts.parse(await self._http.get("/account/endpoint_costs")))
        return limits

    # --- the exchange and its markets

    async def exchange_status(self) -> ExchangeStatus:
        return ExchangeStatus.parse(await self._http.get("/exchange/status"))

    async def schedule(self) -> Schedule:
        return Schedule.parse(await self._http.get("/exchange/schedule"))

    async def series(self, ticker: str) -> Series:
        raw = await self._http.get(f"/series/{ticker}")
        return Series.parse(Fields(raw, "series answer").nested("series"))

    async def event(self, ticker: str) -> Event:
        """One event with its markets."""
        raw = await self._http.get(f"/events/{ticker}", {"with_nested_markets": "true"})
        return Event.parse(Fields(raw, "event answer").nested("event"))

    async def events(self, *, series_ticker: str | None = None, status: str | None = None) -> list[Event]:
        """All events of a series, with their markets; `status` unopened, open, closed or settled."""
        params = _given(series_ticker=series_ticker, status=status) | {"with_nested_markets": "true"}
        return await self._collect("/events", "events", Event.parse, params, page=_EVENT_PAGE)

    async def markets(
        self,
        *,
        event_ticker: str | None = None,
        series_ticker: str | None = None,
        tickers: Sequence[str] = (),
        status: str | None = None,
    ) -> list[Market]:
        """Markets by any of the filters; filter "open" gives markets whose own status is "active"."""
        params = _given(event_ticker=event_ticker, series_ticker=series_ticker, status=status)
        if tickers:
            params |= {"tickers": ",".join(tickers)}
        return await self._collect("/markets", "markets", Market.parse, params)

    async def orderbooks(self, tickers: Sequence[str]) -> dict[str, BookLevels]:
        """The whole books of `tickers`, by ticker."""
        books: dict[str, BookLevels] = {}
        for some in _chunks(tickers, _TICKERS_AT_ONCE):
            raw = await self._http.get("/markets/orderbooks", {"tickers": list(some)})
            for each in Fields(raw, "orderbooks answer").objects("orderbooks"):
                ticker = each.text("ticker")
                books[ticker] = BookLevels.parse(ticker, each.nested("orderbook_fp"))
        return books

    async def trades(self, ticker: str, *, since: datetime | None = None) -> list[PublicTrade]:
        """The prints of a market, newest first."""
        params = _given(ticker=ticker, min_ts=_seconds(since))
        return await self._collect("/markets/trades", "trades", PublicTrade.parse, params)

    # --- the account

    async def balance(self) -> Balance:
        """Cash and portfolio value; this endpoint may be asked once a second only."""
        return Balance.parse(await self._http.get("/portfolio/balance"))

    async def positions(self) -> list[Position]:
        """Unsettled positions that are not zero."""
        params: Params = {"count_filter": "position"}
        return await self._collect("/portfolio/positions", "market_positions", Position.parse, params, complete=True)

    async def archived_before(self) -> datetime:
        """Orders that ended, and fills made, before this are in the exchange's archive, and in no other listing."""
        fields = Fields(await self._http.get("/historical/cutoff"), "historical cutoff")
        return max(fields.instant("orders_updated_ts"), fields.instant("trades_created_ts"))

    async def fills(
        self, *, since: datetime | None = None, ticker: str | None = None, archived: bool = False
    ) -> list[AccountFill]:
        params, path = _given(min_ts=_seconds(since), ticker=ticker), _portfolio(archived=archived)
        return await self._collect(f"{path}/fills", "fills", AccountFill.parse, params, complete=True)

    async def settlements(self, *, since: datetime | None = None) -> list[Settlement]:
        params = _given(min_ts=_seconds(since))
        return await self._collect("/portfolio/settlements", "settlements", Settlement.parse, params, complete=True)

    async def orders(
        self,
        *,
        status: OrderStatus | None = None,
        ticker: str | None = None,
        since: datetime | None = None,
        archived: bool = False,
        urgent: bool = False,
        attempts: int = READ_ATTEMPTS,
    ) -> list[Order]:
        """Our orders, all pages; a listing that cannot be read to its end raises, and is never a short one."""
        params, path = _given(status=status, ticker=ticker, min_ts=_seconds(since)), _portfolio(archived=archived)
        return await self._collect(
            f"{path}/orders", "orders", Order.parse, params, complete=True, urgent=urgent, attempts=attempts
        )

    async def order(self, order_id: str) -> Order:
        raw = await self._http.get(f"/portfolio/orders/{order_id}")
        return Order.parse(Fields(raw, "order answer").nested("order"))

    async def queue_positions(
        self, tickers: Sequence[str], *, urgent: bool = False, attempts: int = READ_ATTEMPTS
    ) -> list[QueuePosition]:
        """Where our resting orders in `tickers` stand; the exchange wants to be told the markets."""
        found: list[QueuePosition] = []
        for some in _chunks(tickers, _TICKERS_AT_ONCE):
            params: Params = {"market_tickers": ",".join(some)}
            raw = await self._http.get("/portfolio/orders/queue_positions", params, urgent=urgent, attempts=attempts)
            listed = Fields(raw, "queue positions").objects("queue_positions")
            found.extend(map(QueuePosition.parse, listed))
        return found

    async def total_resting_order_value(self, *, urgent: bool = False, attempts: int = READ_ATTEMPTS) -> Micros:
        """The value of all that rests, cut off to whole cents."""
        path = "/portfolio/summary/total_resting_order_value"
        return parse_resting_value(await self._http.get(path, urgent=urgent, attempts=attempts))

    async def order_group(
        self, order_group_id: str, *, urgent: bool = False, attempts: int = READ_ATTEMPTS
    ) -> OrderGroup:
        raw = await self._http.get(f"/portfolio/order_groups/{order_group_id}", urgent=urgent, attempts=attempts)
        return OrderGroup.parse(order_group_id, raw)

    async def order_group_ids(self, *, urgent: bool = False, attempts: int = READ_ATTEMPTS) -> list[str]:
        """The ids of every order group of the account."""
        raw = await self._http.get("/portfolio/order_groups", urgent=urgent, attempts=attempts)
        fields = Fields(raw, "order groups")
        return [each.text("id") for each in fields.optional("order_groups", fields.objects) or ()]

    # --- pages

    async def _collect(
        self,
        path: str,
        name: str,
        parse: Callable[[Fields], T],
        params: Params,
        *,
        page: int = _PAGE,
        complete: bool = False,
        urgent: bool = False,
        attempts: int = READ_ATTEMPTS,
    ) -> list[T]:
        found: list[T] = []
        async for fields in self._pages(path, dict(params) | {"limit": page}, complete, urgent, attempts):
            found.extend(map(parse, fields.objects(name)))
        return found

    async def _pages(
        self, path: str, params: Params, complete: bool, urgent: bool, attempts: int
    ) -> AsyncIterator[Fields]:
        seen: set[str] = set()
        query: Params = params
        while True:
            fields = Fields(await self._http.get(path, query, urgent=urgent, attempts=attempts), path)
            yield fields
            cursor = fields.optional("cursor", fields.text)
            if not cursor:
                return
            # an exchange that repeats a cursor would be asked for ever
            if cursor in seen:
                if complete:
                    raise MalformedAnswer(f"{path}: the cursor repeats, so the listing has no end")
                return
            seen.add(cursor)
            query = dict(params) | {"cursor": cursor}


def _portfolio(*, archived: bool) -> str:
    return "/historical" if archived else "/portfolio"


def _given(**params: str | int | None) -> dict[str, str | int | list[str]]:
    return {name: value for name, value in params.items() if value is not None}


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
