"""Text as the console draws it: spans of plain text with a tone. Never markup, never an escape sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Tone(StrEnum):
    """What a piece of text means; a palette gives it a look. No meaning rests on colour alone."""

    PLAIN = "plain"
    TITLE = "title"
    LABEL = "label"
    NOTE = "note"
    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    FADED = "faded"
    """Past its age: dimmed and struck."""
    GAIN = "gain"
    LOSS = "loss"
    TREND = "trend"
    KEY = "key"
    KILL = "kill"
    CURSOR = "cursor"
    MATCH = "match"


class Span(NamedTuple):
    """A run of text in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]
BLANK: Line = ()


def line(*parts: Span | str) -> Line:
    """A line of spans; a bare string is plain text."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def width(of: Line) -> int:
    """Terminal cells that a line takes."""
    cells = 0
    for value, _ in of:
        cells += len(value) if value.isascii() else cell_len(value)
    return cells


def text(of: Line) -> str:
    """The bare text of a line."""
    return "".join(span.text for span in of)


def clip(value: str, cells: int, mark: str = "…") -> str:
    """`value` in at most `cells` cells, with `mark` where something was cut off."""
    if cell_len(value) <= cells:
        return value
    return set_cell_size(value, max(0, cells - len(mark))) + mark if cells >= len(mark) else ""


def middle(value: str, cells: int, mark: str = "…") -> str:
    """`value` in at most `cells` cells, cut in its middle: a ticker is told apart by both of its ends."""
    if cell_len(value) <= cells or cells < len(mark) + 4 or not value.isascii():
        return clip(value, cells, mark)
    head = (cells - len(mark)) // 2
    return value[:head] + mark + value[len(value) - (cells - len(mark) - head) :]


def pad(value: str, cells: int, *, right: bool = False, mark: str = "…") -> str:
    """`value` in exactly `cells` cells, flush left, or flush right."""
    clipped = clip(value, cells, mark)
    blank = " " * (cells - cell_len(clipped))
    return blank + clipped if right else clipped + blank


def fit(of: Line, cells: int, mark: str = "…") -> Line:
    """The line cut to `cells` cells; the cut is marked."""
    if width(of) <= cells:
        return of
    room, kept = cells, []
    for span in of:
        took = cell_len(span.text)
        if took >= room:
            kept.append(Span(clip(span.text + " " * (room + 1 - took), room, mark), span.tone))
            break
        kept.append(span)
        room -= took
    return tuple(kept)


def spread(left: Line, right: Line, cells: int, mark: str = "…") -> Line:
    """`left` flush left and `right` flush right in exactly `cells` cells; the left side gives way."""
    rest = cells - width(right)
    if rest <= 1:
        return fit(left, cells, mark)
    left = fit(left, rest - 1, mark)
    return (*left, Span(" " * (rest - width(left))), *right)


def retone(of: Line, tone: Tone) -> Line:
    """The same text, all in one tone."""
    return tuple(Span(span.text, tone) for span in of)


def wrap(value: str, cells: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """`value` broken at spaces into lines of at most `cells` cells."""
    rows: list[str] = [""]
    for word in value.split():
        if not rows[-1]:
            rows[-1] = clip(word, cells)
        elif cell_len(rows[-1]) + 1 + cell_len(word) <= cells:
            rows[-1] += f" {word}"
        else:
            rows.append(clip(word, cells))
    return [line(Span(row, tone)) for row in rows]


def fold(of: Line, cells: int, indent: int) -> list[Line]:
    """The whole line in rows of at most `cells` cells; rows after the first begin with `indent` blanks."""
    left = [(character, span.tone) for span in of for character in span.text]
    rows: list[Line] = []
    while left or not rows:
        blanks = min(indent, cells // 2) if rows else 0
        taken = _row_end(left, cells - blanks)
        grouped = groupby(left[:taken], key=lambda each: each[1])
        spans = (Span("".join(character for character, _ in run), tone) for tone, run in grouped)
        rows.append((Span(" " * blanks), *spans) if blanks else tuple(spans))
        left = left[taken:]
    return rows


def _row_end(characters: Sequence[tuple[str, Tone]], cells: int) -> int:
    """How many characters the next row takes: as many as fit, back to a blank in its second half when there is one."""
    used = 0
    for index, (character, _) in enumerate(characters):
        used += cell_len(character)
        if used > cells:
            blank = next((at for at in range(index - 1, index // 2, -1) if characters[at][0] == " "), None)
            return max(1, index if blank is None else blank + 1)
    return len(characters)


def plain(lines: Iterable[Line]) -> str:
    """Lines as text, for dumps and tests."""
    return "\n".join(text(each).rstrip() for each in lines)


@lru_cache(maxsize=2_048)  # most rows are drawn again as they were
def table_row(cells: tuple[Span, ...], widths: tuple[int, ...], flush_right: tuple[bool, ...], mark: str = "…") -> Line:
    """Cells side by side, two blanks between, each cut or filled to its width."""
    row: list[Span] = []
    for cell, room, right in zip(cells, widths, flush_right, strict=True):
        row.append(Span(pad(cell.text, room, right=right, mark=mark), cell.tone))
        row.append(Span("  "))
    return tuple(row[:-1])
