"""A wire between us and the exchange that counts the orders that leave, and that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

ORDER = re.compile(rb'"client_order_id":"([^"]+)"')


@dataclass
class WireTap:
    """Forwards a loopback port to the exchange's. What it saw is kept whatever happens to either end."""

    target: int
    port: int = 0
    left: list[tuple[str, int]] = field(default_factory=list)
    """Each order whose body left us, by client_order_id, and when (CLOCK_BOOTTIME)."""
    dead: bool = False
    """Nothing passes any more, either way, and nobody is told: as behind a firewall that drops."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def names(self) -> list[str]:
        return [name for name, _ in self.left]

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        ways = self._out(reader, their_writer), self._pass(their_reader, writer)
        with contextlib.suppress(asyncio.CancelledError):  # the streams of 3.11 complain of a task that was cancelled
            await asyncio.gather(*ways)

    async def _out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = b""

        def look(data: bytes) -> None:
            nonlocal seen
            seen += data
            for found in ORDER.finditer(seen):
                self.left.append((found[1].decode(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)))
            last = max((found.end() for found in ORDER.finditer(seen)), default=0)
            seen = seen[max(last, len(seen) - 200) :]

        await self._pass(reader, writer, look)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: object = None) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if callable(look):
                    look(data)
                if not self.dead:
                    writer.write(data)
                    await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


@contextlib.contextmanager
def wire_tap(target: int) -> Iterator[WireTap]:
    """A tap before the exchange on `target`, on a port of its own."""
    tap, ready = WireTap(target), threading.Event()

    def run() -> None:
        asyncio.set_event_loop(tap._loop)
        serving = tap._loop.create_task(tap._serve(ready))
        tap._loop.run_forever()
        left = asyncio.all_tasks(tap._loop) | {serving}
        for task in left:
            task.cancel()
        tap._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield tap
    finally:
        tap._loop.call_soon_threadsafe(tap._loop.stop)
        thread.join(10)
        tap._loop.close()
