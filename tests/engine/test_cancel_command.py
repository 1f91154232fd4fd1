"""`flightdeck cancel`: the way out when everything else is dead; it ends only when it is done or out of time."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine import cancel
from engine.venues.kalshi.errors import Unavailable
from state.clock import SimulatedClock
from state.document import DocumentWriter
from state.home import Home
from state.lock import Lock
from state.models.exchange import ExchangeView, RestingOrder
from state.reading import read

PROJECT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:1/trade-api/v2"


def configure(home: Home, base_url: str, mode: int = 0o600) -> None:
    home.create()
    key = home.root / "key.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(mode)
    home.config.write_text(f'[exchange]\nbase_url = "{base_url}"\nkey_id = "a"\nprivate_key_path = "{key}"\n')


@pytest.mark.parametrize(
    ("base_url", "mode"),
    [("https://example.org/trade-api/v2", 0o600), ("http://127.0.0.1:99999/trade-api/v2", 0o600), (NOBODY, 0o644)],
    ids=["unknown host", "no such port", "key that others may read"],
)
def test_settings_that_lead_to_no_exchange_are_a_matter_of_configuration(
    home: Home, base_url: str, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(home, base_url, mode)
    assert cancel.main(["--home", str(home.root)]) == 78
    assert capsys.readouterr().err.count("\n") == 1


def listed(home: Home, clock: SimulatedClock, *resting: str) -> None:
    """A listing that somebody who is dead now left."""
    orders = tuple(
        RestingOrder(
            order_id=name, client_order_id=name, ticker="T", side="YES", price=Decimal(1), remaining=Decimal(1)
        )
        for name in resting
    )
    writer = DocumentWriter(home, Home.exchange, clock, lambda *_, **__: None, ExchangeView())
    writer.write(ExchangeView(by="engine", as_of=clock.now(), resting=orders))


def told(home: Home, clock: SimulatedClock) -> ExchangeView:
    found = read(home, Home.exchange, ExchangeView, clock).value
    assert found is not None
    return found


async def test_a_listing_whose_writers_are_dead_is_replaced_by_what_was_just_verified(
    home: Home, clock: SimulatedClock, venue: Any
) -> None:
    listed(home, clock, "x-1", "x-2")
    clock.advance(5)
    await cancel.list_for_the_dead(home, clock, venue)
    now = told(home, clock)
    assert (now.by, now.resting, now.positions, now.as_of) == ("cancel", (), (), clock.now())
    for name in ("supervisor", "engine"):
        with Lock(home, name, clock):
            pass  # it is free again


@pytest.mark.parametrize("name", ["supervisor", "engine"])
async def test_a_writer_that_lives_lists_for_itself(home: Home, clock: SimulatedClock, venue: Any, name: str) -> None:
    listed(home, clock, "x-1")
    with Lock(home, name, clock):
        await cancel.list_for_the_dead(home, clock, venue)
    assert (told(home, clock).by, venue.calls) == ("engine", [])


async def test_where_nobody_ever_listed_nothing_is_written(home: Home, clock: SimulatedClock, venue: Any) -> None:
    await cancel.list_for_the_dead(home, clock, venue)
    assert sorted(path.name for path in home.state.iterdir()) == []


async def test_a_listing_that_gets_no_answer_stays_and_says_why(
    home: Home, clock: SimulatedClock, venue: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    listed(home, clock, "x-1")
    venue.lasting["orders"] = Unavailable("no route")
    await cancel.list_for_the_dead(home, clock, venue)
    assert [order.order_id for order in told(home, clock).resting or ()] == ["x-1"]
    assert capsys.readouterr().err == "flightdeck cancel: state/exchange.json keeps an older listing: no route\n"


@pytest.mark.process
@pytest.mark.parametrize("redirection", ["| true", ">/dev/full", ">&-", ""], ids=["gone", "full", "closed", "read"])
def test_it_tries_until_its_time_is_over_and_tells_each_problem_once(home: Home, redirection: str) -> None:
    configure(home, NOBODY)
    words = [sys.executable, "-P", "-m", "flightdeck", "cancel", "--home", str(home.root), "--timeout", "1.5"]
    script = f'"$@" {redirection}' if "|" not in redirection else f'{{ "$@"; echo $? >&3; }} 3>&2 {redirection}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *words],
        env={**os.environ, "PYTHONPATH": os.fspath(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    assert lines[0] == "flightdeck cancel: not verified within 2 s", done.stderr
    assert (lines[1:] == ["1"]) if "|" in redirection else (done.returncode, lines[1:]) == (1, [])
    told = done.stdout.splitlines()
    assert len(told) == len(set(told)) <= 4
