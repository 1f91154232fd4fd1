"""What a socket may do to us, and the name of each outcome; with TLS as with the real exchange."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.venues.kalshi import network
from engine.venues.kalshi.errors import Ambiguous, Denied, NotSent, Unavailable
from engine.venues.kalshi.looked import LookedBody
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, NewOrder
from state.clock import SimulatedClock, SystemClock

ORDER = NewOrder("s1-000001", "KXCPI-26AUG-T1.0", BookSide.BID, price=4_700, count=300)
ACK = b'{"order_id":"o-1","fill_count":"0.00","remaining_count":"3.00","ts_ms":1781159360866}'
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(ACK), ACK)
PATIENCE = httpx.Timeout(0.2)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port on which `serve` answers."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def client(signer: Signer, clock: SimulatedClock) -> Callable[..., KalshiRest]:
    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    def made(port: int, scheme: str = "http") -> KalshiRest:
        return KalshiRest(f"{scheme}://127.0.0.1:{port}/trade-api/v2", signer, clock, sleep=sleep, timeout=PATIENCE)

    return made


def allow() -> None:
    """A look that finds nothing against it."""


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def body_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(
        int((await head_of(reader)).lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    )


async def acknowledge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await body_of(reader)
        writer.write(CREATED)


# --- the last look


async def test_the_look_is_made_by_the_one_call_that_hands_the_bytes_to_the_socket(
    client: Callable[..., KalshiRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    wrote: list[object] = []
    write = asyncio.selector_events._SelectorSocketTransport.write

    def writing(self, data):
        if data.startswith(b"{"):
            wrote.append(sys._getframe(1))
        write(self, data)

    monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", writing)
    async with serving(acknowledge) as port, client(port) as rest:
        await rest.create_order(ORDER, lambda: looked.append(frames_above(sys._getframe(1))))
    assert wrote[0] in looked[0]


def frames_above(frame: object) -> list[object]:
    found = []
    while frame is not None and len(found) < 4:
        found.append(frame)
        frame = frame.f_back
    return found


async def test_an_order_that_the_socket_would_hold_back_after_its_look_does_not_leave() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    looks: list[str] = []
    order = LookedBody(b'{"ticker":"T"}', lambda: looks.append("look"))
    async with serving(deaf) as port:
        stream = await network.connect("127.0.0.1", port, 1.0)
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(bytes(64 << 20), timeout=0.05)
        with order.sending(), pytest.raises(Denied, match="takes no bytes"):
            async for chunk in order:
                await stream.write(chunk)
        await stream.aclose()
    assert (looks, order.begun) == ([], False)


async def test_what_is_not_the_order_s_body_does_not_leave_in_its_place(client: Callable[..., KalshiRest]) -> None:
    order = LookedBody(b'{"ticker":"T"}', allow)
    with order.sending():
        async for chunk in order:
            with pytest.raises(Denied, match="whole"):
                order.leave(b"e\r\n" + chunk + b"\r\n")
            order.leave(chunk)
            with pytest.raises(Denied, match="once"):
                order.leave(chunk)


async def test_while_one_task_sends_an_order_another_asks_without_a_look(client: Callable[..., KalshiRest]) -> None:
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        if head.startswith(b"GET"):
            asked.set()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n")
            writer.write(b'{"exchange_active":true,"trading_active":false  }')
            await asyncio.Event().wait()
        await asked.wait()
        writer.write(CREATED)

    looks: list[str] = []
    async with serving(serve) as port, client(port) as rest:
        sending = asyncio.create_task(rest.create_order(ORDER, lambda: looks.append("look")))
        assert (await rest.exchange_status()).exchange_active
        assert (await sending).order_id == "o-1"
    assert looks == ["look"]


# --- what sockets do


async def test_a_refused_connection_sends_nothing(client: Callable[..., KalshiRest]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with client(port) as rest:
        with pytest.raises(NotSent, match="ConnectError"):
            await rest.create_order(ORDER, allow)
        with pytest.raises(NotSent, match="ConnectError"):
            await rest.cancel_all()
        with pytest.raises(Unavailable, match="ConnectError"):
            await rest.exchange_status()


async def test_a_connection_that_nobody_accepts_sends_nothing(client: Callable[..., KalshiRest]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with full("127.0.0.1", port):
        async with client(port) as rest:
            with pytest.raises(NotSent, match="ConnectTimeout"):
                await rest.create_order(ORDER, allow)


async def test_an_order_without_an_answer_may_have_arrived_and_a_question_is_unanswered(
    client: Callable[..., KalshiRest],
) -> None:
    async def half_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(half_open) as port, client(port) as rest:
        with pytest.raises(Ambiguous, match="ReadTimeout"):
            await rest.create_order(ORDER, allow)
        with pytest.raises(Ambiguous, match="ReadTimeout"):
            await rest.cancel_all()
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await rest.exchange_status()


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_connection_reset_after_the_order_left_leaves_its_fate_open(client: Callable[..., KalshiRest]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await body_of(reader)
        reset(writer)

    async with serving(serve) as port, client(port) as rest:
        with pytest.raises(Ambiguous, match="ReadError"):
            await rest.create_order(ORDER, allow)


async def test_a_connection_that_ends_before_the_order_left_sends_nothing(
    client: Callable[..., KalshiRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        reset(writer)
        ended.set()

    begin = LookedBody.__aiter__

    async def late(self):
        async for chunk in begin(self):
            await ended.wait()
            await asyncio.sleep(0.01)  # until the loop has read the end
            yield chunk

    monkeypatch.setattr(LookedBody, "__aiter__", late)
    looks: list[str] = []
    async with serving(serve) as port, client(port) as rest:
        with pytest.raises(NotSent, match="ReadError"):
            await rest.create_order(ORDER, lambda: looks.append("look"))
    assert looks == []


async def test_the_end_of_an_idle_connection_is_seen_before_the_event_loop_heard_of_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = await network.connect(*server.getsockname(), 1.0)
        assert not stream.get_extra_info("is_readable")
        peer, _ = server.accept()
        peer.close()
        assert stream.get_extra_info("is_readable")
        await stream.aclose()


async def test_bytes_that_nobody_asked_for_make_an_idle_connection_one_to_give_up() -> None:
    more = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await more.wait()
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await asyncio.Event().wait()

    async with serving(serve) as port:
        stream = await network.connect("127.0.0.1", port, 1.0)
        assert not stream.get_extra_info("is_readable")
        more.set()
        await stream._wire.readable()
        assert stream.get_extra_info("is_readable")
        await stream.aclose()


async def test_an_answer_too_many_answers_no_later_question(client: Callable[..., KalshiRest]) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await head_of(reader))
            says = b'{"exchange_active":true,"trading_active":%s}' % (b"true" if len(asked) == 1 else b"false")
            writer.write((b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(says), says)) * 2)

    async with serving(serve) as port, client(port) as rest:
        assert (await rest.exchange_status()).trading_active
        assert not (await rest.exchange_status()).trading_active
    assert len(asked) == 2


async def test_a_request_that_is_stopped_leaves_no_connection_behind(client: Callable[..., KalshiRest]) -> None:
    ended, came = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await body_of(reader)
        came.set()
        await reader.read()
        ended.set()

    async with serving(serve) as port, client(port) as rest:
        sending = asyncio.create_task(rest.create_order(ORDER, allow))
        await came.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await ended.wait()


async def test_requests_that_are_stopped_at_any_moment_leave_no_connection_behind_them(
    client: Callable[..., KalshiRest],
) -> None:
    lived: set[asyncio.StreamWriter] = set()
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lived.add(writer)
        try:
            await acknowledge(reader, writer)
        finally:
            lived.remove(writer)
            ended.set()

    async with serving(serve) as port, client(port) as rest:
        for turns in [*range(40)] * 5:
            sending = asyncio.create_task(rest.create_order(ORDER, allow))
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        assert (await rest.create_order(ORDER, allow)).order_id == "o-1"
        async with asyncio.timeout(5.0):
            while len(lived) > 1:
                ended.clear()
                await ended.wait()


async def test_a_host_with_several_addresses_is_reached_at_the_one_that_answers() -> None:
    async with serving(acknowledge) as port:
        stream = await network.connect("localhost", port, 2.0)
        assert stream.get_extra_info("peername") == ("127.0.0.1", port)
        await stream.aclose()


@contextlib.contextmanager
def full(address: str, port: int) -> Iterator[None]:
    """An address at which nobody accepts: beyond its backlog the kernel drops every further SYN."""
    with socket.socket() as taken, contextlib.ExitStack() as stack:
        taken.bind((address, port))
        taken.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(taken.getsockname())
        yield


async def test_an_address_that_does_not_answer_is_not_waited_for_and_one_that_refuses_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def found(host: str, port: int) -> list[str]:
        return ["127.0.0.3", "127.0.0.2", "127.0.0.1"]

    monkeypatch.setattr(network, "_addresses", found)
    async with serving(acknowledge) as port:
        with full("127.0.0.2", port):
            stream = await network.connect("exchange", port, 1.0)
            assert stream.get_extra_info("peername") == ("127.0.0.1", port)
            await stream.aclose()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(network._SECOND_ADDRESS_S / 2):
                    await network.connect("exchange", port, 1.0)
    monkeypatch.setattr(network, "_SECOND_ADDRESS_S", 60.0)
    with pytest.raises(httpcore.ConnectError, match="Errno 111"):
        await network.connect("exchange", port, 1.0)


async def test_addresses_of_both_kinds_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    v6 = [(socket.AF_INET6, None, None, "", (each, 443, 0, 0)) for each in ("::1", "::2", "::3")]
    v4 = [(socket.AF_INET, None, None, "", ("127.0.0.1", 443))] * 2
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: v6 + v4)
    assert await network._addresses("exchange", 443) == ["::1", "127.0.0.1", "::2", "::3"]
    assert await network._addresses("127.0.0.9", 443) == ["127.0.0.9"]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set: it answers with loopback. Else it hangs, as the library's own call does for many seconds."""
    answers = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        if not answers.wait(3):
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield answers
    answers.set()


