from __future__ import annotations

import pytest

from engine.venues.kalshi.errors import UnknownHost
from engine.venues.kalshi.hosts import source_of


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://external-api.kalshi.com/trade-api/v2", "live"),
        ("https://api.elections.kalshi.com/trade-api/v2", "live"),
        ("wss://external-api-ws.kalshi.com/trade-api/ws/v2", "live"),
        ("wss://api.elections.kalshi.com/trade-api/ws/v2", "live"),
        ("https://external-api.demo.kalshi.co/trade-api/v2", "demo"),
        ("https://demo-api.kalshi.co/trade-api/v2", "demo"),
        ("wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2", "demo"),
        ("HTTPS://EXTERNAL-API.KALSHI.COM/trade-api/v2", "live"),
        ("http://127.0.0.1:8000/trade-api/v2", "simulated"),
        ("ws://127.8.9.10:1/", "simulated"),
        ("http://[::1]:8000/trade-api/v2", "simulated"),
        ("http://localhost:8000/trade-api/v2", "simulated"),
    ],
)
def test_the_host_alone_says_what_kind_of_venue_it_is(url: str, source: str) -> None:
    assert source_of(url) == source


@pytest.mark.parametrize(
    "url",
    [
        "https://kalshi.com/trade-api/v2",
        "https://external-api.kalshi.com.evil.example/trade-api/v2",
        "https://external-api.kalshi.com@evil.example/trade-api/v2",
        "https://external-api.kalshi.com.",
        "https://trading-api.kalshi.com/trade-api/v2",
        "http://external-api.kalshi.com/trade-api/v2",
        "ws://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
        "http://192.168.1.1/",
        "http://0.0.0.0/",
        "ftp://127.0.0.1/",
        "127.0.0.1:8000",
        "http://[::1",
        "http://127.0.0.1:99999/trade-api/v2",
        "",
    ],
)
def test_an_unknown_host_or_an_unencrypted_real_one_is_refused(url: str) -> None:
    with pytest.raises(UnknownHost):
        source_of(url)
