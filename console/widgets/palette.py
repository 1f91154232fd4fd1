"""How tones look: the terminal's own sixteen colours and attributes; every theme and monochrome keep them apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.lines import Line, Tone, width

LOOKS = {
    Tone.PLAIN: Style(),
    Tone.TITLE: Style.parse("bold"),
    Tone.LABEL: Style.parse("cyan"),
    Tone.NOTE: Style.parse("bright_black"),
    Tone.GOOD: Style.parse("green"),
    Tone.CAUTION: Style.parse("bold yellow"),
    Tone.BAD: Style.parse("bold red"),
    Tone.FADED: Style.parse("dim strike"),
    Tone.GAIN: Style.parse("green"),
    Tone.LOSS: Style.parse("magenta"),
    Tone.TREND: Style.parse("cyan"),
    Tone.KEY: Style.parse("bold cyan"),
    Tone.KILL: Style.parse("bold reverse"),
    Tone.CURSOR: Style.parse("reverse"),
    Tone.MATCH: Style.parse("bold underline"),
}


def strip(of: Line, start: int, end: int, ground: Style) -> Strip:
    """The cells of a line from `start` to `end` as the terminal gets them, on the colours of `ground`."""
    segments: list[Segment] = []
    at = first = 0
    for span in of:
        if at >= end:
            break
        cells = width((span,))
        if at + cells <= start:
            first = at + cells
        elif cells:
            segments.append(Segment(span.text, _look(ground, span.tone)))
        at += cells
    return Strip(segments, at - first).adjust_cell_length(end - first, ground).crop(start - first, end - first)


@lru_cache(maxsize=256)
def _look(ground: Style, tone: Tone) -> Style:
    return ground + LOOKS[tone]


def changed(old: Sequence[Line], new: Sequence[Line], cells: int, gap: int = 8) -> list[tuple[int, int, int]]:
    """Where two pictures differ: (row, first cell, cells), near changes of one row taken together."""
    found: list[tuple[int, int, int]] = []
    for row in range(max(len(old), len(new))):
        before = old[row] if row < len(old) else ()
        after = new[row] if row < len(new) else ()
        if before != after:
            same = _same(before, after)
            at = width(before[:same])
            runs = _runs(_cells(before[same:], cells - at), _cells(after[same:], cells - at), gap)
            found += [(row, at + start, length) for start, length in runs]
    return found


def _same(one: Line, other: Line) -> int:
    """How many spans both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (before, after) in pairs if before != after), min(len(one), len(other)))


def _cells(of: Line, cells: int) -> list[tuple[str, str]]:
    """One entry a cell: its character and tone; the second cell of a wide character is empty, marks join their base."""
    made: list[tuple[str, str]] = []
    for span in of:
        if span.text.isascii():
            made += [(character, span.tone) for character in span.text]
            continue
        for character in span.text:
            taken = cell_len(character)
            if taken == 0 and made:
                made[-1] = (made[-1][0] + character, made[-1][1])
                continue
            made.append((character, span.tone))
            made += [("", span.tone)] * (taken - 1)
    return (made + [(" ", Tone.PLAIN)] * (cells - len(made)))[:cells]


def _runs(before: list[tuple[str, str]], after: list[tuple[str, str]], gap: int) -> list[tuple[int, int]]:
    """Start and length of what differs; a wide character is never parted."""
    runs: list[tuple[int, int]] = []
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        if one == other:
            continue
        start = index - 1 if index and after[index][0] == "" else index
        end = index + 2 if after[index + 1 : index + 2] and after[index + 1][0] == "" else index + 1
        if runs and start - sum(runs[-1]) <= gap:
            start = runs.pop()[0]
        runs.append((start, end - start))
    return runs
