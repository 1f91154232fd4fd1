"""Sign, then look, then send: shown on a bare socket, so that nothing but the bytes themselves is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from engine.venues.kalshi.errors import Denied, NotSent
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, NewOrder
from state.clock import SimulatedClock

ORDER = NewOrder("s1-000001", "KXCPI-26AUG-T1.0", BookSide.BID, price=4_700, count=300)
ACK = b'{"order_id":"o-1","fill_count":"0.00","remaining_count":"3.00","ts_ms":1781159360866}'


class BareSocket:
    """Keeps every byte of each connection until its end; answers a whole request when told to."""

    def __init__(self) -> None:
        self.received: list[bytearray] = []
        self.ended: list[asyncio.Event] = []
        self.whole = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.base_url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got, end = bytearray(), asyncio.Event()
        self.received.append(got)
        self.ended.append(end)
        try:
            while chunk := await reader.read(65_536):
                got += chunk
                head, separator, body = bytes(got).partition(b"\r\n\r\n")
                if separator and len(body) == int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
                    self.whole.set()
                    await self.may_answer.wait()
                    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(ACK), ACK))
        finally:
            end.set()
            writer.close()


@pytest.fixture
async def exchange() -> AsyncIterator[BareSocket]:
    bare = BareSocket()
    server = await asyncio.start_server(bare.serve, "127.0.0.1", 0)
    bare.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/trade-api/v2"
    yield bare
    server.close()


@pytest.fixture
async def client(exchange: BareSocket, signer: Signer, clock: SimulatedClock) -> AsyncIterator[KalshiRest]:
    async with KalshiRest(exchange.base_url, signer, clock, timeout=httpx.Timeout(5)) as client:
        yield client


def deny() -> None:
    raise Denied("kill switch engaged")


async def test_a_denied_order_leaves_its_headers_at_the_exchange_and_not_one_byte_of_its_body(
    exchange: BareSocket, client: KalshiRest
) -> None:
    with pytest.raises(NotSent, match="kill switch engaged"):
        await client.create_order(ORDER, deny)
    await exchange.ended[0].wait()
    head, separator, body = bytes(exchange.received[0]).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /trade-api/v2/portfolio/events/orders HTTP/1.1\r\n")
    assert b"kalshi-access-signature" in head.lower()
    assert separator
    assert body == b""
    assert len(exchange.received) == 1
    assert client.orders_in_flight == frozenset()


async def test_the_look_comes_after_the_signature_and_the_headers_and_right_before_the_body(
    exchange: BareSocket, client: KalshiRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sign = Signer.headers
    write = asyncio.selector_events._SelectorSocketTransport.write

    def signing(self, *args):
        steps.append("sign")
        return sign(self, *args)

    def writing(self, data):
        if data.startswith(b"POST "):
            steps.append("headers")
        elif data.startswith(b"{"):
            steps.append("body")
        write(self, data)

    monkeypatch.setattr(Signer, "headers", signing)
    monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", writing)
    ack = await client.create_order(ORDER, lambda: steps.append("look"))
    assert ack.order_id == "o-1"
    assert steps[:4] == ["sign", "headers", "look", "body"]


async def test_nothing_else_runs_between_a_look_that_passes_and_the_body(
    exchange: BareSocket, client: KalshiRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    write = asyncio.selector_events._SelectorSocketTransport.write

    def writing(self, data):
        if data.startswith(b"{"):
            steps.append("body")
        write(self, data)

    def look() -> None:
        steps.append("look")
        asyncio.get_running_loop().call_soon(steps.append, "another callback of the loop")

    monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", writing)
    await client.create_order(ORDER, look)
    assert steps[:2] == ["look", "body"]


async def test_a_fault_inside_the_look_keeps_the_order_back_too(exchange: BareSocket, client: KalshiRest) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await client.create_order(ORDER, broken)
    await exchange.ended[0].wait()
    assert bytes(exchange.received[0]).endswith(b"\r\n\r\n")
    assert client.orders_in_flight == frozenset()


async def test_the_next_order_goes_over_a_new_connection(exchange: BareSocket, client: KalshiRest) -> None:
    with pytest.raises(NotSent):
        await client.create_order(ORDER, deny)
    await client.create_order(ORDER, lambda: None)
    assert len(exchange.received) == 2


async def test_who_waits_for_no_order_in_flight_waits_until_the_last_is_answered(
    exchange: BareSocket, client: KalshiRest
) -> None:
    exchange.may_answer.clear()
    sending = asyncio.create_task(client.create_order(ORDER, lambda: None))
    await exchange.whole.wait()
    assert client.orders_in_flight == {"s1-000001"}
    waiting = asyncio.create_task(client.none_in_flight())
    with pytest.raises(NotSent, match="on its way already"):
        await client.create_order(ORDER, lambda: None)
    assert client.orders_in_flight == {"s1-000001"}
    assert not waiting.done()
    exchange.may_answer.set()
    await waiting
    assert (await sending).order_id == "o-1"
    assert client.orders_in_flight == frozenset()


async def test_an_order_whose_task_is_stopped_is_no_longer_in_flight(exchange: BareSocket, client: KalshiRest) -> None:
    exchange.may_answer.clear()
    sending = asyncio.create_task(client.create_order(ORDER, lambda: None))
    await exchange.whole.wait()
    sending.cancel()
    await client.none_in_flight()
    assert client.orders_in_flight == frozenset()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_an_order_that_has_not_left_yet_holds_up_nobody_who_stops(
    client: KalshiRest, clock: SimulatedClock
) -> None:
    seen: list[frozenset[str]] = []

    def look() -> None:
        seen.append(client.orders_in_flight)
        raise Denied("kill switch engaged")

    with pytest.raises(NotSent):
        await client.create_order(ORDER, look)
    assert seen == [frozenset()]
