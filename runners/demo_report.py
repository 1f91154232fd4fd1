"""What a headless demo tells: a line now and then, and a summary."""

from __future__ import annotations

from typing import TypeVar

from state.clock import Clock
from state.document import Outcome, Reading, read
from state.home import Document, Home
from state.kill_journal import fold
from state.models import DocumentModel
from state.models.exchange import ExchangeView
from state.models.gate import GateReport
from state.models.heartbeat import Heartbeat
from state.models.shadow import ShadowBook

M = TypeVar("M", bound=DocumentModel)


class DemoReport:
    """Tells of the run that began when this was made; what an earlier one left in the home is none of it."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home, self._clock = home, clock
        self._began_ns = clock.boottime_ns()

    def progress_line(self) -> str:
        """One line: is it alive, may it trade, what does it hold."""
        beat, gate = self._read(Home.heartbeat, Heartbeat), self._read(Home.gate, GateReport)
        book, view = self._read(Home.positions, ShadowBook), self._read(Home.exchange, ExchangeView)
        engine = (
            f"engine {beat.value.engine_status} cycle {beat.value.cycle}" if beat.value else f"engine {beat.reason}"
        )
        verdict = f"gate {gate.reason}" if gate.value is None else _verdict(gate.value)
        paper = f"{book.value.fills} fills, {len(book.value.positions)} positions" if book.value else book.reason
        resting = "unknown" if view.value is None or view.value.resting is None else str(len(view.value.resting))
        return f"{self._clock.now():%H:%M:%S}Z  {engine}  {verdict}  shadow {paper}  resting {resting}"

    def summary(self) -> tuple[str, bool]:
        """The last lines of a headless run, and whether the desk worked: an engine that cycles and a book it keeps."""
        beat, book = self._read(Home.heartbeat, Heartbeat), self._read(Home.positions, ShadowBook)
        if beat.value is None or book.value is None:
            found = f"heartbeat {beat.reason or 'ok'}, book {book.reason or 'ok'}"
            return f"the desk is not up: {found}; see {self._home.root}/logs", False
        unrealised = "unknown" if book.value.unrealised_usd is None else f"{book.value.unrealised_usd:+.2f}"
        kill, done = fold(self._home, self._clock), beat.value.progress
        paper = f"shadow fills {book.value.fills}   positions {len(book.value.positions)}"
        money = f"realised {book.value.realised_usd:+.2f}   unrealised {unrealised}   fees {book.value.fees_usd:.2f}"
        lines = [
            f"cycles {beat.value.cycle}   messages {done.messages}   orders {done.orders}",
            f"{paper}   {money} USD (simulated)",
            f"kill switch {'ON: ' + kill.why if kill.engaged else 'off'}",
        ]
        return "\n".join(lines), beat.value.cycle > 0

    def _read(self, entry: Document, model: type[M]) -> Reading[M]:
        """A document of this run that is fresh, else a reading without a value that says why."""
        found = read(self._home, entry, model, self._clock)
        if found.value is None:
            return found
        ours = found.value.boot_id == self._clock.boot_id() and found.value.seq >= self._began_ns
        if not ours:
            return Reading(Outcome.STALE, reason="of an earlier run", size=found.size, age_s=found.age_s)
        return found if found.good else found._replace(value=None)


def _verdict(gate: GateReport) -> str:
    return "gate open" if gate.open else f"gate shut ({gate.reasons[0]})"
