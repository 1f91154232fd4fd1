"""What the supervisor goes by: heartbeat, listings, start and disk, read from the files and from the kernel."""

from __future__ import annotations

import os
from dataclasses import dataclass

from engine.supervisor.permits import Evidence, ProgressWatch, disk_free_share
from state.clock import NANOS, Clock
from state.document import DocumentReader, Reading
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat
from state.permit import Identity, LeaveReader
from state.sentinel import Look


@dataclass(slots=True)
class EvidenceRoom:
    """Gathers the evidence of one home. A heartbeat counts only when it is of the engine that runs now."""

    home: Home
    clock: Clock
    identity: Identity
    leave: LeaveReader
    heartbeat: DocumentReader[Heartbeat]
    exchange: DocumentReader[ExchangeView]
    progress: ProgressWatch
    _pid: int | None = None
    _started_ns: int = 0
    _heard_ns: int | None = None
    _file: tuple[int, int, int] | None = None

    def engine_started(self, pid: int) -> None:
        """Silence of that engine is counted from now."""
        self._pid, self._started_ns, self._heard_ns = pid, self.clock.boottime_ns(), None
        self._file = self._heartbeat_file()

    def engine_was_heard(self) -> bool:
        """Whether the engine started last gave any sign of life. Without one it was never permitted to send."""
        self._read_heartbeat()
        return self._heard_ns is not None

    def silence_s(self) -> float:
        """Seconds since that engine's last sign of life, or since its start.

        A heartbeat that cannot be read takes nothing back: the next one is due within a cycle.
        """
        self._read_heartbeat()
        heard_ns = self._started_ns if self._heard_ns is None else self._heard_ns
        return (self.clock.boottime_ns() - heard_ns) / NANOS

    def gather(self, kill: Look, engine_pid: int | None, verified: bool) -> Evidence:
        """Everything a permit depends on, as of now."""
        leave = self.leave.look()
        beat = self._read_heartbeat()
        ours = beat.value if beat.value is not None and beat.value.pid == engine_pid else None
        view = self.exchange.read()
        now = self.clock.boottime_ns() / NANOS
        return Evidence(
            kill=kill,
            armed=leave.armed,
            armed_reason=leave.armed_reason,
            arming_id=leave.arming_id,
            engine_alive=engine_pid is not None,
            identity=self.identity,
            heartbeat=ours,
            heartbeat_reason=beat.reason if beat.value is None else "is not of this engine",
            heartbeat_age_s=beat.age_s,
            stalled=() if ours is None else self.progress.stalled(ours, now),
            exchange=view.value,
            exchange_age_s=self._asked_age(view),
            verified=verified,
            disk_free_share=disk_free_share(self.home.root),
        )

    def _read_heartbeat(self) -> Reading[Heartbeat]:
        found = self.heartbeat.read()
        if found.value is not None and found.value.pid == self._pid and found.age_s is not None:
            self._heard(self.clock.boottime_ns() - round(found.age_s * NANOS))
        before, self._file = self._file, self._heartbeat_file()
        if before and self._file and before[:2] == self._file[:2] and before != self._file:
            self._heard(self.clock.boottime_ns())  # touched: the disk takes no more, but the engine lives
        return found

    def _heard(self, at_ns: int) -> None:
        if at_ns >= self._started_ns:  # else it is of an engine that had the same pid
            self._heard_ns = max(self._heard_ns or 0, at_ns)

    def _heartbeat_file(self) -> tuple[int, int, int] | None:
        """Inode, size and time of the file; None when there is none to be seen."""
        try:
            found = os.stat(self.home.path(Home.heartbeat), follow_symlinks=False)  # noqa: PTH116  (as the reader does)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _asked_age(self, view: Reading[ExchangeView]) -> float | None:
        """Age of the exchange's answer itself, not of the file that repeats it."""
        if view.value is None or view.value.as_of is None:
            return None
        return (self.clock.now() - view.value.as_of).total_seconds()
