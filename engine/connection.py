"""How our own processes reach the exchange that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.venues.kalshi.events import FeedEvent
from engine.venues.kalshi.feed import Feed
from engine.venues.kalshi.hosts import source_of
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from state.clock import Clock
from state.config import ConfigError, Settings


def open_rest(settings: Settings, clock: Clock) -> KalshiRest:
    """A client for the configured exchange. Raises ConfigError, CredentialsError or UnknownHost, each a clear line."""
    url = _required(settings, "base_url")
    source_of(url)
    return KalshiRest(url, _signer(settings), clock)


def open_feed(settings: Settings, clock: Clock, listener: Callable[[FeedEvent], None]) -> Feed:
    """Market data of the configured exchange; raises like `open_rest`."""
    _one_exchange(settings)
    return Feed(_required(settings, "ws_url"), _signer(settings), clock, listener)


def refuse_unusable(settings: Settings) -> None:
    """Raise what `open_rest` and `open_feed` would, and open nothing: for who makes things before it connects."""
    _one_exchange(settings)
    _signer(settings)


def _one_exchange(settings: Settings) -> None:
    orders, prices = source_of(_required(settings, "base_url")), source_of(_required(settings, "ws_url"))
    if prices != orders:
        raise ConfigError(f"exchange.ws_url is {prices}, exchange.base_url {orders}; they must be one exchange")


def _signer(settings: Settings) -> Signer:
    return Signer.load(_required(settings, "key_id"), Path(_required(settings, "private_key_path")))


def _required(settings: Settings, key: str) -> str:
    value: str = getattr(settings.exchange, key)
    if not value:
        raise ConfigError(f"exchange.{key} is not set; put it into flightdeck.toml of the home (docs/install.md)")
    return value
