"""What the engine writes of itself after each cycle: the gate's verdict, the heartbeat, the cycle line, the book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from engine.loop import CycleResult
from state.clock import Clock
from state.document import DocumentWriter
from state.events import Events, EventType
from state.journal import JournalWriter
from state.models.gate import GateReport
from state.models.heartbeat import Cycle, Feed, Heartbeat, Progress
from state.models.shadow import ShadowBook


@dataclass(frozen=True, slots=True)
class Observed:
    """What a cycle leaves to be told."""

    gate: GateReport
    progress: Progress
    feed: Feed
    clock_offset_ms: tuple[float, float] | None
    exchange_trading: bool | None
    market_open: int | None
    orders_resting: int | None
    orders_unknown: int
    errors: tuple[str, ...]


@contextmanager
def _noting(failed: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  (raised again when the other files are written)
        failed.append(error)


@dataclass(slots=True)
class Reporter:
    """Writes the engine's documents and journals its cycles; tells changes of state as events, once."""

    clock: Clock
    emit: Events
    identity: Heartbeat
    """The fields of the heartbeat that stay the same."""
    heartbeat: DocumentWriter[Heartbeat]
    gate: DocumentWriter[GateReport]
    positions: DocumentWriter[ShadowBook]
    cycles: JournalWriter
    _gate_open: bool | None = None
    _degraded: bool = False
    _last_error_at: datetime | None = None

    async def report(self, result: CycleResult, seen: Observed, book: Callable[[], ShadowBook]) -> None:
        """Write everything of one cycle; a file that cannot be written keeps no other from it.

        Raises what kept it, which the next cycle then tells.
        """
        errors = result.errors + seen.errors
        if errors:
            self._last_error_at = self.clock.now()

        failed: list[Exception] = []
        with _noting(failed):
            self.gate.write(seen.gate)
        with _noting(failed):
            self._write_beat(self._beat(result, seen, errors))
        with _noting(failed):
            await self.positions.write_off_loop(book())
        with _noting(failed):
            self.cycles.append(self._line(result, seen, errors))
        self._tell_changes(seen.gate, bool(errors), errors)
        if failed:
            raise failed[0] if len(failed) == 1 else ExceptionGroup("; ".join(map(str, failed)), failed)

    def _write_beat(self, beat: Heartbeat) -> None:
        """A full disk is no hang: the supervisor, which would end the engine for one, sees the file touched."""
        try:
            self.heartbeat.write(beat)
        except OSError:
            self.heartbeat.touch()
            raise

    def _beat(self, result: CycleResult, seen: Observed, errors: tuple[str, ...]) -> Heartbeat:
        return self.identity.model_copy(
            update={
                "engine_status": "degraded" if errors else "ok",
                "errors": errors,
                "cycle": result.cycle,
                "cycle_ms": round(result.duration_ms, 2),
                "cycle_p99_ms": round(result.p99_ms, 2),
                "progress": seen.progress,
                "feed": seen.feed,
                "clock_offset_ms": seen.clock_offset_ms,
                "exchange_trading": seen.exchange_trading,
                "market_open": seen.market_open,
                "orders_resting": seen.orders_resting,
                "orders_unknown": seen.orders_unknown,
                "last_error_at": self._last_error_at,
            }
        )

    def _line(self, result: CycleResult, seen: Observed, errors: tuple[str, ...]) -> Cycle:
        return Cycle(
            at=self.clock.now(),
            cycle=result.cycle,
            engine_status="degraded" if errors else "ok",
            errors_this_cycle=errors,
            orders=seen.progress.orders,
            market_open=seen.market_open,
            duration_ms=round(result.duration_ms, 2),
            progress=seen.progress,
            messages_per_s=seen.feed.messages_per_s,
            level=seen.gate.level,
            paper_level=seen.gate.paper_level,
        )

    def _tell_changes(self, gate: GateReport, degraded: bool, errors: tuple[str, ...]) -> None:
        if gate.open != self._gate_open:
            self._gate_open = gate.open
            if gate.open:
                self.emit(EventType.GATE_OPEN, "every gate is open")
            else:
                self.emit(EventType.GATE_SHUT, "; ".join(gate.reasons), severity="warning")
        if degraded != self._degraded:
            self._degraded = degraded
            if degraded:
                self.emit(EventType.CYCLE_DEGRADED, "; ".join(errors), severity="error")
            else:
                self.emit(EventType.CYCLE_RECOVERED, "cycles are ok again")
