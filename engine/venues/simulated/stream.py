"""The WebSocket: sessions, who of them hears of what, and the socket each writes to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from starlette.websockets import WebSocket

from engine.venues.simulated import frames
from engine.venues.simulated.account import Account
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.credentials import Scope
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import CONNECTING, ERRORS, STREAM, FaultName, Faults
from engine.venues.simulated.happenings import (
    BookDelta,
    EventCreated,
    FeesOverridden,
    Filled,
    GroupChanged,
    Happening,
    MarketChanged,
    OrderChanged,
    PaidOut,
    Quoted,
    Trade,
)
from engine.venues.simulated.lifecycle_frames import event_lifecycle, fee_update, market_lifecycle
from engine.venues.simulated.lines import Gone, HeartbeatProtocol, line_of
from engine.venues.simulated.refusals import TOO_MANY_REQUESTS, Refusal, refuse
from engine.venues.simulated.rest.frame import render
from engine.venues.simulated.subscriptions import Session

PATH = "/trade-api/ws/v2"
# a reader that is this far behind is told so and loses its subscriptions
MOST_WAITING = 50_000
# frames in one write: few enough that a slow socket is noticed soon
AT_ONCE = 256


class Stream:
    """All sessions. Tells each what it subscribed to, in the order in which it happened."""

    def __init__(
        self,
        exchange: Exchange,
        doorkeeper: Doorkeeper,
        catch_up: Callable[[], None],
        sent_ms: Callable[[], int],
        faults: Faults | None = None,
    ) -> None:
        self._exchange = exchange
        self._doorkeeper = doorkeeper
        self._catch_up = catch_up
        self._sent_ms = sent_ms
        self._faults = faults if faults is not None else Faults()
        self._sessions: list[Session] = []
        self._connections: list[_Connection] = []
        exchange.listen(self.hear)
        self._faults.listen(self._break)

    async def connect(self, socket: WebSocket) -> None:
        """Serve one connection until it ends; refused before the upgrade when it is not signed."""
        try:
            self._refuse()
            caller = self._doorkeeper.require(socket.headers, "GET", socket.url.path)
            caller.must(Scope.READ)
        except Refusal as refusal:
            await socket.send_denial_response(render(refusal.status, refusal.body))
            return
        await socket.accept()
        line = line_of(socket.scope)
        assert isinstance(line, HeartbeatProtocol), "a WebSocket over something else"
        outbox = Outbox(line)
        session = self.open(caller.account(), outbox.put, whole_member=caller.key.subaccount is None)
        outbox.overflowed = session.overflow
        writer = asyncio.create_task(outbox.write())
        connection = _Connection(line, session, outbox)
        self._connections.append(connection)
        if self._faults:
            connection.suffer(self._faults)
        try:
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                self._catch_up()
                # a binary frame is no command: it is answered as any other that cannot be read
                session.handle(message.get("text") or "")
        finally:
            self._connections.remove(connection)
            self._sessions.remove(session)
            writer.cancel()

    def open(self, account: Account, send: Callable[[str], None], *, whole_member: bool = True) -> Session:
        """A session of `account`, or of all its member's accounts, that writes with `send`."""
        session = Session(self._exchange, account, send, self._sent_ms, self._faults, whole_member)
        self._sessions.append(session)
        return session

    def _refuse(self) -> None:
        """Refuse a connection that meets a fault. Raises Refusal."""
        if not self._faults:
            return
        if self._faults.fires(FaultName.STORM_429, CONNECTING) is not None:
            raise Refusal(429, TOO_MANY_REQUESTS)
        for name, status in ERRORS.items():
            if self._faults.fires(name, CONNECTING) is not None:
                raise refuse(status, "service_unavailable")

    def _break(self) -> None:
        """Break the connections that the faults of this moment are about."""
        for connection in self._connections if self._faults else ():
            connection.suffer(self._faults)

    def hear(self, happening: Happening) -> None:
        """Pass on what happened."""
        for session in self._sessions:
            match happening:
                case BookDelta():
                    _send_delta(session, happening)
                case Trade():
                    _send(session, "trade", "trade", happening.market.ticker, lambda: frames.trade(happening), True)
                case Quoted():
                    _send(session, "ticker", "ticker", happening.market.ticker, lambda: frames.ticker(happening))
                case Filled() if session.hears(happening.account):
                    ticker = happening.fill.order.ticker
                    _send(session, "fill", "fill", ticker, lambda: frames.fill(happening.fill))
                    _send_position(session, happening.account, ticker)
                case PaidOut() if session.hears(happening.account):
                    _send_position(session, happening.account, happening.ticker)
                case OrderChanged() if session.hears(happening.account):
                    ticker = happening.order.ticker
                    _send(session, "user_orders", "user_order", ticker, lambda: frames.user_order(happening))
                case GroupChanged() if session.hears(happening.account):
                    channel = "order_group_updates"
                    _send(session, channel, channel, "", lambda: frames.group_update(happening), True)
                case EventCreated():
                    channel = "market_lifecycle_v2"
                    _send(
                        session,
                        channel,
                        "event_lifecycle",
                        "",
                        lambda: event_lifecycle(happening),
                        True,
                    )
                case FeesOverridden():
                    channel = "market_lifecycle_v2"
                    _send(session, channel, "event_fee_update", "", lambda: fee_update(happening), True)
                case MarketChanged():
                    channel = "market_lifecycle_v2"
                    _send(session, channel, channel, "", lambda: market_lifecycle(happening), True)


