"""Models of the files, one module a subject. Files hold UTC; money is decimal strings; unknown is null, never 0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from state.clock import stamp

Instant = Annotated[
    AwareDatetime,
    PlainSerializer(stamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Source = Literal["live", "demo", "simulated", "replay"]
Side = Literal["YES", "NO"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Model(BaseModel):
    """A part of a file. Unknown keys are ignored, so that an older reader survives a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class DocumentModel(Model):
    """A whole document. The envelope is stamped by the writer; a value not yet written has none (seq 0)."""

    schema_version: int = 1
    boot_id: str = ""
    seq: int = 0
    """CLOCK_BOOTTIME at writing, nanoseconds: grows over restarts with nothing remembered."""
    written_at: Instant = EPOCH


class JournalLine(Model):
    """A whole line of a journal."""

    at: Instant
    """System time of the event."""
