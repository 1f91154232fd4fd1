"""The exchange's rate limits: token buckets with continuous refill, read from the account and never assumed.

Reads, writes and the balance endpoint have a bucket each. A share of the first two is kept for what is urgent, which
is stopping: cancelling, triggering an order group, and the listings that verify it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.venues.kalshi.account import AccountLimits, EndpointCosts
from engine.venues.kalshi.errors import NotSent
from state.clock import NANOS, Clock

Sleep = Callable[[float], Awaitable[object]]

_RESERVED_SHARE = 0.2
_BALANCE_PATH = "/trade-api/v2/portfolio/balance"
_BALANCE_COST = 1
_SLOW_BALANCE_TIERS = frozenset({"basic", "advanced"})
# until the account is asked: the lowest tier, every request at the default cost (docs.kalshi.com, 2026-08-19)
_UNTIL_READ = AccountLimits("basic", read_rate=200, read_capacity=200, write_rate=100, write_capacity=100)
_UNTIL_READ_COSTS = EndpointCosts(10, ())


@dataclass(slots=True)
class TokenBucket:
    """`capacity` tokens at most, `rate` new ones a second."""

    rate: float
    capacity: float
    at_ns: int
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def take(self, cost: float, now_ns: int, keep: float = 0.0) -> float:
        """Take `cost` tokens and return 0; or, when fewer than `keep` would remain, take none and return the wait.

        A cost that with `keep` exceeds the capacity waits for a full bucket. Seconds.
        """
        self.tokens = min(self.capacity, self.tokens + (now_ns - self.at_ns) / NANOS * self.rate)
        self.at_ns = now_ns
        lacking = min(cost + keep, self.capacity) - self.tokens
        if lacking > 1e-9:
            return lacking / self.rate
        self.tokens -= cost
        return 0.0

    def drain(self, now_ns: int) -> None:
        """The exchange said that there are none."""
        self.tokens, self.at_ns = 0.0, now_ns


class RateLimits:
    """Admits each request when its bucket can pay for it."""

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._clock, self._sleep = clock, sleep
        self.adopt(_UNTIL_READ, _UNTIL_READ_COSTS)

    def adopt(self, limits: AccountLimits, costs: EndpointCosts) -> None:
        """Take over what GET /account/limits and GET /account/endpoint_costs said."""
        now_ns = self._clock.boottime_ns()
        balance_rate = 1.0 if limits.usage_tier in _SLOW_BALANCE_TIERS else 5.0
        self._costs = costs
        self._read = TokenBucket(limits.read_rate, limits.read_capacity, now_ns)
        self._write = TokenBucket(limits.write_rate, limits.write_capacity, now_ns)
        self._balance = TokenBucket(balance_rate, balance_rate, now_ns)

    async def admit(self, method: str, path: str, *, urgent: bool = False, items: int = 1) -> None:
        """Wait until `items` times the cost of `method path` is there and take it. Only the urgent use the reserve.

        Raises NotSent for a batch that no bucket could ever pay at once; what is urgent then leaves on a full bucket:
        what it costs is the exchange's to say, and until the account was asked we reckon far too high.
        """
        bucket = self._bucket(method, path)
        cost = float(_BALANCE_COST if bucket is self._balance else self._costs.of(method, path) * items)
        if cost > bucket.capacity and not urgent:
            raise NotSent(f"{method} {path}: costs {cost:g} tokens at once, the budget holds {bucket.capacity:g}")
        keep = 0.0 if urgent or bucket is self._balance else bucket.capacity * _RESERVED_SHARE
        while wait := bucket.take(min(cost, bucket.capacity), self._clock.boottime_ns(), keep):
            await self._sleep(wait)

    def throttled(self, method: str, path: str) -> None:
        """The exchange answered 429: whatever we thought, the bucket is empty."""
        self._bucket(method, path).drain(self._clock.boottime_ns())

    def _bucket(self, method: str, path: str) -> TokenBucket:
        if method != "GET":
            return self._write
        return self._balance if path == _BALANCE_PATH else self._read
