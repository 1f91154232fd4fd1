"""Numbers that commands take on their command line, within bounds: what argparse's `float` and `int` let through."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

LONGEST_S = 1e8
"""About three years: beyond it the kernel's time-outs overflow."""
HIGHEST_PORT = 65_535


def seconds(text: str) -> float:
    """A span of 0 seconds or more."""
    value = _number(text)
    if not 0 <= value <= LONGEST_S:
        raise ArgumentTypeError(f"{text!r}: expected seconds, 0 or more")
    return value


def speed(text: str) -> float:
    """Market seconds in a second: above 0, at most 100,000."""
    value = _number(text)
    if not 0 < value <= 100_000:
        raise ArgumentTypeError(f"{text!r}: expected a number above 0, at most 100000")
    return value


def port(text: str) -> int:
    """A TCP port, or 0 for any that is free."""
    return _whole(text, HIGHEST_PORT, "expected a port, 0 to 65535")


def count(text: str) -> int:
    """How many: 0 or more."""
    return _whole(text, None, "expected a whole number, 0 or more")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # within no bounds


def _whole(text: str, highest: int | None, expected: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if value < 0 or (highest is not None and value > highest):
        raise ArgumentTypeError(f"{text!r}: {expected}")
    return value
