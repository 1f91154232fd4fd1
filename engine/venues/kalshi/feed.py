"""The WebSocket session: signed, subscribed, watched, and begun again whenever it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from engine.venues.kalshi.book import Book
from engine.venues.kalshi.errors import Unavailable
from engine.venues.kalshi.events import Connected, Disconnected, FeedEvent
from engine.venues.kalshi.hosts import Source, source_of
from engine.venues.kalshi.limits import Sleep
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.stream import Counters, Stream
from state.clock import Clock

_PING_EVERY = 5.0
_PONG_WITHIN = 5.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.25, 30.0
# a session that lived as long as this was a good one; the next attempt starts from the first backoff again
_GOOD_SESSION = 10.0
_LARGEST_FRAME = 16 * 2**20


class Feed:
    """Books, prints, fills, orders and lifecycle of the markets that were added.

    `listener` gets every event on the event loop, in order, and must not block; an exception of its ends `run`.
    After each Connected, reconcile orders and fills by REST: nothing is replayed.
    """

    def __init__(
        self,
        ws_url: str,
        signer: Signer,
        clock: Clock,
        listener: Callable[[FeedEvent], None],
        *,
        use_yes_price: bool = True,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.source: Source = source_of(ws_url)
        self.last_error: str | None = None
        self.connected = False
        self.heard_ns: int | None = None
        self._url, self._signer, self._clock = ws_url, signer, clock
        self._path = urlsplit(ws_url).path
        self._listener = listener
        self._sleep, self._rng = sleep, rng or random.Random()
        self._stream = Stream(listener, use_yes_price=use_yes_price)
        self._sessions = 0

    @property
    def books(self) -> Mapping[str, Book]:
        """The books by ticker; each says itself whether it is stale."""
        return self._stream.books

    @property
    def counters(self) -> Counters:
        return self._stream.counters

    def add_markets(self, tickers: Iterable[str]) -> None:
        """Follow these markets too, now or as soon as there is a session."""
        self._stream.add(tickers, self._clock.boottime_ns())

    def delete_markets(self, tickers: Iterable[str]) -> None:
        """Follow these markets no longer."""
        self._stream.remove(tickers)

    async def run(self) -> None:
        """Keep a session alive until cancelled. `heard_ns` is when the exchange last proved to be there."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            self.last_error = await self._session_until_it_ends()
            failures = 0 if loop.time() - began > _GOOD_SESSION else failures + 1
            longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(failures, 10))
            await self._sleep(longest * self._rng.uniform(0.5, 1.0))
            self.counters.reconnects += 1

    async def _session_until_it_ends(self) -> str:
        try:
            async with connect(
                self._url,
                additional_headers=self._signer.headers("GET", self._path, self._clock.now()),
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=5,
                close_timeout=1,
                max_size=_LARGEST_FRAME,
            ) as socket:
                return await self._session(socket)
        except (OSError, TimeoutError, InvalidHandshake) as exc:
            return f"{type(exc).__name__}: {exc}"

    async def _session(self, socket: ClientConnection) -> str:
        commands: asyncio.Queue[str] = asyncio.Queue()
        self._sessions += 1
        self.connected, self.heard_ns = True, self._clock.boottime_ns()
        self._stream.opened(commands.put_nowait, self._clock.boottime_ns())
        reason = "stopped"
        try:
            self._listener(Connected(self._sessions))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(socket))
                tasks.create_task(_write(socket, commands))
                tasks.create_task(self._keep_alive(socket))
        except* (ConnectionClosed, Unavailable) as ended:
            reason = "; ".join(dict.fromkeys(str(exc) for exc in _leaves(ended)))
        finally:
            self.connected = False
            self._stream.closed(reason)
            self._listener(Disconnected(reason))
        return reason

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            frame = await socket.recv(decode=False)
            self.heard_ns = self._clock.boottime_ns()
            self._stream.receive(frame, self.heard_ns)
            if self._stream.broken is not None:
                raise Unavailable(self._stream.broken)

    async def _keep_alive(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(_PING_EVERY)
            pong = await socket.ping()
            try:
                await asyncio.wait_for(pong, _PONG_WITHIN)
            except TimeoutError:
                raise Unavailable(f"no answer to a ping within {_PONG_WITHIN:g} s") from None
            self.heard_ns = self._clock.boottime_ns()
            self._stream.tick(self.heard_ns)
            if self._stream.broken is not None:
                raise Unavailable(self._stream.broken)


async def _write(socket: ClientConnection, commands: asyncio.Queue[str]) -> None:
    while True:
        await socket.send(await commands.get())


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for exc in group.exceptions:
        found.extend(_leaves(exc) if isinstance(exc, BaseExceptionGroup) else [exc])
    return found
