"""The demo's home: that it is one, its configuration, and its market clock."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from state.clock import Clock
from state.document import DocumentWriter, Outcome, read
from state.events import Events
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat
from state.models.market_clock import MarketClockSetting
from state.settings import is_loopback

MARKET_START = datetime(2026, 11, 17, 19, 0, tzinfo=UTC)
"""Tuesday 14:00 ET, in the week of a claims release: no demo depends on the day it runs."""

SIGNATURE_LIFE_S = 15.0
"""The simulated exchange takes no older signature; so soon an order whose answer was lost is known not to exist."""


class DemoHomeError(Exception):
    """The folder is not a demo's home. Exit code 78."""


def prepare_home(home: Home, clock: Clock) -> None:
    """Make the home; raises DemoHomeError when what lies there is not simulated, HomeError or OSError otherwise."""
    document = _config(home)
    if document is not None:
        exchange = document.get("exchange")
        url = str(exchange.get("base_url", "")) if isinstance(exchange, dict) else ""
        if not is_loopback(url):
            raise DemoHomeError(f"{home.config} is not of a demo ({url or 'no exchange'}); name another --home")
    for entry, model in ((Home.heartbeat, Heartbeat), (Home.exchange, ExchangeView)):
        found = read(home, entry, model, clock)
        source = getattr(found.value, "source", None)
        if found.outcome in {Outcome.OK, Outcome.STALE} and source not in {None, "simulated"}:
            raise DemoHomeError(f"{home.path(entry)} is of a {source} desk; name another --home")
    home.create()


def set_market_clock(home: Home, clock: Clock, emit: Events, speed: float) -> DocumentWriter[MarketClockSetting]:
    """Start market time at its fixed Tuesday, now; the writer heals the file while the demo runs."""
    setting = MarketClockSetting(start=MARKET_START, anchor_ns=clock.boottime_ns(), speed=speed)
    writer = DocumentWriter(home, Home.market_clock, clock, emit, setting)
    writer.heal()
    writer.write(setting)
    return writer


def write_config(home: Home) -> None:
    """Put address and key of the exchange into flightdeck.toml; what a person set there stays."""
    credentials = json.loads((home.root / "credentials" / "credentials.json").read_bytes())
    document = _config(home) or tomlkit.document()
    exchange = document.setdefault("exchange", tomlkit.table())
    for key in ("base_url", "ws_url", "key_id", "private_key_path"):
        exchange[key] = credentials[key]
    exchange["market_clock"] = True
    document.setdefault("pilot", tomlkit.table()).setdefault("enabled", True)
    document.setdefault("engine", tomlkit.table()).setdefault("request_life_s", SIGNATURE_LIFE_S)
    document.setdefault("start", tomlkit.table()).setdefault("wait_after_cancel_s", 1.0)
    temporary = home.config.with_suffix(".toml.tmp")
    temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    os.replace(temporary, home.config)  # noqa: PTH105  (the name of the system call)


def _config(home: Home) -> Any:
    try:
        return tomlkit.parse(home.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise DemoHomeError(f"{home.config}: not valid TOML ({error}); mend or remove it") from error
