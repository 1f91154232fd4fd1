"""The picture of the console for the README: `python -m console.picture --out docs/console.svg`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from console.app import Console
from console.snapshot import DRAWN, EngineState, Happening, Leave, Shown, Snapshot, Trends
from state.clock import SimulatedClock
from state.document import Outcome
from state.home import Document, Home
from state.kill_journal import KillState
from state.models import DocumentModel
from state.models.exchange import ExchangeView, RestingOrder
from state.models.gate import GateLine, GateReport
from state.models.heartbeat import Feed, Heartbeat, Progress
from state.models.permit import Armed, Permit
from state.models.reconciliation import Reconciliation
from state.models.shadow import ShadowBook, ShadowPosition
from state.models.supervisor import SupervisorState

M = TypeVar("M", bound=DocumentModel)

NOON = datetime(2026, 11, 24, 19, 31, 7, tzinfo=UTC)
HELD = (
    ("KXHIGHNY-26NOV25-B52.5", "WEATHER", "YES", 40, "0.31", "0.34", "0.362", 13),
    ("KXHIGHNY-26NOV25-B54.5", "WEATHER", "YES", 25, "0.22", "0.21", "0.243", 9),
    ("KXHIGHNY-26NOV25-T56", "WEATHER", "NO", 30, "0.88", "0.90", "0.917", 31),
    ("KXCPI-26NOV-T0.3", "CPI", "NO", 25, "0.54", "0.52", "0.497", 121),
    ("KXCPI-26NOV-T0.2", "CPI", "YES", 15, "0.79", "0.80", "0.816", 121),
    ("KXJOBLESSCLAIMS-26NOV26-215000", "CLAIMS", "YES", 10, "0.42", None, "0.455", 63),
    ("KXJOBLESSCLAIMS-26NOV26-225000", "CLAIMS", "NO", 10, "0.47", "0.49", "0.512", 63),
    ("KXTNOTED-26NOV24-T4.10", "TENY", "YES", 20, "0.51", "0.50", "0.498", 40),
    ("KXAAAGASW-26NOV30-3.10", "GAS", "YES", 12, "0.60", "0.63", "0.648", 190),
)
"""Ticker, family, side, contracts, average price, mark, fair value, minutes held."""


def healthy(at: datetime = NOON) -> Snapshot:
    """A desk that runs well, with every value literal."""
    return Snapshot(
        at=at,
        home="/var/lib/flightdeck",
        droplet="nyc-1",
        engine=EngineState.OK,
        heartbeat=_fresh(Home.heartbeat, _heartbeat(at), 0.6),
        gate=_fresh(Home.gate, _gate(), 0.6),
        positions=_fresh(Home.positions, _book(at), 0.6),
        exchange=_fresh(Home.exchange, _exchange(at), 4.2),
        reconciliation=_fresh(Home.reconciliation, _reconciliation(at), 4.2),
        supervisor=_fresh(Home.supervisor, _supervisor(at), 2.0),
        supervisor_runs=True,
        permit=_fresh(Home.permit, Permit(life_s=15.0, mode="simulated"), 2.4),
        armed=_fresh(Home.armed, Armed(arming_id="a", by="mara on pts/2"), 8040.0),
        others=tuple(_fresh(entry, DocumentModel(), 0.0) for entry in Home.documents() if entry not in DRAWN),
        kill=KillState(False, ""),
        leave=Leave(True, "", 2.4, 15.0),
        happenings=_happenings(at),
        trends=_trends(),
    )


def _fresh(entry: Document, value: M, age_s: float) -> Shown[M]:
    return Shown(entry, Outcome.OK, value, "", 800, age_s)


def _heartbeat(at: datetime) -> Heartbeat:
    return Heartbeat(
        written_at=at, pid=4121, start_id="4121-9", started_at=at - timedelta(hours=2, minutes=14), source="simulated",
        engine_status="ok", cycle=8041, cycle_ms=1.2, cycle_p99_ms=4.0,
        progress=Progress(messages=2_400_000, decisions=120_600),
        feed=Feed(connected=True, messages_per_s=312, books=60, books_fresh=60, oldest_book_s=2.0),
        clock_offset_ms=(-12.0, 40.0), exchange_trading=True, market_open=60, orders_resting=6,
    )  # fmt: skip


def _gate() -> GateReport:
    gates = (
        GateLine(name="kill switch", open=True, value="off", age_s=0.1),
        GateLine(name="permit", open=True, value="given", threshold="15 s", age_s=2.4),
        GateLine(name="exchange", open=True, value="trading", age_s=0.8),
        GateLine(name="books", open=True, value="60 of 60 fresh", threshold="80 %", age_s=2.0),
        GateLine(name="clock", open=True, value="-12 .. +40 ms", threshold="±250 ms", age_s=9.0),
        GateLine(name="progress", open=True, value="listing 4 s ago", threshold="10 s", age_s=4.0),
        GateLine(name="orders", open=True, value="6 resting, 0 unresolved", age_s=4.0),
        GateLine(name="freeze", open=True, value="no calendar yet"),
    )
    return GateReport(open=True, level="RUN", paper_level="RUN", gates=gates, reasons=())


def _book(at: datetime) -> ShadowBook:
    positions = tuple(_position(at, *row) for row in HELD)
    return ShadowBook(
        written_at=at, source="simulated", positions=positions, fills=143, unrealised_usd=None,
        realised_usd=Decimal("212.75"), fees_usd=Decimal("9.12"),
    )  # fmt: skip


def _position(
    at: datetime,
    ticker: str,
    family: str,
    side: str,
    held: int,
    average: str,
    mark: str | None,
    fair: str,
    minutes: int,
) -> ShadowPosition:
    marked = None if mark is None else Decimal(mark)
    return ShadowPosition(
        ticker=ticker, desk="ladders", family=family, side="YES" if side == "YES" else "NO", count=Decimal(held),
        average_price=Decimal(average), mark=marked,
        unrealised_usd=None if marked is None else (marked - Decimal(average)) * held,
        realised_usd=Decimal(0), fees_usd=Decimal("0.35"), fair=Decimal(fair),
        edge_cents=None if marked is None else (Decimal(fair) - marked) * 100,
        opened_at=at - timedelta(minutes=minutes), note="book stale 14 s" if marked is None else "",
    )  # fmt: skip


def _exchange(at: datetime) -> ExchangeView:
    resting = tuple(
        RestingOrder(
            order_id=f"{index:08x}-5d1c", client_order_id=f"fd-{index}", ticker=row[0],
            side="YES" if index % 2 else "NO", price=Decimal(row[4]), remaining=Decimal(1),
        )
        for index, row in enumerate(HELD[:6], 0x3FA1)
    )  # fmt: skip
    return ExchangeView(
        written_at=at, source="simulated", by="engine", as_of=at - timedelta(seconds=4), resting=resting, positions=(),
        balance_usd=Decimal("9998.40"),
    )  # fmt: skip


def _reconciliation(at: datetime) -> Reconciliation:
    return Reconciliation(
        written_at=at, source="simulated", as_of=at - timedelta(seconds=4), ok=True, reasons=(), orders_known=214,
        orders_resting=6, fills=143,
    )  # fmt: skip


def _supervisor(at: datetime) -> SupervisorState:
    return SupervisorState(
        written_at=at,
        pid=4100,
        start_id="4100-8",
        started_at=at - timedelta(hours=3),
        engine="running",
        engine_pid=4121,
    )


def _happenings(at: datetime) -> tuple[Happening, ...]:
    told = (
        (9, "SHADOW_FILL", "info", "KXHIGHNY-26NOV25-B52.5: bought 10 YES at 0.310, queue ahead 0 of 120"),
        (
            26,
            "BOOKS_STALE",
            "warning",
            "KXJOBLESSCLAIMS-26NOV26-215000 stale for 14 s: gap at seq 8812, snapshot asked",
        ),
        (
            118,
            "DOCUMENT_HEALED",
            "warning",
            "state/gate.json was torn (812 bytes) → gate.json.corrupted.20261124T192909123.json",
        ),
        (260, "SHADOW_FILL", "info", "KXAAAGASW-26NOV30-3.10: bought 12 YES at 0.600, queue ahead 0 of 40"),
        (2100, "GATE_OPEN", "info", "every gate is open"),
        (2103, "KILL_STARTED", "info", "by mara on pts/2 from 10.8.0.4"),
        (2190, "KILL_CLEARED", "info", "by mara on pts/2 from 10.8.0.4: config mended, positions looked through"),
    )
    return tuple(Happening(at - timedelta(seconds=ago), *rest) for ago, *rest in told)


def _trends() -> Trends:
    cycle = (1.1, 1.2, 1.1, 1.4, 1.2, 1.1, 2.9, 1.2, 1.3, 1.1, 1.2, 1.6, 1.1, 1.2, 1.1, 1.3, 1.2, 1.2, 1.1, 1.2)
    fed = (280.0, 310.0, 305.0, 240.0, 260.0, 330.0, 350.0, 341.0, 312.0, 300.0, 296.0, 312.0)
    marks = {
        f"{row[0]} {row[2]}": tuple(
            float(row[4]) + 0.01 * ((step * (index + 3)) % 7 - 3) * step / 12 for step in range(12)
        )
        for index, row in enumerate(HELD)
    }
    return Trends(cycle, fed, marks)


async def picture(snapshot: Snapshot, size: tuple[int, int]) -> str:
    """The overview as SVG."""
    app = Console(Home(Path(snapshot.home)), SimulatedClock(snapshot.at), first=snapshot)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        return app.export_screenshot(title="flightdeck")


def main(argv: list[str]) -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(prog="python -m console.picture", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    options.out.write_text(asyncio.run(picture(healthy(), (120, 40))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
