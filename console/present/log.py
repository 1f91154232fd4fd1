"""One line of a journal in one row, and as a page of formatted JSON."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from console.lines import Line, Span, Tone, line, pad
from console.present.ages import clock_millis
from state.text import visible

NAMES = ("event", "act", "engine_status")
"""Fields that name what a line is, in the order they are looked for."""
TONES = {
    "error": Tone.BAD, "critical": Tone.BAD, "warning": Tone.CAUTION, "degraded": Tone.CAUTION,
    "engaged": Tone.BAD, "again": Tone.BAD, "rejected": Tone.BAD, "unresolved": Tone.BAD, "refused": Tone.CAUTION,
}  # fmt: skip
QUIET = frozenset({"at", "severity", "pid", "boot_id", "seq", "host"})
LONGEST = 2_000


@lru_cache(maxsize=2048)
def log_line(raw: bytes) -> Line:
    """`HH:MM:SS.mmm  NAME  key value …`; what is no JSON object is shown as it is, made visible."""
    found = _object(raw)
    if found is None:
        return line(Span("             ? ", Tone.CAUTION), visible(raw, LONGEST))
    name = next((str(found[field]) for field in NAMES if field in found), "")
    tone = TONES.get(str(found.get("severity", "")), TONES.get(name, Tone.PLAIN))
    spans = [Span(f" {_time(found.get('at'))} ", Tone.NOTE), Span(f" {pad(visible(name, 40), 24)} ", tone)]
    message = found.get("message")
    if isinstance(message, str):
        spans.append(Span(f" {visible(message, LONGEST)}"))
    for key, value in found.items():
        if key in QUIET or key == "message" or (key in NAMES and str(value) == name) or value in ("", None, {}, []):
            continue
        spans += [Span(f"  {visible(key, 40)} ", Tone.NOTE), Span(_short(value))]
    return tuple(spans)


def log_page(raw: bytes) -> list[Line]:
    """The line as indented JSON; as it is when it is none."""
    found = _object(raw)
    if found is None:
        return [line(Span(" this line is not a JSON object", Tone.CAUTION)), (), line(" ", visible(raw, None))]
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    return [line(" ", visible(row, None)) for row in text.split("\n")]


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _time(value: object) -> str:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return pad(visible(str(value or "?"), 40), 12)
    return clock_millis(at) if at.tzinfo else f"{at:%H:%M:%S}    "


def _short(value: object) -> str:
    if isinstance(value, str):
        return visible(value, 300)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict | list):
        return visible(orjson.dumps(value), 300)
    return str(value).lower() if isinstance(value, bool) else str(value)
