"""The permit: why it is withheld (pure), and the office that renews and withdraws it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from state import kill, permit
from state.clock import NANOS, Clock, stamp
from state.events import EventType
from state.healing import quarantine
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat, Progress
from state.sentinel import Anchor, Look

IDLE_MESSAGES_S = 60.0
"""A trading exchange with open markets sends something within this, heartbeats aside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the preconditions are measured against, seconds and milliseconds."""

    heartbeat_s: float
    exchange_age_s: float
    clock_offset_ms: float
    disk_free_share: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the permit depends on, as it was found just now."""

    kill: Look
    armed: bool
    armed_reason: str
    arming_id: str
    engine_alive: bool
    identity: permit.Identity
    """What this supervisor runs."""
    heartbeat: Heartbeat | None
    heartbeat_reason: str
    heartbeat_age_s: float | None
    stalled: tuple[str, ...]
    exchange: ExchangeView | None
    exchange_age_s: float | None
    verified: bool
    """What rested when this supervisor started was cancelled and verified."""
    disk_free_share: float | None


def withheld(evidence: Evidence, limits: Limits) -> tuple[str, ...]:
    """Every reason against a permit; empty when it may be renewed (DECISIONS 26)."""
    return tuple(
        reason
        for reason in (
            f"kill: {evidence.kill.reason}" if evidence.kill.engaged else "",
            "" if evidence.armed else evidence.armed_reason,
            "" if evidence.verified else "orders found at start are not yet verified gone",
            *_engine_reasons(evidence, limits),
            *_exchange_reasons(evidence, limits),
            _disk_reason(evidence, limits),
        )
        if reason
    )


def _engine_reasons(evidence: Evidence, limits: Limits) -> tuple[str, ...]:
    if not evidence.engine_alive:
        return ("engine is not running",)
    beat, age = evidence.heartbeat, evidence.heartbeat_age_s
    if beat is None or age is None:
        return (f"heartbeat {evidence.heartbeat_reason or 'missing'}",)
    return (
        f"heartbeat is {age:.0f} s old" if age > limits.heartbeat_s else "",
        "" if beat.build == evidence.identity.build else "engine runs another build",
        "" if beat.config_hash == evidence.identity.config_hash else "engine runs another configuration",
        *(f"engine makes no progress: {name}" for name in evidence.stalled),
        _offset_reason(beat, limits),
    )


def _offset_reason(beat: Heartbeat, limits: Limits) -> str:
    if beat.clock_offset_ms is None:
        return "clock offset unknown"
    low, high = beat.clock_offset_ms
    if -limits.clock_offset_ms <= low <= high <= limits.clock_offset_ms:
        return ""
    return f"clock offset {low:+.0f}…{high:+.0f} ms, limit ±{limits.clock_offset_ms:.0f} ms"


def _exchange_reasons(evidence: Evidence, limits: Limits) -> tuple[str, ...]:
    view, age = evidence.exchange, evidence.exchange_age_s
    if view is None or age is None or view.resting is None:
        return ("resting orders at the exchange unknown",)
    fresh = 0 <= age <= limits.exchange_age_s  # below 0 the wall was set back, and nobody knows how old it is
    return ("" if fresh else f"listing of resting orders is {age:.0f} s old", view.error)


def _disk_reason(evidence: Evidence, limits: Limits) -> str:
    if evidence.disk_free_share is None:
        return "free disk space unknown"
    if evidence.disk_free_share < limits.disk_free_share:
        return f"disk: {evidence.disk_free_share:.1%} free, at least {limits.disk_free_share:.0%} wanted"
    return ""


