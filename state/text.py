"""Text from outside, made visible: nothing in it can steer a terminal or hide. Standard library only.

C0 and DEL become their pictures (U+2400 …); C1, bidirectional and zero-width controls, line separators, surrogates
and unassigned code points become <U+XXXX>; runs of combining marks are cut short.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category

LIMIT = 4096
MARKS_IN_A_ROW = 3
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Hangul fillers: letters by category, nothing on screen."""
_NO_BASE = "\u25cc"


def visible(text: str | bytes, limit: int | None = LIMIT) -> str:
    """`text` with every control character shown, at most `limit` characters (None: all), cut with an ellipsis."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="backslashreplace")
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    if text.isascii() and text.isprintable():
        return text
    shown = _show(text)
    if limit is not None and len(shown) > limit:
        shown = shown[: max(limit - 1, 0)] + "…"
    return shown


def _show(text: str) -> str:
    parts: list[str] = []
    marks = 0
    for character in text:
        picture, is_mark = _picture(character)
        if not is_mark:
            marks = 0
            parts.append(picture)
            continue
        marks += 1
        if marks == 1 and not parts:
            parts.append(_NO_BASE)  # else it would sit on whatever is drawn before it
        if marks <= MARKS_IN_A_ROW:
            parts.append(picture)
    return "".join(parts)


@lru_cache(maxsize=4096)
def _picture(character: str) -> tuple[str, bool]:
    """What to show for one character, and whether it is a combining mark."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code), False
    if code == 0x7F:
        return "\u2421", False
    kind = category(character)
    if kind[0] == "M":
        return character, True
    if kind == "Zs":
        return " ", False
    if character in _BLANK_LETTERS or not character.isprintable():
        return f"<U+{code:04X}>", False
    return character, False
