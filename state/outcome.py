"""What came of reading a document. Standard library only: who draws outcomes needs no models."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """One word for each way a document can be."""

    OK = "ok"
    STALE = "stale"
    MISSING = "missing"
    EMPTY = "empty"
    CORRUPT = "corrupt"
    FUTURE = "future"
    ROLLED_BACK = "rolled_back"
