"""What the benchmarks work on: journal lines, a book of 40 positions, and a home that is filled with them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson

from state.clock import SystemClock
from state.document import DocumentWriter
from state.home import Document, Home
from state.models import DocumentModel
from state.models.exchange import ExchangeView
from state.models.gate import GateLine, GateReport
from state.models.heartbeat import Cycle, Feed, Heartbeat, Progress
from state.models.shadow import ShadowBook, ShadowPosition
from state.models.supervisor import SupervisorState

AT = datetime(2026, 11, 24, 19, 31, 7, 250_000, tzinfo=UTC)
POSITIONS = 40
GATES = 12


def cycle(number: int) -> Cycle:
    """One line of logs/run.jsonl as the engine writes it."""
    return Cycle(
        at=AT, cycle=number, engine_status="ok", orders=6, market_open=60, duration_ms=1.2 + number % 10 / 10,
        progress=Progress(messages=number * 312, decisions=number * 75, listings=number, orders=6),
        messages_per_s=312.0, level="RUN", paper_level="RUN",
    )  # fmt: skip


def record(number: int, word: str = "KXHIGHNY-26NOV25-B52.5") -> dict[str, object]:
    """A record of 14 fields and about 320 bytes."""
    return {
        "at": "2026-11-24T19:31:07.250000Z", "event": "SHADOW_FILL", "severity": "info", "subsystem": "engine",
        "message": f"{word}: bought 10 YES at 0.310, queue ahead 0 of 120", "ticker": word, "family": "WEATHER",
        "side": "YES", "count": "10.00", "price": "0.3100", "number": number, "fees_usd": "0.0100",
        "source": "simulated", "pid": 4121,
    }  # fmt: skip


def write_journal(path: Path, size: int) -> None:
    """A journal of about `size` bytes; every line differs by its number."""
    with path.open("wb") as file:
        number = 0
        while file.tell() < size:
            file.write(b"".join(orjson.dumps(record(number + n)) + b"\n" for n in range(2_000)))
            number += 2_000


def heartbeat(number: int = 8041) -> Heartbeat:
    """A beat of about 0.6 kB."""
    return Heartbeat(
        pid=4121, start_id="4121-9", started_at=AT, build="0123456789ab", source="simulated", engine_status="ok",
        cycle=number, cycle_ms=1.2, cycle_p99_ms=4.0, progress=Progress(messages=2_400_000, decisions=120_600),
        feed=Feed(connected=True, messages_per_s=312, books=60, books_fresh=60, oldest_book_s=2.0),
        clock_offset_ms=(-12.0, 40.0), exchange_trading=True, market_open=60, orders_resting=6,
    )  # fmt: skip


def book(moved: int = 0, changed: int = 0, held: int = 40) -> ShadowBook:
    """40 paper positions; the marks of the first `changed` depend on `moved`; `held` contracts of the first."""
    return ShadowBook(
        source="simulated",
        positions=tuple(
            _position(number, moved if number < changed else 0, 40 if number else held) for number in range(POSITIONS)
        ),
        fills=143,
        realised_usd=Decimal("212.75"),
        fees_usd=Decimal("9.12"),
    )


def _position(number: int, moved: int, held: int) -> ShadowPosition:
    marked = Decimal(20 + (number * 7 + moved * 3) % 60) / 100
    return ShadowPosition(
        ticker=f"KXHIGHNY-26NOV25-B{number + 30}.5", desk="ladders", family="WEATHER", side="YES", count=Decimal(held),
        average_price=Decimal("0.31"), mark=marked, unrealised_usd=Decimal("1.20"), realised_usd=Decimal(0),
        fees_usd=Decimal("0.35"), fair=Decimal("0.362"), edge_cents=Decimal("5.2"), opened_at=AT,
    )  # fmt: skip


def gates() -> GateReport:
    """Twelve gates, all open."""
    lines = tuple(
        GateLine(name=f"gate {n}", open=True, value="well", threshold="15 s", age_s=2.0) for n in range(GATES)
    )
    return GateReport(open=True, level="RUN", paper_level="RUN", gates=lines, reasons=())


def put(home: Home, entry: Document, value: DocumentModel) -> DocumentWriter[DocumentModel]:
    """Write a document as its writer would; the writer, to write it again."""
    writer = DocumentWriter(home, entry, SystemClock(), _silent, value)
    writer.write(value)
    return writer


def filled_home(root: Path) -> Home:
    """A home in which every document that the console draws was written just now."""
    home = Home(root)
    home.create()
    put(home, Home.heartbeat, heartbeat())
    put(home, Home.gate, gates())
    put(home, Home.positions, book())
    put(home, Home.exchange, ExchangeView(source="simulated", by="engine", as_of=AT, resting=(), positions=()))
    put(home, Home.supervisor, SupervisorState(pid=4100, start_id="4100-8", started_at=AT, engine="running"))
    return home


def _silent(*_: object, **__: object) -> None:
    return
