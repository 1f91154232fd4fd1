"""What a headless demo tells: a line now and then, and a summary."""

from __future__ import annotations

from state.clock import Clock
from state.document import read
from state.home import Home
from state.kill_journal import fold
from state.models.exchange import ExchangeView
from state.models.gate import GateReport
from state.models.heartbeat import Heartbeat
from state.models.shadow import ShadowBook


def progress_line(home: Home, clock: Clock) -> str:
    """One line: is it alive, may it trade, what does it hold."""
    beat = read(home, Home.heartbeat, Heartbeat, clock)
    gate = read(home, Home.gate, GateReport, clock)
    book = read(home, Home.positions, ShadowBook, clock)
    view = read(home, Home.exchange, ExchangeView, clock)
    engine = f"engine {beat.value.engine_status} cycle {beat.value.cycle}" if beat.value else f"engine {beat.reason}"
    verdict = f"gate {gate.reason}" if gate.value is None else _verdict(gate.value)
    paper = f"{book.value.fills} fills, {len(book.value.positions)} positions" if book.value else book.reason
    resting = "unknown" if view.value is None or view.value.resting is None else str(len(view.value.resting))
    return f"{clock.now():%H:%M:%S}Z  {engine}  {verdict}  shadow {paper}  resting {resting}"


def _verdict(gate: GateReport) -> str:
    return "gate open" if gate.open else f"gate shut ({gate.reasons[0]})"


def summary(home: Home, clock: Clock) -> tuple[str, bool]:
    """The last lines of a headless run, and whether the desk worked: an engine that cycles and a book that is kept."""
    beat = read(home, Home.heartbeat, Heartbeat, clock)
    book = read(home, Home.positions, ShadowBook, clock)
    if not (beat.good and book.good) or beat.value is None or book.value is None:
        found = f"heartbeat {beat.reason or 'ok'}, book {book.reason or 'ok'}"
        return f"the desk is not up: {found}; see {home.root}/logs", False
    unrealised = "unknown" if book.value.unrealised_usd is None else f"{book.value.unrealised_usd:+.2f}"
    kill = fold(home, clock)
    lines = [
        f"cycles {beat.value.cycle}   messages {beat.value.progress.messages}   orders {beat.value.progress.orders}",
        f"shadow fills {book.value.fills}   positions {len(book.value.positions)}   realised "
        f"{book.value.realised_usd:+.2f}   unrealised {unrealised}   fees {book.value.fees_usd:.2f} USD (simulated)",
        f"kill switch {'ON: ' + kill.why if kill.engaged else 'off'}",
    ]
    return "\n".join(lines), beat.value.cycle > 0