async def test_names_that_nobody_resolves_hold_up_nothing_else_that_is_done_in_threads(
    name_server: threading.Event,
) -> None:
    asking = [network.connect("never.resolved", 443, 0.05) for _ in range(50)]
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {httpcore.ConnectTimeout}
    async with asyncio.timeout(1):
        await asyncio.to_thread(int)  # a journal's line


@pytest.mark.parametrize("how", ["hangs", "refuses"])
async def test_an_exchange_whose_name_is_no_longer_resolved_is_reached_where_it_was(
    name_server: threading.Event, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    def refuse(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")

    name_server.set()
    async with serving(serve) as port:
        await (await network.connect(f"exchange.{how}", port, 2)).aclose()
        name_server.clear()
        if how == "refuses":
            monkeypatch.setattr(socket, "getaddrinfo", refuse)
        await (await network.connect(f"exchange.{how}", port, 2)).aclose()


async def test_where_two_addresses_answer_at_once_one_connection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    both, ended, came = asyncio.Barrier(2), asyncio.Event(), []

    async def found(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "127.0.0.1"]

    reach = network._reach

    async def together(address: str, port: int) -> network.Stream:
        await both.wait()
        return await reach(address, port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        if not await reader.read(1):
            ended.set()

    monkeypatch.setattr(network, "_addresses", found)
    monkeypatch.setattr(network, "_reach", together)
    monkeypatch.setattr(network, "_SECOND_ADDRESS_S", 0.0)
    async with serving(serve) as port, asyncio.timeout(5.0):
        stream = await network.connect("exchange", port, 1.0)
        await ended.wait()
        assert len(came) == 2
        assert not stream.get_extra_info("is_readable")
        await stream.aclose()


async def test_an_answer_in_many_small_pieces_and_one_of_many_megabytes_are_read_whole() -> None:
    whole = bytes(range(256)) * (32 << 10)  # 8 MB: the reader makes the other side wait

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for byte in b"slow":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        writer.write(whole)
        await writer.drain()
        writer.close()

    async with serving(serve) as port:
        stream = await network.connect("127.0.0.1", port, 1.0)
        assert stream.get_extra_info("peername") == ("127.0.0.1", port)
        assert stream.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not stream.get_extra_info("is_readable")
        await stream.write(b"?")
        read = bytearray()
        most = 0
        while data := await stream.read(65_536, timeout=5.0):
            read += data
            most = max(most, len(stream._wire.unread))
            await asyncio.sleep(0)
        assert bytes(read) == b"slow" + whole
        assert most < 2 * network._UNREAD
        await stream.aclose()


# --- TLS


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the certificate to believe."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = SystemClock().now()
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return context, certificate


@pytest.fixture
def believed(certified: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's context; its certificate is among those that clients believe."""
    context, certificate = certified
    monkeypatch.setattr(
        "certifi.where", lambda: str(certificate)
    )  # where the client looks for what to believe, and nowhere else
    return context


async def test_orders_leave_over_tls_and_the_connection_is_kept(
    client: Callable[..., KalshiRest], believed: ssl.SSLContext
) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await acknowledge(reader, writer)

    async with serving(serve, believed) as port, client(port, "https") as rest:
        for _ in range(3):
            assert (await rest.create_order(ORDER, allow)).order_id == "o-1"
    assert connections == 1


async def test_a_denied_order_leaves_nothing_of_its_body_over_tls(
    client: Callable[..., KalshiRest], believed: ssl.SSLContext
) -> None:
    came: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await head_of(reader))
        with contextlib.suppress(ConnectionError):
            came.append(await reader.read())
        ended.set()

    def deny() -> None:
        raise Denied("kill switch engaged")

    async with serving(serve, believed) as port, client(port, "https") as rest:
        with pytest.raises(NotSent, match="kill switch engaged"):
            await rest.create_order(ORDER, deny)
        await ended.wait()
    assert came[0].startswith(b"POST /trade-api/v2/portfolio/events/orders")
    assert came[1:] in ([b""], [])


async def test_what_is_written_after_a_look_is_encrypted_and_sent_in_the_same_call(
    client: Callable[..., KalshiRest], believed: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    write = asyncio.selector_events._SelectorSocketTransport.write

    def writing(self, data):
        steps.append("bytes")
        write(self, data)

    def look() -> None:
        steps.clear()
        steps.append("look")
        asyncio.get_running_loop().call_soon(steps.append, "another callback of the loop")

    monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", writing)
    async with serving(acknowledge, believed) as port, client(port, "https") as rest:
        await rest.create_order(ORDER, look)
    assert steps[:2] == ["look", "bytes"]


async def test_a_certificate_that_is_not_believed_gets_no_order(
    client: Callable[..., KalshiRest], certified: tuple[ssl.SSLContext, Path]
) -> None:
    context, _ = certified
    async with serving(acknowledge, context) as port, client(port, "https") as rest:
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await rest.create_order(ORDER, allow)
        with pytest.raises(Unavailable, match="ConnectError"):
            await rest.exchange_status()


async def test_a_server_that_does_not_shake_hands_gets_no_order(client: Callable[..., KalshiRest]) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(silent) as port, client(port, "https") as rest:
        with pytest.raises(NotSent, match="ConnectTimeout"):
            await rest.create_order(ORDER, allow)
    async with serving(rude) as port, client(port, "https") as rest:
        with pytest.raises(NotSent, match="ConnectError"):
            await rest.create_order(ORDER, allow)
    async with serving(acknowledge) as port, client(port, "https") as rest:  # it speaks, but not TLS
        with pytest.raises(NotSent, match="Connect"):
            await rest.create_order(ORDER, allow)


async def test_an_answer_cut_off_inside_tls_leaves_the_order_s_fate_open(
    client: Callable[..., KalshiRest], believed: ssl.SSLContext
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await body_of(reader)
        writer.write(CREATED[:40])
        await writer.drain()
        writer.transport.abort()

    async with serving(serve, believed) as port, client(port, "https") as rest:
        with pytest.raises(Ambiguous, match=r"ReadError|RemoteProtocolError"):
            await rest.create_order(ORDER, allow)


def test_the_environment_has_no_say_in_which_certificates_are_believed(
    certified: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.venues.kalshi.transport import Transport

    monkeypatch.setenv("SSL_CERT_FILE", str(certified[1]))
    believed = Transport(tls=True).tls
    assert believed is not None
    assert believed.verify_mode is ssl.CERT_REQUIRED
    assert believed.check_hostname
    assert "127.0.0.1" not in str(believed.get_ca_certs())
    assert len(believed.get_ca_certs()) > 50
