"""Parts of a supervisor with an engine of straw."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.account import Account
from engine.stopping import RungTeller
from engine.supervisor.board import Board
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.permits import ProgressWatch
from engine.supervisor.resting import RestingOrders
from state.clock import SimulatedClock
from state.document import DocumentReader, DocumentWriter
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat, Progress
from state.models.supervisor import SupervisorState
from state.permit import Identity, LeaveReader
from state.sentinel import Anchor

ENGINE_PID = 4_242


@pytest.fixture
def board(home: Home, clock: SimulatedClock, emit: Any) -> Board:
    state = SupervisorState(pid=77, start_id="77-1234", build="build-1", config_hash="config-1")
    return Board(state, DocumentWriter(home, Home.supervisor, clock, emit, SupervisorState()), emit)


@pytest.fixture
def room(home: Home, clock: SimulatedClock, anchor: Anchor, identity: Identity) -> EvidenceRoom:
    return EvidenceRoom(
        home=home,
        clock=clock,
        identity=identity,
        leave=LeaveReader(anchor, clock, identity),
        heartbeat=DocumentReader(home, Home.heartbeat, Heartbeat, clock),
        exchange=DocumentReader(home, Home.exchange, ExchangeView, clock),
        progress=ProgressWatch(listings_s=15.0),
    )


@pytest.fixture
def account(venue: Any, home: Home, clock: SimulatedClock, emit: Any) -> Account:
    return Account(venue, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "supervisor")


@pytest.fixture
def resting(venue: Any, account: Account, emit: Any) -> RestingOrders:
    return RestingOrders(venue, account, emit)


class Engine:
    """Writes what a healthy engine writes, in its name."""

    def __init__(self, home: Home, clock: SimulatedClock, emit: Any) -> None:
        self.clock = clock
        self.beats = 0
        self.heartbeat = DocumentWriter(home, Home.heartbeat, clock, emit, Heartbeat())
        self.view = DocumentWriter(home, Home.exchange, clock, emit, ExchangeView())

    def beat(self, pid: int = ENGINE_PID, **changes: Any) -> None:
        self.beats += 1
        given = {
            "pid": pid,
            "build": "build-1",
            "config_hash": "config-1",
            "clock_offset_ms": (-10.0, 10.0),
            "progress": Progress(messages=self.beats, listings=self.beats),
        }
        self.heartbeat.write(Heartbeat(**(given | changes)))

    def list_account(self, **changes: Any) -> None:
        given = {"as_of": self.clock.now(), "resting": (), "by": "engine", "source": "simulated"}
        self.view.write(ExchangeView(**(given | changes)))


@pytest.fixture
def engine(home: Home, clock: SimulatedClock, emit: Any) -> Engine:
    return Engine(home, clock, emit)


@dataclass(slots=True)
class Keeper:
    """Stands for EngineKeeper: a process that ends when it is told to, or does not."""

    evidence: EvidenceRoom
    pid: int | None = ENGINE_PID
    immortal: bool = False
    ended: list[str] = field(default_factory=list)

    async def end_unresponsive(self, why: str) -> bool:
        self.ended.append(why)
        if not self.immortal:
            self.pid = None
        return not self.immortal


@pytest.fixture
def keeper(room: EvidenceRoom) -> Keeper:
    return Keeper(room)


@pytest.fixture
def teller(home: Home, clock: SimulatedClock) -> RungTeller:
    return RungTeller(home, clock, None, "supervisor 77", lambda _: None)


@dataclass(slots=True)
class Process:
    """Stands for EngineProcess."""

    pid: int
    unresponsive: bool = False
    signals: list[signal.Signals] = field(default_factory=list)
    deaf: bool = False
    _code: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def running(self) -> bool:
        return not self._code.done()

    async def ended(self) -> int:
        return await asyncio.shield(self._code)

    def last_words(self, home: Home) -> str:
        return "flightdeck.toml: engine.cycle_s = -1"

    def die(self, code: int) -> None:
        if not self._code.done():
            self._code.set_result(code)

    def send(self, number: signal.Signals) -> None:
        self.signals.append(number)

    def send_group(self, number: signal.Signals) -> bool:
        self.signals.append(number)
        if not self.deaf:
            self.die(-number)
        return True

    async def stop(self, deadline_s: float) -> None:
        self.signals.append(signal.SIGTERM)
        self.die(0)


@pytest.fixture
def process_type() -> type[Process]:
    return Process
