"""What the account may ask of the exchange: GET /account/limits and GET /account/endpoint_costs."""

from __future__ import annotations

from dataclasses import dataclass

from engine.venues.kalshi.errors import MalformedAnswer
from engine.venues.kalshi.fields import Fields


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Token buckets of the account: tokens a second, and how many a bucket holds."""

    usage_tier: str
    read_rate: int
    read_capacity: int
    write_rate: int
    write_capacity: int

    def __post_init__(self) -> None:
        if min(self.read_rate, self.read_capacity, self.write_rate, self.write_capacity) <= 0:
            raise MalformedAnswer(f"account limits: {self}: a bucket that never fills")

    @classmethod
    def parse(cls, raw: object) -> AccountLimits:
        fields = Fields(raw, "account limits")
        read, write = fields.nested("read"), fields.nested("write")
        return cls(
            usage_tier=fields.text("usage_tier"),
            read_rate=read.integer("refill_rate"),
            read_capacity=read.integer("bucket_capacity"),
            write_rate=write.integer("refill_rate"),
            write_capacity=write.integer("bucket_capacity"),
        )


@dataclass(frozen=True, slots=True)
class EndpointCost:
    """Tokens of one endpoint; `path` has :name for one segment and *name for the rest."""

    method: str
    path: str
    cost: int

    def matches(self, method: str, path: str) -> bool:
        """Whether a concrete request is to this endpoint."""
        if method != self.method:
            return False
        pattern, actual = self.path.split("/"), path.split("/")
        if pattern[-1].startswith("*"):
            pattern.pop()
            actual = actual[: len(pattern)] if len(actual) > len(pattern) else []
        return len(pattern) == len(actual) and all(
            want.startswith(":") or want == got for want, got in zip(pattern, actual, strict=True)
        )


@dataclass(frozen=True, slots=True)
class EndpointCosts:
    """Tokens by endpoint; what is not listed costs the default."""

    default: int
    listed: tuple[EndpointCost, ...]

    @classmethod
    def parse(cls, raw: object) -> EndpointCosts:
        fields = Fields(raw, "endpoint costs")
        listed = [
            EndpointCost(each.text("method"), each.text("path"), each.integer("cost"))
            for each in fields.objects("endpoint_costs")
        ]
        # a literal path before one with parameters: /orders/batched is no order id
        listed.sort(key=lambda each: (each.path.count("*"), each.path.count(":")))
        return cls(fields.integer("default_cost"), tuple(listed))

    def of(self, method: str, path: str) -> int:
        """Tokens of one request; `path` from the root, without a query."""
        return next((each.cost for each in self.listed if each.matches(method, path)), self.default)
