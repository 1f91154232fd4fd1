"""What all panels share: a title line with the age of its evidence, and the name of what is wrong with its file."""

from __future__ import annotations

import re
from typing import Any

from console.lines import Line, Span, Tone, line, spread, wrap
from console.present.ages import age
from console.present.glyphs import Glyphs
from console.snapshot import Shown
from state.outcome import Outcome

WORDS = {
    Outcome.OK: "OK",
    Outcome.STALE: "STALE",
    Outcome.MISSING: "MISSING",
    Outcome.EMPTY: "EMPTY",
    Outcome.CORRUPT: "CORRUPT",
    Outcome.FUTURE: "FROM THE FUTURE",
    Outcome.ROLLED_BACK: "ROLLED BACK",
}


def mark(outcome: Outcome, glyphs: Glyphs) -> Span:
    """Symbol and word of an outcome."""
    symbol = {Outcome.OK: glyphs.good, Outcome.STALE: glyphs.stale, Outcome.MISSING: glyphs.missing}.get(
        outcome, glyphs.bad
    )
    tone = {Outcome.OK: Tone.GOOD, Outcome.STALE: Tone.CAUTION, Outcome.MISSING: Tone.CAUTION}.get(outcome, Tone.BAD)
    return Span(f"{symbol} {WORDS[outcome]}", tone)


def title(name: str, *middle: Span | str, shown: Shown[Any] | None, width: int, glyphs: Glyphs) -> Line:
    """` NAME  middle …            as of 4s`; in place of the age the outcome, where the file is not well."""
    left = line(Span(f" {name}", Tone.TITLE), *middle)
    if shown is None:
        return spread(left, (), width, glyphs.cut)
    if shown.good:
        right = line(Span(f"as of {age(shown.age_s)} ", Tone.NOTE))
    else:
        told = f" {age(shown.age_s)}" if shown.age_s is not None else ""
        wrong = mark(shown.outcome, glyphs)
        right = line(Span(f"{wrong.text}{told} ", wrong.tone))
    return spread(left, right, width, glyphs.cut)


def trouble(shown: Shown[Any], width: int, glyphs: Glyphs) -> list[Line]:
    """What is wrong with the file, who writes it and what is done about it; nothing while it is well."""
    path, writer = shown.entry.path, shown.entry.writer
    kept = "; below: the last good one" if shown.value is not None else ""
    match shown.outcome:
        case Outcome.OK:
            return []
        case Outcome.STALE:
            fresh = f" within {shown.entry.stale_after:g} s" if shown.entry.stale_after else ""
            why = f"{writer} is silent: it should write {path}{fresh}"
        case Outcome.MISSING:
            why = f"waiting for {path} from {writer} (started by: flightdeck up){kept}"
        case _:
            why = f"{path}: {shown.reason}; {writer} will mend it{kept}"
    return few(why, 3, width, mark(shown.outcome, glyphs).tone, glyphs)


def few(said: str, most: int, width: int, tone: Tone, glyphs: Glyphs) -> list[Line]:
    """A sentence in at most so many rows; what does not fit is marked as cut."""
    rows = wrap(said, width - 5, tone)
    cut = [(*rows[most - 1], Span(glyphs.cut, tone))] if len(rows) > most else rows[most - 1 : most]
    return [(Span("   "), *row) for row in (*rows[: most - 1], *cut)]


def faded(rows: list[Line], shown: Shown[Any]) -> list[Line]:
    """Rows as they are while the file is good; dimmed and struck when it is not."""
    if shown.good:
        return rows
    return [struck(row) for row in rows]


def struck(row: Line) -> Line:
    """A line in the tone of the past; blanks stay bare."""
    parts = (part for span in row for part in re.split(r"( {2,})", span.text) if part)
    return tuple(Span(part, Tone.PLAIN if part.isspace() else Tone.FADED) for part in parts)
