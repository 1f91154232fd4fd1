"""One home, read once: a frozen Snapshot. No Textual; `flightdeck status` prints the same one the console draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from state.home import Document, Home
from state.kill_journal import KillState
from state.outcome import Outcome

if TYPE_CHECKING:  # the first picture is on screen before pydantic is imported
    from state.models import DocumentModel, Source
    from state.models.exchange import ExchangeView
    from state.models.gate import GateReport
    from state.models.heartbeat import Heartbeat
    from state.models.permit import Armed, Permit
    from state.models.reconciliation import Reconciliation
    from state.models.shadow import ShadowBook
    from state.models.supervisor import SupervisorState

M = TypeVar("M", bound="DocumentModel")


@dataclass(frozen=True, slots=True)
class Shown(Generic[M]):
    """A document as it is shown. `value` is the last good one; it may be acted on only while `good`."""

    entry: Document
    outcome: Outcome
    value: M | None = None
    reason: str = ""
    size: int | None = None
    age_s: float | None = None
    """Seconds since `value` was written; None without a value."""

    @property
    def good(self) -> bool:
        """Whether `value` is what the file says now, and fresh."""
        return self.outcome is Outcome.OK

    @property
    def current(self) -> M | None:
        """The value while good, else None: unknown."""
        return self.value if self.good else None


LATE_S = 5.0
"""A beat comes every second or so; without one for so long the supervisor gives no permit."""


class EngineState(StrEnum):
    """What the engine is, whatever gate and kill say."""

    OK = "ok"
    DEGRADED = "degraded"
    STALE = "stale"
    DOWN = "down"


class Trading(StrEnum):
    """The answer to the first question of the top line: may an order leave?"""

    MAY = "may trade"
    REDUCE = "reduce only"
    NOT = "no trade"
    KILLING = "killing"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and why; `reason` is empty while trading may go on."""

    trading: Trading
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether the permit gives leave, by seal, boot, life and start; else why not."""

    valid: bool
    reason: str = ""
    age_s: float | None = None
    life_s: float | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One line for the events pane."""

    at: datetime
    event: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Trends:
    """Samples taken once a minute, oldest first, newest last."""

    cycle_ms: tuple[float | None, ...] = ()
    messages_per_s: tuple[float | None, ...] = ()
    marks: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """By ticker and side."""


DRAWN = (
    Home.heartbeat, Home.gate, Home.positions, Home.exchange, Home.reconciliation, Home.supervisor, Home.permit,
    Home.armed,
)  # fmt: skip
"""Documents that have a place of their own in a Snapshot."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a screen may know at one instant. Text from outside has been made visible."""

    at: datetime
    home: str
    droplet: str
    engine: EngineState
    heartbeat: Shown[Heartbeat]
    gate: Shown[GateReport]
    positions: Shown[ShadowBook]
    exchange: Shown[ExchangeView]
    reconciliation: Shown[Reconciliation]
    supervisor: Shown[SupervisorState]
    supervisor_runs: bool
    """Whether the process that wrote `supervisor` lives."""
    permit: Shown[Permit]
    armed: Shown[Armed]
    others: tuple[Shown[DocumentModel], ...]
    """Documents of the table that no pane draws."""
    kill: KillState
    leave: Leave
    happenings: tuple[Happening, ...] = ()
    """Newest first."""
    trends: Trends = Trends()

    @property
    def documents(self) -> dict[str, Outcome]:
        """Outcome of every document, by its path below the home."""
        named: tuple[Shown[Any], ...] = (
            self.heartbeat, self.gate, self.positions, self.exchange, self.reconciliation, self.supervisor,
            self.permit, self.armed, *self.others,
        )  # fmt: skip
        outcomes = {shown.entry.path: shown.outcome for shown in named}
        return {entry.path: outcomes[entry.path] for entry in Home.documents()}

    @property
    def source(self) -> Source | None:
        """Where prices and orders come from, as the freshest witness says; None: unknown."""
        for shown in (self.heartbeat, self.exchange, self.positions):
            if shown.current is not None and shown.current.source is not None:
                return shown.current.source
        return self.permit.current.mode if self.permit.current else None

    @property
    def unreconciled(self) -> str:
        """Why nobody can say that our orders are what the exchange says; empty while they are."""
        shown = self.reconciliation
        path, writer = shown.entry.path, shown.entry.writer
        value = shown.current
        if value is not None:
            unanswered = f"not answered: {value.error}" if value.error else ""
            return "" if value.ok else "; ".join(part for part in (*value.reasons, unanswered) if part)
        if shown.outcome is Outcome.MISSING:
            return f"waiting for {path} from {writer}"
        if shown.outcome is Outcome.STALE:
            return f"{writer} is silent: it should write {path} within {shown.entry.stale_after:g} s"
        return f"{path}: {shown.reason}"

    @property
    def late(self) -> bool:
        """Whether an engine that counts as well has not beaten for a while."""
        return self.engine is EngineState.OK and (self.heartbeat.age_s or 0.0) >= LATE_S

    @property
    def keeper(self) -> SupervisorState | None:
        """What the supervisor says of itself while it can be believed: fresh, and of a process that lives."""
        return self.supervisor.current if self.supervisor_runs else None

    @property
    def keeper_gone(self) -> str:
        """Names a supervisor whose document is sound and whose process has ended; empty in every other case."""
        value = self.supervisor.value
        if value is None or self.supervisor_runs or self.supervisor.outcome not in (Outcome.OK, Outcome.STALE):
            return ""
        return f"the supervisor, pid {value.pid}, has ended"

    @property
    def _withheld(self) -> str:
        """Why there is no leave: the supervisor's own reasons when it gives none, else what is wrong with it."""
        keeper = self.keeper
        if self.keeper_gone:
            return self.keeper_gone
        if self.permit.outcome is Outcome.MISSING:
            return "; ".join(keeper.permit_withheld) if keeper is not None else self.leave.reason
        return self.leave.reason

    @property
    def verdict(self) -> Verdict:
        """May an order leave? Killed before the exchange agrees twice is still "killing"."""
        if self.kill.engaged:
            done = self.kill.rung("verified_2") is not None
            return Verdict(Trading.KILLED if done else Trading.KILLING, self.kill.why or self.kill.reason)
        if self.engine in (EngineState.DOWN, EngineState.STALE):
            return Verdict(Trading.NOT, f"engine {self.engine}")
        if not self.armed.good:
            return Verdict(
                Trading.NOT, "not started" if self.armed.outcome is Outcome.MISSING else "armed.json unsound"
            )
        if not self.leave.valid:
            return Verdict(Trading.NOT, f"no permit{f': {self._withheld}' if self._withheld else ''}")
        gate = self.gate.current
        if gate is None:
            return Verdict(Trading.NOT, f"{self.gate.entry.path} {self.gate.outcome}")
        if not gate.open:
            return Verdict(Trading.NOT, "; ".join(gate.reasons) or "gate shut")
        return Verdict(Trading.REDUCE if gate.level == "REDUCE" else Trading.MAY)
