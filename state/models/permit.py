"""Leave to send orders: a person's start, and the supervisor's short-lived permit. Written by `state.kill`."""

from __future__ import annotations

from state.models import DocumentModel, Source


class Armed(DocumentModel):
    """`state/armed.json`: who started trading, and what that start is bound to."""

    arming_id: str = ""
    by: str = ""
    supervisor: str = ""
    """start_id of the supervisor that was armed; another one drops it."""
    build: str = ""
    config_hash: str = ""


class Permit(DocumentModel):
    """`state/permit.json`: sealed, and good for `life_s` of CLOCK_BOOTTIME from `seq`."""

    life_s: float = 0.0
    mode: Source | None = None
    arming_id: str = ""
    supervisor: str = ""
    build: str = ""
    config_hash: str = ""
    sha256: str = ""
    """Seal over all other fields."""
