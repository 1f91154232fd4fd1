"""Rate limits: token buckets per member, separate for reads and writes, as published (facts §1.5).

Buckets refill continuously in real time; a request that the bucket cannot pay for whole is refused and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import orjson

from engine.venues.simulated.refusals import TOO_MANY_REQUESTS, Refusal

DEFAULT_COST = 10
_PREFIX = "/trade-api/v2"
_ORDERS = "/portfolio/events/orders"
# what differs from the default; those of batches are by entry
COSTS: dict[tuple[str, str], int] = {
    ("DELETE", _ORDERS): 2,
    ("DELETE", f"{_ORDERS}/{{order_id}}"): 2,
    ("DELETE", f"{_ORDERS}/batched"): 2,
    ("GET", "/portfolio/orders/{order_id}"): 2,
    ("POST", "/account/api_usage_level/upgrade"): 30,
}
BATCHES = frozenset({("POST", f"{_ORDERS}/batched"), ("DELETE", f"{_ORDERS}/batched")})
BALANCE = ("GET", "/portfolio/balance")
_NANOS = 1_000_000_000


class Tier(StrEnum):
    """Usage tiers; `UNLIMITED` is ours: the figures of Basic are told, and none is enforced."""

    UNLIMITED = "unlimited"
    BASIC = "basic"
    ADVANCED = "advanced"
    EXPERT = "expert"
    PREMIER = "premier"
    PARAGON = "paragon"
    PRIME = "prime"
    PRESTIGE = "prestige"


@dataclass(frozen=True, slots=True)
class Limit:
    """Tokens a second, and how many a full bucket holds."""

    rate: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Limits:
    read: Limit
    write: Limit
    balance: Limit


def _upper(read: int, write: int) -> Limits:
    """Above Basic a full write bucket holds two seconds; above Advanced a full read bucket holds one."""
    return Limits(Limit(read, read), Limit(write, 2 * write), Limit(5, 5))


LIMITS: dict[Tier, Limits] = {
    # a recorded Basic key had one second of reads, where the documentation says two
    Tier.BASIC: Limits(Limit(200, 200), Limit(100, 100), Limit(1, 1)),
    Tier.ADVANCED: Limits(Limit(300, 600), Limit(300, 600), Limit(1, 1)),
    Tier.EXPERT: _upper(600, 600),
    Tier.PREMIER: _upper(1_000, 1_000),
    Tier.PARAGON: _upper(2_000, 2_000),
    Tier.PRIME: _upper(4_000, 4_000),
    Tier.PRESTIGE: _upper(10_000, 8_000),
}
LIMITS[Tier.UNLIMITED] = LIMITS[Tier.BASIC]


class Bucket:
    """One token bucket; full at first."""

    def __init__(self, limit: Limit, now_ns: int) -> None:
        self._limit = limit
        self._tokens = float(limit.capacity)
        self._at = now_ns

    def take(self, cost: int, now_ns: int) -> bool:
        """Pay `cost`, whole or not at all."""
        refilled = self._tokens + (now_ns - self._at) * self._limit.rate / _NANOS
        self._tokens, self._at = min(float(self._limit.capacity), refilled), now_ns
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True


class Budgets:
    """The buckets of every member. `system_ns` is real time."""

    def __init__(self, tier: Tier, system_ns: Callable[[], int]) -> None:
        self._first_tier = tier
        self._system_ns = system_ns
        self._tiers: dict[str, Tier] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def tier(self, user_id: str) -> Tier:
        """The usage tier of a member."""
        return self._tiers.get(user_id, self._first_tier)

    def limits(self, user_id: str) -> Limits:
        return LIMITS[self.tier(user_id)]

    def upgrade(self, user_id: str) -> None:
        """Basic becomes Advanced; who has more keeps it."""
        if self.tier(user_id) is Tier.BASIC:
            self._tiers[user_id] = Tier.ADVANCED
            for kind in ("read", "write", "balance"):
                self._buckets.pop((user_id, kind), None)

    def charge(self, user_id: str, method: str, path: str, body: bytes) -> None:
        """Charge a request by its route. Raises Refusal 429, bare."""
        if self.tier(user_id) is Tier.UNLIMITED:
            return
        route = (method, path)
        cost = COSTS.get(route, DEFAULT_COST)
        if route in BATCHES:
            cost *= _entries(body)
        kind = "balance" if route == BALANCE else "read" if method == "GET" else "write"
        now = self._system_ns()
        bucket = self._buckets.get((user_id, kind))
        if bucket is None:
            limits = self.limits(user_id)
            limit = {"read": limits.read, "write": limits.write, "balance": limits.balance}[kind]
            bucket = self._buckets[user_id, kind] = Bucket(limit, now)
        if not bucket.take(1 if kind == "balance" else cost, now):
            raise Refusal(429, TOO_MANY_REQUESTS)


def published() -> list[dict[str, object]]:
    """The costs that differ from the default, as the exchange tells them."""
    return [
        {"cost": cost, "method": method, "path": _PREFIX + path.replace("{", ":").replace("}", "")}
        for (method, path), cost in COSTS.items()
    ]


def _entries(body: bytes) -> int:
    """How many orders a batch holds; what cannot be read is one, and is refused later."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 1
    orders = content.get("orders") if isinstance(content, dict) else None
    return max(1, len(orders)) if isinstance(orders, list) else 1
