"""The engine as a whole, without an exchange: it comes up degraded, says why, and never ends by itself in silence."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine import engine as module
from engine import main
from engine.engine import Engine
from engine.levels import Level, Levels, Scope, Source
from engine.market.grid import PriceGrid
from engine.market.view import MarketInfo, MarketStatus
from state.clock import SimulatedClock
from state.document import DocumentReader
from state.home import Home
from state.kill_journal import fold
from state.models.gate import GateReport
from state.models.heartbeat import Heartbeat
from state.settings import Engine as Pace
from state.settings import Exchange, Pilot, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An exchange on a port where nobody listens."""
    key = tmp_path / "key.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    exchange = Exchange(
        base_url=f"http://127.0.0.1:{port}/trade-api/v2",
        ws_url=f"ws://127.0.0.1:{port}/trade-api/ws/v2",
        key_id="00000000-0000-4000-8000-000000000001",
        private_key_path=str(key),
    )
    return Settings(exchange=exchange, engine=Pace(cycle_s=0.01, reconcile_every=100), pilot=Pilot(enabled=True))


@pytest.fixture
async def engine(home: Home, settings: Settings, clock: SimulatedClock) -> Engine:
    return main.build(home, settings, clock)


def market(series: str) -> MarketInfo:
    opens = datetime(2026, 11, 16, tzinfo=UTC)
    return MarketInfo(
        ticker=f"{series}-26NOV17-T1",
        event=f"{series}-26NOV17",
        series=series,
        family="CPI",
        strike=None,
        grid=PriceGrid(((0, 10_000, 100),)),
        fees=None,
        opens_at=opens,
        closes_at=opens + timedelta(days=9),
        status=MarketStatus.ACTIVE,
    )


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


def beat(home: Home, clock: SimulatedClock) -> Heartbeat | None:
    return DocumentReader(home, Home.heartbeat, Heartbeat, clock).read().value


def gate(home: Home, clock: SimulatedClock) -> GateReport | None:
    return DocumentReader(home, Home.gate, GateReport, clock).read().value


async def finished(running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(10):
        await running


async def test_with_an_unreachable_exchange_it_comes_up_degraded_with_its_gate_shut_and_says_why(
    engine: Engine, home: Home, clock: SimulatedClock, stop: asyncio.Event, until: Any
) -> None:
    running = asyncio.create_task(engine.run(stop))
    questions = ("exchange status", "listing", "markets")

    def all_failed() -> bool:
        clock.advance(0.005)  # the rate limits of questions go by it
        found = beat(home, clock)
        return found is not None and all(f"{name}: Unavailable" in "".join(found.errors) for name in questions)

    await until(all_failed, 10)
    told, verdict = beat(home, clock), gate(home, clock)
    assert told is not None
    assert verdict is not None
    assert told.engine_status == "degraded"
    assert any(error.startswith("exchange status: Unavailable") for error in told.errors)
    assert (told.exchange_trading, told.market_open, told.orders_resting, told.clock_offset_ms) == (None,) * 4
    assert not verdict.open
    assert any(reason.startswith("exchange: the exchange has not said") for reason in verdict.reasons)
    cycle = told.cycle
    await until(lambda: (found := beat(home, clock)) and found.cycle > cycle + 5)
    stop.set()
    await finished(running)


async def test_a_stop_that_comes_while_it_starts_ends_it_before_its_first_cycle(
    engine: Engine, home: Home, clock: SimulatedClock, stop: asyncio.Event
) -> None:
    stop.set()
    await finished(asyncio.create_task(engine.run(stop)))
    assert beat(home, clock) is None


async def test_it_starts_under_a_kill_halted_and_denies(
    engine: Engine, home: Home, clock: SimulatedClock, stop: asyncio.Event, leave: Any, until: Any
) -> None:
    leave.arm()
    leave.kill()
    running = asyncio.create_task(engine.run(stop))
    await until(lambda: fold(home, clock).rung("engine_denied"))
    await until(lambda: gate(home, clock))
    verdict = gate(home, clock)
    assert verdict is not None
    assert (verdict.open, verdict.level, verdict.paper_level) == (False, "HALT", "HALT")
    assert not home.path(Home.armed).exists()
    stop.set()
    await finished(running)


async def test_work_beside_the_cycle_that_fails_ends_the_engine_and_is_named(
    engine: Engine, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise KeyError("a frame that breaks a desk")

    monkeypatch.setattr(type(engine.data.feed), "run", broken)
    with pytest.raises(ExceptionGroup) as failed:
        await finished(asyncio.create_task(engine.run(stop)))
    assert failed.group_contains(KeyError, match="a frame that breaks a desk")


async def test_a_verdict_that_fails_leaves_the_gate_shut_and_not_as_it_was(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> GateReport:
        raise RuntimeError("a gate that cannot read its input")

    engine.gate = GateReport(open=True, level="RUN", paper_level="RUN", reasons=())
    engine.in_force = Levels()
    monkeypatch.setattr(module, "judge", broken)
    with pytest.raises(RuntimeError):
        await engine._look()
    assert (engine.gate.open, engine.gate.level) == (False, "HALT")
    assert engine.in_force.level(desk="ladders", series="KXCPI", paper=True) is Level.HALT


async def test_real_orders_are_wished_for_only_where_nothing_holds_the_series_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = ("KXCPI", "KXHIGHNY", "KXHIGHCHI")
    engine.catalogue.markets = {name: market(name) for name in series}
    assert list(engine._free_markets()) == []  # nothing was judged yet
    engine.in_force = Levels()
    assert [each.series for each in engine._free_markets()] == [*series]
    frozen = Source("freeze", Level.HALT, "released at 08:30", paper=True, scope=Scope(series="KXCPI"))
    shrinking = Source("brake", Level.REDUCE, "test", scope=Scope(series="KXHIGHCHI"))
    engine.in_force = Levels(frozenset({frozen, shrinking}))
    assert [each.series for each in engine._free_markets()] == ["KXHIGHNY"]


async def test_a_step_that_fails_degrades_cycles_and_ends_none(
    engine: Engine, home: Home, clock: SimulatedClock, stop: asyncio.Event, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("positions do not add up")

    monkeypatch.setattr(type(engine.paper), "cycle", broken)
    running = asyncio.create_task(engine.run(stop))
    await until(lambda: (found := beat(home, clock)) and found.cycle > 3, 10)
    told = beat(home, clock)
    assert told is not None
    assert "paper: AssertionError: positions do not add up" in told.errors
    stop.set()
    await finished(running)


async def test_one_bad_series_degrades_the_cycle_and_the_rest_is_followed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one_is_bad(*_: object) -> tuple[str, ...]:
        return ("KXOLD: HTTP 404: not_found",)

    followed: list[object] = []
    monkeypatch.setattr(type(engine.catalogue), "refresh", one_is_bad)
    monkeypatch.setattr(type(engine.data), "follow", lambda _, tickers: followed.append(tickers))
    with pytest.raises(Exception, match="KXOLD"):
        await engine._refresh_catalogue()
    assert len(followed) == 1
    await engine.rest.close()
