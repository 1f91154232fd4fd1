"""The exchange as a process: started by argv, traded on by a client that shares no code with it, ended by a signal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

pytestmark = pytest.mark.process
REFERENCE = Path(__file__).resolve().parents[5] / "shared" / "data"
TICKER = "KXHIGHNY-26NOV18-B44.5"


class Client:
    """A stranger: credentials from the file, signatures from cryptography."""

    def __init__(self, folder: Path) -> None:
        self.credentials = json.loads((folder / "credentials.json").read_bytes())
        key = serialization.load_pem_private_key(Path(self.credentials["private_key_path"]).read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.key = key

    def headers(self, method: str, path: str) -> dict[str, str]:
        stamp = str(time.time_ns() // 1_000_000)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = self.key.sign(f"{stamp}{method}{path}".encode(), pss, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": self.credentials["key_id"],
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = self.headers(method, f"/trade-api/v2{path.partition('?')[0]}")
        return httpx.request(method, self.credentials["base_url"] + path, headers=headers, json=body)

    def order(self, number: int, **changes: Any) -> httpx.Response:
        body = {
            "ticker": TICKER,
            "client_order_id": f"order-{number}",
            "side": "bid",
            "count": "2.00",
            "price": "0.0100",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        return self.ask("POST", "/portfolio/events/orders", {**body, **changes})


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "flightdeck", "exchange", *arguments]


Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def test_a_stranger_trades_on_it_and_a_signal_ends_it_well(tmp_path: Path, start: Start) -> None:
    process, line = start("--port", "0", "--credentials", str(tmp_path), "--seed", "7")
    client = Client(tmp_path)
    port = client.credentials["base_url"].split(":")[2].partition("/")[0]
    assert line == f"exchange ready http://127.0.0.1:{port}\n"
    assert client.ask("GET", "/portfolio/balance").json()["balance_dollars"] == "10000.0000"
    assert httpx.get(client.credentials["base_url"] + "/portfolio/balance").status_code == 401
    resting = client.order(1)
    assert (resting.status_code, resting.json()["remaining_count"]) == (201, "2.00")
    taken = client.order(2, price="0.9900", time_in_force="immediate_or_cancel")
    assert taken.json()["fill_count"] == "2.00"
    assert client.ask("GET", "/portfolio/positions").json()["market_positions"][0]["position_fp"] == "2.00"
    assert client.ask("DELETE", "/portfolio/events/orders").status_code == 204
    assert client.ask("GET", "/portfolio/orders?status=resting").json()["orders"] == []
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


async def test_the_stream_tells_book_tape_and_own_orders(tmp_path: Path, start: Start) -> None:
    start("--port", "0", "--credentials", str(tmp_path), "--seed", "7")
    client = Client(tmp_path)
    url = client.credentials["ws_url"]
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(url)
    assert refused.value.response.status_code == 401
    headers = client.headers("GET", "/trade-api/ws/v2")
    async with websockets.connect(url, additional_headers=headers) as stream:
        listed = await asyncio.to_thread(client.ask, "GET", "/markets?status=open&limit=1000")
        tickers = [market["ticker"] for market in listed.json()["markets"]]
        params = {"channels": ["orderbook_delta", "trade", "fill", "user_orders"], "market_tickers": tickers}
        await stream.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        await asyncio.to_thread(client.order, 1, price="0.9900", time_in_force="immediate_or_cancel")
        seen: dict[str, int] = {}
        seqs: list[int] = []
        while not {"subscribed", "orderbook_snapshot", "orderbook_delta", "trade", "fill", "user_order"} <= seen.keys():
            frame = json.loads(await asyncio.wait_for(stream.recv(), 10))
            seen[frame["type"]] = seen.get(frame["type"], 0) + 1
            if frame["type"].startswith("orderbook"):
                seqs.append(frame["seq"])
        assert (seen["subscribed"], seen["orderbook_snapshot"]) == (4, len(tickers))
        assert seqs == list(range(1, len(seqs) + 1))


def test_an_order_whose_body_is_cut_off_is_no_order(tmp_path: Path, start: Start) -> None:
    """What our own engine does to an order when the kill falls between its headers and its body."""
    process, _ = start("--port", "0", "--credentials", str(tmp_path))
    client = Client(tmp_path)
    host, port = client.credentials["base_url"].split("/")[2].split(":")
    signed = client.headers("POST", "/trade-api/v2/portfolio/events/orders")
    head = ["POST /trade-api/v2/portfolio/events/orders HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    head += [f"{name}: {value}" for name, value in signed.items()]
    body = json.dumps({"ticker": TICKER, "side": "bid", "count": "1.00", "price": "0.0100"})
    for length in ("Transfer-Encoding: chunked", "Content-Length: 500"):
        with socket.create_connection((host, int(port))) as line:
            sent = f"{len(body):x}\r\n{body}\r\n" if "chunked" in length else body
            line.sendall("\r\n".join([*head, length, "", sent]).encode())
    assert client.ask("GET", "/portfolio/orders").json()["orders"] == []
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=10) == ("", "")


def test_an_ed25519_key_signs_under_the_limits_of_its_tier(tmp_path: Path, start: Start) -> None:
    start("--port", "0", "--credentials", str(tmp_path), "--key-type", "ed25519", "--tier", "basic")
    credentials = json.loads((tmp_path / "credentials.json").read_bytes())
    key = serialization.load_pem_private_key((tmp_path / "private_key.pem").read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    statuses = []
    for _ in range(3):
        stamp = str(time.time_ns() // 1_000_000)
        message = f"{stamp}GET/trade-api/v2/portfolio/balance".encode()
        headers = {
            "KALSHI-ACCESS-KEY": credentials["key_id"],
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(key.sign(message)).decode(),
        }
        statuses.append(httpx.get(credentials["base_url"] + "/portfolio/balance", headers=headers).status_code)
    assert statuses[0] == 200
    assert 429 in statuses


def test_fees_of_a_series_that_does_not_exist_are_a_configuration_error(tmp_path: Path) -> None:
    argv = command("--port", "0", "--credentials", str(tmp_path), "--fee-change", "NONE=quadratic:1@60")
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert "NONE" in ended.stderr


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command("--port", port, "--credentials", str(tmp_path)), capture_output=True, text=True, timeout=30
        )
    assert (ended.returncode, ended.stdout) == (69, "")
    assert ended.stderr.count("\n") == 1
    assert port in ended.stderr


def test_it_does_not_outlive_the_parent_it_was_given(tmp_path: Path) -> None:
    argv = command("--port", "0", "--credentials", str(tmp_path), "--parent")
    program = (
        "import os, subprocess, sys, signal\n"
        "child = subprocess.Popen([*sys.argv[1:], str(os.getpid())], stdout=subprocess.PIPE)\n"
        "print(child.pid, child.stdout.readline().decode().strip(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, *argv], stdout=subprocess.PIPE, text=True)
    output, _ = parent.communicate(timeout=30)
    pid = int(output.split()[0])
    assert "exchange ready" in output
    with contextlib.suppress(ProcessLookupError):
        ended = os.pidfd_open(pid)
        import select

        assert select.select([ended], [], [], 10)[0], "the exchange lives on"


def test_a_parent_that_is_gone_already_is_noticed(tmp_path: Path) -> None:
    ended = subprocess.run(
        command("--credentials", str(tmp_path), "--parent", "1"), capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 69
    assert ended.stderr.count("\n") == 1


def test_it_follows_the_market_clock_it_is_given(tmp_path: Path, start: Start) -> None:
    clock = tmp_path / "market_clock.json"
    anchor = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    clock.write_text(json.dumps({"start": "2026-11-19T13:20:00+00:00", "anchor_ns": anchor, "speed": 600.0}))
    start("--credentials", str(tmp_path), "--market-clock", str(clock))
    base = Client(tmp_path).credentials["base_url"]
    deadline = time.monotonic() + 10
    seen: set[str] = set()
    # five market minutes to the close of claims, ten to their release, forty to their settlement: four seconds
    while "finalized" not in seen and time.monotonic() < deadline:
        markets = httpx.get(base + "/markets?event_ticker=KXJOBLESSCLAIMS-26NOV19").json()["markets"]
        seen |= {market["status"] for market in markets}
    assert {"active", "closed", "determined", "finalized"} >= seen >= {"finalized"}
    assert {market["result"] for market in markets} <= {"yes", "no"}


@pytest.mark.reference
async def test_a_replay_serves_the_recorded_frames_as_they_were_sent(tmp_path: Path, start: Start) -> None:
    recording = REFERENCE / "kalshi" / "recorded_demo_2026-06" / "ws__orderbook_trade_noleg.jsonl"
    process, _ = start("--credentials", str(tmp_path), "--replay", str(recording), "--speed", "8")
    client = Client(tmp_path)
    frames = [line.strip() for line in recording.read_text().splitlines() if line.strip()]
    ticker = json.loads(frames[2])["msg"]["market_ticker"]
    headers = client.headers("GET", "/trade-api/ws/v2")
    async with websockets.connect(client.credentials["ws_url"], additional_headers=headers) as stream:
        params = {"channels": ["orderbook_delta", "trade"], "market_tickers": [ticker]}
        await stream.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        heard = [str(await asyncio.wait_for(stream.recv(), 10)).strip() for _ in frames]
    assert heard == frames
    book = await asyncio.to_thread(client.ask, "GET", f"/markets/{ticker}/orderbook")
    assert book.json()["orderbook_fp"] == {"yes_dollars": [["0.4700", "3.00"]], "no_dollars": [["0.4800", "1.00"]]}
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert json.loads(said.removeprefix("replay "))["frames"] == 4


def test_a_recording_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    argv = command("--credentials", str(tmp_path), "--replay", str(tmp_path / "absent.jsonl"))
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr.count("\n")) == (78, 1)
    assert "absent.jsonl" in ended.stderr


@pytest.mark.parametrize("content", ["", "{}", '{"start":"2026-11-17T19:00:00","anchor_ns":1,"speed":1}'])
def test_a_clock_that_cannot_be_followed_is_a_configuration_error(tmp_path: Path, content: str) -> None:
    clock = tmp_path / "market_clock.json"
    clock.write_text(content)
    ended = subprocess.run(
        command("--credentials", str(tmp_path), "--market-clock", str(clock)),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1
    assert str(clock) in ended.stderr
