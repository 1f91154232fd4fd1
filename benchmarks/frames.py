"""Frames of an order book feed, as the exchange sends them: a snapshot of each market, then deltas."""

from __future__ import annotations

import asyncio
import struct
import sys

from websockets.asyncio.server import ServerConnection, serve

MARKETS = tuple(f"KXHIGHNY-26NOV25-B{number}.5" for number in range(30, 90))
LEVELS = 20
AT_ONCE = 50


def snapshots() -> list[bytes]:
    """One book a market, 20 levels a side."""
    return [_snapshot(ticker, number) for number, ticker in enumerate(MARKETS, 1)]


def deltas(count: int) -> list[bytes]:
    """Deltas of about 250 bytes that add to a level and take away again; a book they fit stays within a snapshot."""
    return [_delta(number) for number in range(count)]


def _snapshot(ticker: str, seq: int) -> bytes:
    def side(first: int) -> str:
        return ",".join(f'["0.{first + level:02d}00","120.00"]' for level in range(LEVELS))

    return (
        f'{{"type":"orderbook_snapshot","sid":1,"seq":{seq},"msg":{{"market_ticker":"{ticker}","market_id":'
        f'"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1","yes_dollars_fp":[{side(20)}],"no_dollars_fp":[{side(50)}]}}}}'
    ).encode()


def _delta(number: int) -> bytes:
    step, market = divmod(number, len(MARKETS))
    pair, back = divmod(step, 2)
    side, level = ("yes", 20) if pair % 2 else ("no", 50)
    return (
        f'{{"type":"orderbook_delta","sid":1,"seq":{len(MARKETS) + number + 1},"msg":{{"market_ticker":'
        f'"{MARKETS[market]}","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1","price_dollars":'
        f'"0.{level + pair % LEVELS:02d}00","delta_fp":"{"-" if back else ""}{3 + pair % 5}.00","side":"{side}",'
        f'"ts":"2026-11-24T19:31:07.250000Z","ts_ms":1795548667250}}}}'
    ).encode()


def framed(payload: bytes) -> bytes:
    """One unmasked WebSocket text frame (RFC 6455, §5.2)."""
    if len(payload) < 126:
        return bytes((0x81, len(payload))) + payload
    assert len(payload) < 1 << 16
    return b"\x81\x7e" + struct.pack(">H", len(payload)) + payload


async def _serve(count: int) -> None:
    """To each client, after its first message: every frame, 50 in one write, as fast as it reads."""
    frames = [framed(frame) for frame in (*snapshots(), *deltas(count))]
    writes = [b"".join(frames[first : first + AT_ONCE]) for first in range(0, len(frames), AT_ONCE)]

    async def send(socket: ServerConnection) -> None:
        await socket.recv()
        for data in writes:
            socket.transport.write(data)
            await socket.drain()
        await socket.wait_closed()

    async with serve(send, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