class Outbox:
    """Frames on their way to one socket, in order."""

    def __init__(self, line: HeartbeatProtocol) -> None:
        self._line = line
        self._waiting: deque[str] = deque()
        self._something = asyncio.Event()
        self.overflowed: Callable[[], None] | None = None
        self.silenced = False

    def put(self, frame: str) -> None:
        """Send a frame as soon as the socket takes it."""
        if self.silenced:
            return
        self._waiting.append(frame)
        self._something.set()
        if len(self._waiting) > MOST_WAITING and self.overflowed is not None:
            self._waiting.clear()
            self.overflowed()

    async def write(self) -> None:
        """Write until cancelled or the socket is gone."""
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                while self._waiting:
                    some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                    await self._line.send_texts(some)
        except Gone:
            # gone while we wrote: the reader's side ends the session
            return


@dataclass(slots=True, eq=False)
class _Connection:
    """One socket and what is on it."""

    line: HeartbeatProtocol
    session: Session
    outbox: Outbox

    def suffer(self, faults: Faults) -> None:
        """Break as the faults of this moment want; one that is silent already stays as it is."""
        if self.outbox.silenced:
            return
        if faults.fires(FaultName.OVERFLOW, STREAM) is not None:
            self.session.overflow()
        if faults.fires(FaultName.CHANNEL_ERROR, STREAM) is not None:
            self.session.end(10, "Channel error")
        if faults.fires(FaultName.DISCONNECT, STREAM) is not None:
            self.line.cut()
        if faults.fires(FaultName.HALF_OPEN, STREAM) is not None:
            self.outbox.silenced = True
            self.line.mute()


def _send_delta(session: Session, happening: BookDelta) -> None:
    subscription = session.channels.get("orderbook_delta")
    if subscription is None or not subscription.wants(happening.market.ticker):
        return
    recorded = happening.recorded
    if recorded is not None and session.send_recorded(subscription, recorded):
        return
    order = happening.order
    own = order is not None and session.hears(session.exchange.owner(order))
    message = frames.delta(happening, use_yes_price=subscription.use_yes_price, own=own)
    session.frame("orderbook_delta", subscription, message, numbered=True)


def _send_position(session: Session, account: Account, ticker: str) -> None:
    channel, kind = "market_positions", "market_position"
    _send(session, channel, kind, ticker, lambda: frames.market_position(account, ticker))


def _send(
    session: Session,
    channel: str,
    kind: str,
    ticker: str,
    message: Callable[[], str],
    numbered: bool = False,
) -> None:
    subscription = session.channels.get(channel)
    if subscription is not None and subscription.wants(ticker):
        session.frame(kind, subscription, message(), numbered=numbered)
