"""The exchange's REST interface, typed: what it can be asked (Questions), and what it can be asked to do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx

from engine.market.money import Count, format_count
from engine.venues.kalshi.clock_offset import Offset
from engine.venues.kalshi.errors import Ambiguous, Denied, MalformedAnswer, Rejected
from engine.venues.kalshi.hosts import Source
from engine.venues.kalshi.http import DEFAULT_TIMEOUT, Http, Params
from engine.venues.kalshi.limits import Sleep
from engine.venues.kalshi.looked import Look
from engine.venues.kalshi.portfolio import (
    CancelOutcome,
    NotResting,
    OrderAck,
    parse_batched_cancel,
    parse_cancelled,
    parse_created_group,
)
from engine.venues.kalshi.questions import Questions
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import NewOrder
from state.clock import Clock

T = TypeVar("T")

_CANCELS_AT_ONCE = 20
_ORDERS = "/portfolio/events/orders"
_GROUPS = "/portfolio/order_groups"


class KalshiRest(Questions):
    """One exchange account over REST. Close it when done, or use it as an async context manager.

    Acts raise NotSent, Rejected or Ambiguous, and are never repeated here.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(Http(base_url, signer, clock, sleep, timeout=timeout, rng=rng))
        self._in_flight: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> KalshiRest:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()

    @property
    def source(self) -> Source:
        """What kind of venue this is, by its host."""
        return self._http.source

    @property
    def clock_offset(self) -> Offset | None:
        """Exchange time − ours as an interval; None before the first answer."""
        return self._http.offset.offset

    @property
    def orders_in_flight(self) -> frozenset[str]:
        """The client_order_ids whose body left and that are neither answered nor known to be unresolved.

        An order that still waits, signs or connects is not among them: its look is yet to come.
        """
        return frozenset(self._in_flight)

    async def none_in_flight(self) -> None:
        """Wait until every order that left was answered or became Ambiguous."""
        await self._idle.wait()

    async def create_order(self, order: NewOrder, look: Look) -> OrderAck:
        """Send an order, once. `look` is called last, and raises Denied to keep it from leaving (then: NotSent).

        An FOK that finds too little is Rejected (409); an IOC that does is an ack with nothing filled.
        """
        left = False

        def look_and_leave() -> None:
            nonlocal left
            look()
            if order.client_order_id in self._in_flight:
                raise Denied(f"order {order.client_order_id!r} is on its way already")
            left = True
            self._in_flight.add(order.client_order_id)
            self._idle.clear()

        try:
            answer = await self._http.post_looked(_ORDERS, order.body(), look_and_leave)
        finally:
            if left:
                self._in_flight.discard(order.client_order_id)
                if not self._in_flight:
                    self._idle.set()
        return _acted(OrderAck.parse, answer)

    async def cancel_order(self, order_id: str, ticker: str, *, urgent: bool = True) -> CancelOutcome:
        """Cancel one order. NotResting when the exchange does not know it as resting, whatever became of it."""
        try:
            params: Params = {"market_ticker": ticker}
            raw = await self._http.write("DELETE", f"{_ORDERS}/{order_id}", params=params, urgent=urgent)
        except Rejected as exc:
            if exc.status == 404:
                return NotResting(order_id)
            raise
        return _acted(parse_cancelled, raw)

    async def cancel_batched(
        self, orders: Sequence[tuple[str, str]], *, urgent: bool = True
    ) -> list[CancelOutcome | str]:
        """Cancel (order_id, ticker) pairs; one outcome each, in order, a text being the exchange's refusal."""
        outcomes: list[CancelOutcome | str] = []
        for start in range(0, len(orders), _CANCELS_AT_ONCE):
            some = orders[start : start + _CANCELS_AT_ONCE]
            body = {"orders": [{"order_id": order_id, "market_ticker": ticker} for order_id, ticker in some]}
            raw = await self._http.write("DELETE", f"{_ORDERS}/batched", body, urgent=urgent, items=len(some))
            outcomes.extend(_acted(parse_batched_cancel, raw))
        return outcomes

    async def cancel_all(self) -> None:
        """Cancel whatever rests; the exchange may still catch orders placed within the following minute."""
        await self._http.write("DELETE", _ORDERS, urgent=True)

    async def create_order_group(self, limit: Count) -> str:
        """A group that cancels itself when more than `limit` is filled within 15 s; its id."""
        raw = await self._http.write("POST", f"{_GROUPS}/create", {"contracts_limit_fp": format_count(limit)})
        return _acted(parse_created_group, raw)

    async def trigger_order_group(self, order_group_id: str) -> None:
        """Cancel the group's orders and have new ones of it refused until it is reset."""
        await self._http.write("PUT", f"{_GROUPS}/{order_group_id}/trigger", {}, urgent=True)

    async def reset_order_group(self, order_group_id: str) -> None:
        await self._http.write("PUT", f"{_GROUPS}/{order_group_id}/reset", {})


def _acted(parse: Callable[[object], T], answer: object) -> T:
    # the exchange did it, and says so in words that we cannot read
    try:
        return parse(answer)
    except MalformedAnswer as exc:
        raise Ambiguous(f"accepted, but {exc}") from exc
