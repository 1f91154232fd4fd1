"""The supervisor's account of the engine's process."""

from __future__ import annotations

from typing import Literal

from state.models import DocumentModel, Instant

EngineState = Literal["stopped", "starting", "running", "stopping", "backoff", "braked"]
End = Literal["", "verified", "unverified"]


class SupervisorState(DocumentModel):
    """`state/supervisor.json`."""

    pid: int = 0
    start_id: str = ""
    """Identity of this supervisor: pid and kernel start time. Arming belongs to it."""
    started_at: Instant | None = None
    build: str = ""
    config_hash: str = ""
    engine: EngineState = "stopped"
    engine_pid: int | None = None
    engine_started_at: Instant | None = None
    restarts: int = 0
    last_exit: str = ""
    end: End = ""
    """How its stop ended: whether two listings showed that nothing rests. Empty while it runs, and when it died."""
    permit_withheld: tuple[str, ...] = ()
    """Why no permit is being renewed; empty while one is."""
