"""Where an address leads: `source` comes from the host and from nothing else."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from engine.venues.kalshi.errors import UnknownHost

Source: TypeAlias = Literal["live", "demo", "simulated"]

# docs.kalshi.com, 2026-05-07: the external-api hosts are recommended, the older ones stay
_HOSTS: dict[str, Source] = {
    "external-api.kalshi.com": "live",
    "api.elections.kalshi.com": "live",
    "external-api-ws.kalshi.com": "live",
    "external-api.demo.kalshi.co": "demo",
    "demo-api.kalshi.co": "demo",
    "external-api-ws.demo.kalshi.co": "demo",
}
_ENCRYPTED = frozenset({"https", "wss"})
_SCHEMES = _ENCRYPTED | {"http", "ws"}


def source_of(url: str) -> Source:
    """live, demo or simulated (loopback). Raises UnknownHost for any other address, and for an unencrypted real one."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018  (raises when it is none)
    except ValueError as exc:
        raise UnknownHost(f"address {url!r}: {exc}") from exc
    if parts.scheme not in _SCHEMES:
        raise UnknownHost(f"address {url!r}: expected http(s) or ws(s)")
    if _is_loopback(host):
        return "simulated"
    if host not in _HOSTS:
        raise UnknownHost(f"address {url!r}: host {host!r} is neither a known exchange nor loopback")
    if parts.scheme not in _ENCRYPTED:
        raise UnknownHost(f"address {url!r}: {host} is only spoken to encrypted")
    return _HOSTS[host]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
