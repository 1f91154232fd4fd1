"""The channels of the WebSocket, what a subscription to one holds, and the codes that commands are refused with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CHANNELS = frozenset(
    {
        "orderbook_delta",
        "ticker",
        "trade",
        "fill",
        "user_orders",
        "market_positions",
        "market_lifecycle_v2",
        "order_group_updates",
        "communications",
    }
)
NEEDS_MARKETS = "orderbook_delta"
MOST_SHARDS = 100
MOST_MARKETS = 500_000
MOST_COMMANDS_A_SECOND = 10_000
# these hear of every market whatever filter they name
UNFILTERED = frozenset({"market_lifecycle_v2", "order_group_updates", "communications"})


class CommandError(Exception):
    """A command refused with one of the protocol's codes."""

    def __init__(self, code: int, message: str, ticker: str | None = None) -> None:
        super().__init__(message)
        self.body: dict[str, Any] = {"code": code, "msg": message}
        if ticker is not None:
            self.body["market_ticker"] = ticker


@dataclass(slots=True)
class Subscription:
    """One channel of one session. `tickers` None: every market. `seq` counts the frames that carry a number.

    `short_ok`: what is answered to an update does not list the markets.
    """

    sid: int
    channel: str
    tickers: set[str] | None
    use_yes_price: bool = False
    short_ok: bool = False
    seq: int = 0

    def wants(self, ticker: str) -> bool:
        return self.tickers is None or ticker in self.tickers

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


def check_shards(params: dict[str, Any]) -> None:
    """The shard that a subscription to communications asks for. Raises CommandError."""
    factor, key = params.get("shard_factor"), params.get("shard_key")
    if factor is None:
        if key is not None:
            raise CommandError(20, "shard_factor is required when shard_key is set")
        return
    if type(factor) is not int or factor <= 0:
        raise CommandError(19, "shard_factor must be > 0")
    if factor > MOST_SHARDS:
        raise CommandError(22, f"shard_factor must be <= {MOST_SHARDS}")
    if key is not None and not (type(key) is int and 0 <= key < factor):
        raise CommandError(21, "shard_key must be >= 0 and < shard_factor")


def actions(channel: str) -> tuple[str, ...]:
    """What a subscription to a channel can be updated with.

    Those that hear of every market have no list of markets: one added to none would be the only one heard of.
    """
    if channel in UNFILTERED:
        return ()
    either = ("add_markets", "delete_markets")
    return (*either, "get_snapshot") if channel == NEEDS_MARKETS else either


def by_ticker(params: dict[str, Any]) -> bool:
    """Whether a command names markets by their tickers, and not, or not only, by their ids."""
    return bool(params.get("market_ticker") or listed(params, "market_tickers"))


def listed(params: dict[str, Any], name: str) -> list[Any]:
    """A list among the parameters, empty where it is missing. Raises CommandError."""
    value = params.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise CommandError(11, "Invalid parameter")
    return value


def flag(params: dict[str, Any], name: str) -> bool:
    """A switch among the parameters, off where it is missing. Raises CommandError."""
    value = params.get(name)
    if value is not None and not isinstance(value, bool):
        raise CommandError(11, "Invalid parameter")
    return bool(value)


def distinct(values: list[Any]) -> list[Any]:
    """Texts or numbers, each once. Raises CommandError for anything else."""
    if not all(isinstance(each, str | int) for each in values):
        raise CommandError(11, "Invalid parameter")
    return list(dict.fromkeys(values))
