"""What the supervisor goes by: heartbeat, listings, start and disk, read from the files and from the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.supervisor.permits import Evidence, ProgressWatch, disk_free_share
from state.clock import NANOS, Clock
from state.document import DocumentReader, Reading
from state.home import Home
from state.kill_journal import KillState
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat
from state.permit import LeaveReader


@dataclass(slots=True)
class EvidenceRoom:
    """Gathers the evidence of one home. A heartbeat counts only when it is of the engine that runs now."""

    home: Home
    clock: Clock
    config_hash: str
    leave: LeaveReader
    heartbeat: DocumentReader[Heartbeat]
    exchange: DocumentReader[ExchangeView]
    progress: ProgressWatch
    _started_ns: dict[int, int] = field(default_factory=dict)

    def engine_started(self, pid: int) -> None:
        """Silence of that engine is counted from now."""
        self._started_ns = {pid: self.clock.boottime_ns()}

    def heartbeat_age(self, pid: int) -> float | None:
        """Age in seconds of the last heartbeat of that engine; None before its first."""
        found = self.heartbeat.read()
        return found.age_s if found.value is not None and found.value.pid == pid else None

    def silent_for(self, pid: int) -> float:
        """Seconds since that engine's last sign of life, or since its start."""
        age = self.heartbeat_age(pid)
        since_start = (self.clock.boottime_ns() - self._started_ns.get(pid, self.clock.boottime_ns())) / NANOS
        return since_start if age is None else min(age, since_start)

    def gather(self, kill: KillState, engine_pid: int | None, verified: bool) -> Evidence:
        """Everything a permit depends on, as of now."""
        leave = self.leave.look()
        beat = self.heartbeat.read()
        ours = beat.value if beat.value is not None and beat.value.pid == engine_pid else None
        view = self.exchange.read()
        now = self.clock.boottime_ns() / NANOS
        return Evidence(
            kill=kill,
            armed=leave.armed,
            armed_reason=leave.armed_reason,
            arming_id=leave.arming_id,
            engine_alive=engine_pid is not None,
            config_hash=self.config_hash,
            heartbeat=ours,
            heartbeat_reason=beat.reason if beat.value is None else "is not of this engine",
            heartbeat_age_s=beat.age_s,
            stalled=() if ours is None else self.progress.stalled(ours, now),
            exchange=view.value,
            exchange_age_s=self._asked_age(view),
            verified=verified,
            disk_free_share=disk_free_share(self.home.root),
        )

    def _asked_age(self, view: Reading[ExchangeView]) -> float | None:
        """Age of the exchange's answer itself, not of the file that repeats it."""
        if view.value is None or view.value.as_of is None:
            return None
        return (self.clock.now() - view.value.as_of).total_seconds()
