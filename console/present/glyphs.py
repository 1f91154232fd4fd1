"""The symbols of the console, and their ASCII forms: a symbol always stands beside a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.lines import Span, Tone


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of symbols."""

    good: str = "●"
    stale: str = "◐"
    down: str = "○"
    bad: str = "✖"
    missing: str = "?"
    frozen: str = "▮▮"
    killed: str = "■"
    full: str = "▮"
    void: str = "▯"
    dot: str = "·"
    dash: str = "–"
    cut: str = "…"
    here: str = "▸"
    arrow: str = "→"
    rule: str = "─"
    bar: str = "┃"
    steps: str = "▁▂▃▄▅▆▇█"

    def spark(self, values: Sequence[float | None], cells: int) -> Span:
        """The newest `cells` values as bars between their least and greatest; a gap where there is none."""
        shown = list(values[-cells:])
        known = [value for value in shown if value is not None]
        if not known:
            return Span(self.dot * min(cells, 1), Tone.NOTE)
        low, high = min(known), max(known)
        scale = (len(self.steps) - 1) / (high - low) if high > low else 0.0
        bars = (" " if value is None else self.steps[round((value - low) * scale)] for value in shown)
        return Span("".join(bars), Tone.TREND)

    def meter(self, share: float, cells: int = 4) -> str:
        """A bar of `cells` that is full at share 1."""
        filled = max(0, min(cells, round(share * cells)))
        return self.full * filled + self.void * (cells - filled)


UNICODE = Glyphs()
ASCII = Glyphs(
    good="[ok]",
    stale="[~~]",
    down="[--]",
    bad="[xx]",
    missing="[??]",
    frozen="[||]",
    killed="[##]",
    full="#",
    void=".",
    dot="-",
    dash="-",
    cut="~",
    here=">",
    arrow="->",
    rule="-",
    bar="|",
    steps="_.-=+*%#",
)
