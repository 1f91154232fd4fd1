"""What the bytes of a document are worth: pure, from bytes and now to a named outcome."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from state.clock import NANOS, Clock
from state.home import Document
from state.models import DocumentModel
from state.outcome import Outcome
from state.text import visible

M = TypeVar("M", bound=DocumentModel)

MAX_BYTES = 8 * 1024 * 1024
WALL_TOLERANCE = timedelta(seconds=5)
"""The wall may be set back by so much without every document becoming one from the future."""


class Reading(NamedTuple, Generic[M]):
    """One look at a document. `value` is there for OK and STALE only; `reason` is "" for OK and names the rest."""

    outcome: Outcome
    value: M | None = None
    reason: str = ""
    size: int | None = None
    """Bytes; None when there was no file to measure."""
    age_s: float | None = None
    """Seconds since it was written; None when that cannot be told."""

    @property
    def good(self) -> bool:
        """Whether the value may be acted on."""
        return self.outcome is Outcome.OK


def judge(raw: bytes, entry: Document, model: type[M], clock: Clock, *, seen: int = 0) -> Reading[M]:
    """Judge the bytes of `entry`. `seen` is the highest sequence of this boot that was read before (0: none)."""
    size = len(raw)
    if not raw or raw.isspace():
        return Reading(Outcome.EMPTY, reason=f"empty ({size} bytes)", size=size)
    if size > MAX_BYTES:
        return too_large(size)
    try:
        value = model.__pydantic_validator__.validate_json(raw)
    except ValidationError as error:
        return Reading(Outcome.CORRUPT, reason=f"{_complaint(error, raw)} ({size} bytes)", size=size)
    if value.seq <= 0 or not value.boot_id:
        return Reading(Outcome.CORRUPT, reason=f"no envelope: seq or boot_id is missing ({size} bytes)", size=size)
    version, supported = value.schema_version, _schema_version(model)
    if not 1 <= version <= supported:
        reason = f"schema_version {version}, this build reads {supported} ({size} bytes)"
        return Reading(Outcome.CORRUPT, reason=reason, size=size)
    return _judge_time(value, size, entry, clock, seen)


def too_large(size: int) -> Reading[M]:
    """The outcome for a file that nobody should even load."""
    reason = f"{size:,} bytes, more than the {MAX_BYTES:,} a document may have"
    return Reading(Outcome.CORRUPT, reason=reason, size=size)


def freshness(age_s: float, same_boot: bool, entry: Document) -> tuple[Outcome, str]:
    """OK, or STALE with its reason. What this boot did not write has no living writer."""
    if entry.stale_after is None:
        return Outcome.OK, ""
    if not same_boot:
        return Outcome.STALE, "written before this boot"
    if age_s > entry.stale_after:
        return Outcome.STALE, f"{age_s:.1f} s old, stale after {entry.stale_after:g} s"
    return Outcome.OK, ""


def _judge_time(value: M, size: int, entry: Document, clock: Clock, seen: int) -> Reading[M]:
    now, written_at, seq = clock.now(), value.written_at, value.seq
    same_boot = value.boot_id == clock.boot_id()
    # by CLOCK_BOOTTIME in the same boot, else by the wall; negative: from the future
    age_s = (clock.boottime_ns() - seq) / NANOS if same_boot else (now - written_at).total_seconds()
    if written_at > now and (ahead := written_at - now) > WALL_TOLERANCE:
        reason = f"from the future: written_at is {ahead.total_seconds():.0f} s ahead ({size} bytes)"
        return Reading(Outcome.FUTURE, reason=reason, size=size)
    if age_s < 0:
        if same_boot:
            reason = f"from the future: seq is {-age_s:.1f} s ahead ({size} bytes)"
            return Reading(Outcome.FUTURE, reason=reason, size=size)
        age_s = 0.0  # the wall was set back a little
    if seen and (not same_boot or seq < seen):
        was = f"seq {seq}" if same_boot else "of an earlier boot"
        reason = f"rolled back: {was}, after seq {seen} had been read ({size} bytes)"
        return Reading(Outcome.ROLLED_BACK, reason=reason, size=size, age_s=age_s)
    outcome, reason = freshness(age_s, same_boot, entry)
    return Reading(outcome, value, reason, size, age_s)


@cache
def _schema_version(model: type[DocumentModel]) -> int:
    """The newest schema of a document that this build reads."""
    version: int = model.model_fields["schema_version"].default
    return version


def _complaint(error: ValidationError, raw: bytes) -> str:
    """One line that names what is wrong, without quoting more of the file than a name."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        torn = not raw.rstrip().endswith(b"}")
        return visible(f"{'torn or ' if torn else ''}not JSON: {first['ctx']['error']}", 200)
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    return visible(f"not what {error.title} should be: {where}: {first['msg']}", 200)