def disk_free_share(path: os.PathLike[str]) -> float | None:
    """Smallest free share of blocks and inodes; None when it cannot be told. No inode count means no limit."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None  # named by `_disk_reason`
    if not found.f_blocks:
        return None
    blocks = found.f_bavail / found.f_blocks
    return min(blocks, found.f_favail / found.f_files) if found.f_files else blocks


@dataclass(slots=True)
class ProgressWatch:
    """Notices counters of the engine that stand still although the exchange's schedule expects them to advance."""

    listings_s: float
    _last: dict[str, tuple[int, float]] = field(default_factory=dict)

    def stalled(self, beat: Heartbeat, at: float) -> tuple[str, ...]:
        """Names of counters that stood still too long at `at` (seconds, steady clock)."""
        limits = {"listings": self.listings_s, "messages": IDLE_MESSAGES_S}
        if not (beat.exchange_trading and beat.market_open):
            self._last.pop("messages", None)  # standing still counts from when they are expected again
            del limits["messages"]
        return tuple(
            f"{name} stand at {getattr(beat.progress, name)} for {still:.0f} s"
            for name, limit in limits.items()
            if (still := self._still(name, beat.progress, at)) > limit
        )

    def _still(self, name: str, progress: Progress, at: float) -> float:
        count = getattr(progress, name)
        known = self._last.get(name)
        if known is None or known[0] != count:
            self._last[name] = (count, at)
            return 0.0
        return at - known[1]


@dataclass(slots=True)
class PermitOffice:
    """Renews and withdraws `permit.json`, and sets aside one that is not what it last wrote."""

    anchor: Anchor
    clock: Clock
    identity: permit.Identity
    supervisor: str
    life_s: float
    emit: Callable[..., None]
    _written: tuple[int, int, int] | None = None

    def renew(self, arming_id: str, mode: str) -> None:
        """Write a fresh permit. Raises OSError."""
        self._set_aside_foreign()
        fields = {
            "schema_version": 1,
            "boot_id": self.clock.boot_id(),
            "seq": self.clock.boottime_ns(),
            "written_at": stamp(self.clock.now()),
            "life_s": self.life_s,
            "mode": mode,
            "arming_id": arming_id,
            "supervisor": self.supervisor,
            "build": self.identity.build,
            "config_hash": self.identity.config_hash,
        }
        permit.write_sealed(self.anchor, permit.PERMIT, fields, durable=False)
        self._written = self._signature()

    def withdraw(self) -> bool:
        """Take the permit away, a damaged one to where such are kept; whether there was one. Raises OSError."""
        found = self._signature() is not None
        try:
            self._set_aside_foreign()
        finally:
            self._written = None
            permit.remove(self.anchor, permit.PERMIT)
        return found

    def drop_void_start(self) -> None:
        """A damaged start goes aside; one given to another supervisor, as that died, is taken back. Raises OSError."""
        try:
            start = permit.read_sealed(self.anchor, permit.ARMED)
        except permit.Missing:
            return
        except permit.Refused as refused:
            kept = quarantine(self.anchor.home.path(Home.armed), self.clock)
            self.emit(EventType.DOCUMENT_HEALED, f"{Home.armed.path} was {refused} → {kept.name}", severity="warning")
            return
        if start.get("supervisor") != self.supervisor:
            kill.disarm(self.anchor, self.clock, by=f"supervisor {os.getpid()}", why="given to another supervisor")

    def _set_aside_foreign(self) -> None:
        found = self._signature()
        if found is None or found == self._written:
            return
        try:
            fields = permit.read_sealed(self.anchor, permit.PERMIT)
        except permit.Refused as refused:
            kept = quarantine(self.anchor.home.path(Home.permit), self.clock)
            self.emit(EventType.DOCUMENT_HEALED, f"{Home.permit.path} was {refused} → {kept.name}", severity="warning")
            return
        if fields.get("supervisor") != self.supervisor:
            self.emit(EventType.DOCUMENT_HEALED, f"{Home.permit.path} was of another supervisor", severity="warning")

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(permit.PERMIT, dir_fd=self.anchor.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)


def age_s(seq: int, clock: Clock) -> float:
    """Age of something stamped at CLOCK_BOOTTIME `seq`, seconds."""
    return (clock.boottime_ns() - seq) / NANOS
