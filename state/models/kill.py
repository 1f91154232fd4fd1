"""The journal of the kill switch. Written by `state.kill`, which knows no pydantic; the state is folded from it."""

from __future__ import annotations

from typing import Literal

from state.models import JournalLine

Rung = Literal["sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2"]


class KillEvent(JournalLine):
    """One line of `logs/kill.jsonl`."""

    act: Literal["engaged", "again", "rung", "left", "disarmed", "cleared", "started", "refused", "flatten"]
    kill_id: str | None = None
    """Identity of the sentinel (inode and time of change); None for acts outside a kill."""
    rung: Rung | None = None
    left: int | None = None
    """Orders still resting, of a flatten positions still held; None: unknown."""
    by: str
    """Who: user, terminal and ssh client where known, or the process that acted."""
    why: str = ""
    via: str = ""
    """Path used: console, command line, touch, supervisor brake …"""
    host: str = ""
    pid: int = 0
    boot_id: str = ""
    seq: int = 0
    """CLOCK_BOOTTIME, nanoseconds."""
