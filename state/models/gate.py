"""The gate's verdict: may an order leave, and may paper trade."""

from __future__ import annotations

from typing import Literal

from state.models import DocumentModel, Model

LevelName = Literal["RUN", "REDUCE", "HALT", "FLATTEN"]


class GateLine(Model):
    """One named gate: what it saw, what it wants, how old that is, and why it is shut."""

    name: str
    open: bool
    value: str
    threshold: str = ""
    age_s: float | None = None
    reason: str = ""
    """Empty while open."""


class FreezeWindow(Model):
    """One series' freeze and scan window, market time (UTC)."""

    series: str
    frozen: bool
    reason: str


class GateReport(DocumentModel):
    """`state/gate.json`, written every cycle."""

    open: bool = False
    level: LevelName = "HALT"
    """Level in force for orders that leave."""
    paper_level: LevelName = "HALT"
    """Level in force for paper (shadow) orders."""
    gates: tuple[GateLine, ...] = ()
    reasons: tuple[str, ...] = ("not written yet",)
    windows: tuple[FreezeWindow, ...] | None = None
    """None: no release calendar is loaded yet."""
