"""How our own processes reach the exchange that the configuration names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.connection import open_feed, open_rest
from engine.supervisor import main as up
from engine.venues.kalshi.errors import CredentialsError, UnknownHost
from state.clock import SimulatedClock
from state.config import ConfigError
from state.settings import Exchange, Settings

HERE, DEMO = "127.0.0.1:9", "demo-api.kalshi.co"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private)
    path.chmod(0o600)
    return path


@pytest.fixture
def given(key: Path) -> dict[str, Any]:
    return {
        "base_url": f"http://{HERE}/trade-api/v2",
        "ws_url": f"ws://{HERE}/trade-api/ws/v2",
        "key_id": "00000000-0000-4000-8000-000000000001",
        "private_key_path": str(key),
    }


async def test_both_ways_lead_to_one_exchange(given: dict[str, Any], clock: SimulatedClock) -> None:
    settings = Settings(exchange=Exchange(**given))
    async with open_rest(settings, clock) as rest:
        assert rest.source == open_feed(settings, clock, lambda _: None).source == "simulated"


@pytest.mark.parametrize("missing", ["base_url", "ws_url", "key_id", "private_key_path"])
def test_what_is_not_set_is_named_with_what_to_do(given: dict[str, Any], clock: SimulatedClock, missing: str) -> None:
    settings = Settings(exchange=Exchange(**given | {missing: ""}))
    with pytest.raises(ConfigError, match=rf"exchange\.{missing} is not set; put it into flightdeck\.toml"):
        open_feed(settings, clock, lambda _: None) if missing == "ws_url" else open_rest(settings, clock)


def test_one_exchange_may_have_two_hosts(given: dict[str, Any], clock: SimulatedClock) -> None:
    live = {
        "base_url": "https://external-api.kalshi.com/trade-api/v2",
        "ws_url": "wss://api.elections.kalshi.com/trade-api/ws/v2",
    }
    assert open_feed(Settings(exchange=Exchange(**given | live)), clock, lambda _: None).source == "live"


def test_orders_of_one_exchange_and_prices_of_another_are_refused(given: dict[str, Any], clock: SimulatedClock) -> None:
    settings = Settings(exchange=Exchange(**given | {"ws_url": f"wss://{DEMO}/trade-api/ws/v2"}))
    with pytest.raises(ConfigError, match="must be one exchange"):
        open_feed(settings, clock, lambda _: None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"base_url": ""}, "exchange.base_url is not set"),
        ({"ws_url": ""}, "exchange.ws_url is not set"),
        ({"key_id": ""}, "exchange.key_id is not set"),
        ({"private_key_path": "/nowhere/key.pem"}, "/nowhere/key.pem"),
        ({"ws_url": f"wss://{DEMO}/trade-api/ws/v2"}, "must be one exchange"),
        ({"base_url": "https://example.org/trade-api/v2"}, "neither a known exchange nor loopback"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_supervisor_refuses_an_unusable_configuration_before_it_makes_anything(
    given: dict[str, Any],
    wrong: dict[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(up, "load", lambda _: Settings(exchange=Exchange(**given | wrong)))
    home = tmp_path / "home"
    assert up.main(["--home", str(home)]) == os.EX_CONFIG
    told = capsys.readouterr().err
    assert said in told
    assert (told.count("\n"), home.exists()) == (1, False)


def test_a_host_nobody_knows_is_refused(given: dict[str, Any], clock: SimulatedClock) -> None:
    with pytest.raises(UnknownHost):
        open_rest(Settings(exchange=Exchange(**given | {"base_url": "https://example.org/trade-api/v2"})), clock)


def test_a_key_that_others_may_read_is_refused(given: dict[str, Any], clock: SimulatedClock, key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(CredentialsError):
        open_rest(Settings(exchange=Exchange(**given)), clock)
