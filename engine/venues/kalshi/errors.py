"""What can go wrong between us and an exchange, by what the caller may conclude from it.

NotSent          nothing was done; it may be tried again
Rejected         the exchange answered and refused; nothing was done
Ambiguous        it may or may not have been done; ask before doing anything else
Unavailable      a question that got no answer; nothing is known, and unknown is never zero
MalformedAnswer  an answer that does not say what its endpoint must say
"""

from __future__ import annotations

from typing import Any

import orjson

_LONGEST_TEXT = 500


class VenueError(Exception):
    """Anything that went wrong at or on the way to a venue."""


class Misconfigured(VenueError):
    """The settings do not lead to a venue: nothing was asked of anybody."""


class CredentialsError(Misconfigured):
    """The key cannot be used; the message says which file, why, and what to do."""


class UnknownHost(Misconfigured):
    """An address that is neither a production, a demo nor a loopback one; its data would have no source."""


class Denied(VenueError):
    """Raised by a last look: this order may not leave."""


class NotSent(VenueError):
    """The request did not reach the exchange as a whole; nothing can have come of it."""


class Ambiguous(VenueError):
    """The request may have been carried out: a time-out, a dead socket or a 5xx after it left."""


class Unavailable(VenueError):
    """A question stayed unanswered after its retries."""


class MalformedAnswer(VenueError):
    """An answer without a field that it must have, or with one that cannot be read."""


class ExchangeError(VenueError):
    """The exchange's own words: HTTP status, code, message, details (each empty when it said none)."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        self.status, self.code, self.message, self.details = status, code, message, details
        said = " · ".join(part for part in (code, message, details) if part)
        super().__init__(f"HTTP {status}: {said or 'no explanation'}")


class Rejected(ExchangeError):
    """Refused: a 4xx. What was asked for was not done."""


class RateLimited(Rejected):
    """Refused with 429, before anything was looked at."""


def parse_error(body: bytes) -> tuple[str, str, str]:
    """(code, message, details) of any of the exchange's four error bodies; of anything else its text as the message.

    Shapes: {"error": {"code", "message", "details"?}}, {"code", "message", "details"}, {"msg"}, {"error": "text"}.
    """
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", body.decode("utf-8", "replace")[:_LONGEST_TEXT], ""
    if isinstance(parsed, dict):
        inner = parsed.get("error", parsed)
        if isinstance(inner, str):
            return "", inner[:_LONGEST_TEXT], ""
        if isinstance(inner, dict):
            message = inner.get("message", inner.get("msg"))
            return _text(inner.get("code")), _text(message), _text(inner.get("details"))
    return "", body.decode("utf-8", "replace")[:_LONGEST_TEXT], ""


def rejection(status: int, body: bytes) -> Rejected:
    """The exception for a 4xx answer."""
    kind = RateLimited if status == 429 else Rejected
    return kind(status, *parse_error(body))


def _text(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST_TEXT]
