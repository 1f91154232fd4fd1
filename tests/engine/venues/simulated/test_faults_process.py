"""Faults of the connection itself, on a real exchange: no answer, dropped sockets, silence, pauses, a skewed Date."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from .test_exchange_process import TICKER, Client, Start, command, start

pytestmark = pytest.mark.process
__all__ = ["start"]
POST = "POST /portfolio/events/orders"


class Faulty(Client):
    """A client and the hand that sets its exchange's faults."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.faults = json.loads((folder / "admin.json").read_bytes())["faults_url"]

    def give(self, name: str, value: Any = "on", **options: Any) -> None:
        answer = httpx.put(self.faults, json=[{"name": name, "value": value, **options}])
        assert answer.status_code == 200, answer.text

    def lift(self) -> None:
        httpx.delete(self.faults)

    def resting(self) -> int:
        return len(self.ask("GET", "/portfolio/orders?status=resting").json()["orders"])


@pytest.fixture
def client(tmp_path: Path, start: Start) -> Faulty:
    start("--port", "0", "--credentials", str(tmp_path), "--admin-port", "0")
    return Faulty(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "error", "rests"),
    [
        ("half_open", "on", httpx.ReadTimeout, 0),
        ("timeout_after_accept", "on", httpx.ReadTimeout, 1),
        ("latency_ms", 2_000, httpx.ReadTimeout, 1),
        ("disconnect", "before", httpx.RemoteProtocolError, 0),
        ("disconnect", "after", httpx.RemoteProtocolError, 1),
    ],
)
def test_an_order_without_an_answer_rests_or_does_not(
    client: Faulty, name: str, value: Any, error: type[Exception], rests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.give(name, value, where=POST, count=1)
    request = httpx.request
    monkeypatch.setattr(httpx, "request", lambda *args, **options: request(*args, **options, timeout=0.5))
    with pytest.raises((error, httpx.ReadError)):
        client.order(1)
    assert client.resting() == rests


def test_a_late_order_is_taken_after_its_client_gave_up(client: Faulty) -> None:
    client.give("late_ms", 1_500, where=POST)
    headers = client.headers("POST", "/trade-api/v2/portfolio/events/orders")
    body = {"ticker": TICKER, "client_order_id": "late", "side": "bid", "count": "1.00", "price": "0.0100"}
    body |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
    with pytest.raises(httpx.ReadTimeout):
        url = client.credentials["base_url"] + "/portfolio/events/orders"
        httpx.post(url, headers=headers, json=body, timeout=0.1)
    assert client.resting() == 0
    assert client.order(2).status_code == 201
    assert client.resting() == 2


def test_pauses_stand_while_their_fault_does(client: Faulty) -> None:
    resting = client.order(1).json()["order_id"]
    client.give("trading_pause")
    assert client.ask("GET", "/exchange/status").json()["trading_active"] is False
    refused = client.order(2)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "trading_is_paused")
    client.give("exchange_pause")
    assert client.ask("GET", "/exchange/status").json()["exchange_active"] is False
    canceled = client.ask("DELETE", f"/portfolio/events/orders/{resting}")
    assert (canceled.status_code, canceled.json()["error"]["code"]) == (409, "exchange_is_paused")
    client.lift()
    assert client.ask("DELETE", f"/portfolio/events/orders/{resting}").status_code == 200


def test_a_skewed_clock_shows_in_the_date(client: Faulty) -> None:
    client.give("clock_skew_s", 3_600)
    ahead = client.ask("GET", "/exchange/status")
    assert ahead.status_code == 401
    client.lift()
    dates = [client.ask("GET", "/exchange/status").headers["date"], ahead.headers["date"]]
    assert dates[0][:22] < dates[1][:22] or dates[0][5:16] != dates[1][5:16]


async def test_a_stream_falls_silent_or_breaks(client: Faulty) -> None:
    async def connect() -> websockets.ClientConnection:
        headers = client.headers("GET", "/trade-api/ws/v2")
        stream = await websockets.connect(client.credentials["ws_url"], additional_headers=headers, close_timeout=0.1)
        params = {"channels": ["orderbook_delta"], "market_tickers": [TICKER]}
        await stream.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        assert json.loads(await stream.recv())["type"] == "subscribed"
        assert json.loads(await stream.recv())["type"] == "orderbook_snapshot"
        return stream

    silent = await connect()
    await asyncio.to_thread(client.give, "half_open", where="stream", count=1)
    await asyncio.to_thread(client.order, 1)
    pong = await silent.ping()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pong, 0.3)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            while True:
                assert json.loads(await silent.recv())["msg"].get("client_order_id") != "order-1"
    silent.transport.abort()
    broken = await connect()
    await asyncio.to_thread(client.give, "overflow", where="stream", count=1)
    async with asyncio.timeout(5):
        while (frame := json.loads(await broken.recv()))["type"] != "error":
            pass
    assert frame["msg"]["code"] == 25
    await asyncio.to_thread(client.give, "disconnect", "before", where="stream", count=1)
    with pytest.raises(websockets.ConnectionClosedError):
        await broken.recv()


def test_an_exchange_ends_at_once_with_requests_that_hang(tmp_path: Path, start: Start) -> None:
    fault = f"timeout_after_accept=on,where={POST}"
    process, _ = start("--port", "0", "--credentials", str(tmp_path), "--fault", fault)
    client = Client(tmp_path)
    with httpx.Client() as line, pytest.raises(httpx.ReadTimeout):
        headers = client.headers("POST", "/trade-api/v2/portfolio/events/orders")
        line.post(client.credentials["base_url"] + "/portfolio/events/orders", headers=headers, json={}, timeout=0.3)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_fault_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    import subprocess

    ended = subprocess.run(
        command("--port", "0", "--credentials", str(tmp_path), "--fault", "gossip=1"),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert "no fault 'gossip'" in ended.stderr
