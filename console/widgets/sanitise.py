"""The last line of defence: no control character of whatever origin leaves for the terminal inside text."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from state.text import visible

NEAREST = str.maketrans("≥≤±→·", "><~>.")
"""One cell for one cell; a threshold must not read as unknown."""


class VisibleFilter(LineFilter):
    """Replaces what could steer a terminal or hide, cell for cell; with `ascii_only` all that is not ASCII."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [self._clean(segment) for segment in segments]

    def _clean(self, segment: Segment) -> Segment:
        text, style, control = segment
        if text.isascii() and text.isprintable():
            return (
                segment
                if style is None or not (style.link or style.meta)
                else Segment(text, style.clear_meta_and_links())
            )
        cleaned = visible(text, None)
        if cleaned != text:
            cleaned = "".join(c if visible(c, None) == c else "?" for c in text)
        if self._ascii_only:
            cleaned = "".join(c if c.isascii() else "?" for c in cleaned.translate(NEAREST))
        return Segment(cleaned, style, control)
