"""The top line: may it trade, is it alive, how old is what I see, and is it killed. Fixed fields at fixed places."""

from __future__ import annotations

from rich.cells import cell_len

from console.lines import Line, Span, Tone, clip, fit, line, pad, spread
from console.present.ages import age, clock_time
from console.present.glyphs import Glyphs
from console.present.rungs import left_to_cancel, said_since
from console.snapshot import EngineState, Snapshot, Trading

WIDE = 100
TINY = 60


def top_line(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """One line that answers in one second; reversed from edge to edge while killed."""
    if snapshot.kill.engaged:
        return _killed(snapshot, width, glyphs)
    if width < TINY:
        left = line(" ", _verdict(snapshot, glyphs, 12, why=False))
        return spread(left, _engine(snapshot, glyphs, short=True), width, glyphs.cut)
    wide = width >= WIDE
    source = source_of(snapshot, "SOURCE UNKNOWN" if wide else "SOURCE ?")
    name = f" {snapshot.droplet} {glyphs.dot} {source}" if wide else f" {source}"
    gap = "  " if wide else " "
    fields = line(
        Span(pad(name, 23 if wide else 10, mark=glyphs.cut), Tone.TITLE),
        gap,
        _verdict(snapshot, glyphs, max(13, min(width - 92, 70)) if wide else 15, why=wide),
        gap,
        *_engine(snapshot, glyphs, short=not wide),
        gap,
        *_permit(snapshot, glyphs, meter=wide),
        gap,
        Span(f"kill {glyphs.down} off" if wide else "kill off", Tone.LABEL),
    )
    return spread(fields, _clock(snapshot), width, glyphs.cut)


def unread_line(width: int, glyphs: Glyphs) -> Line:
    """Before the first snapshot: nothing is known, and that is neither well nor killed."""
    return fit(
        line(Span(f" {glyphs.missing} READING", Tone.CAUTION), Span("  nothing is known yet", Tone.NOTE)),
        width,
        glyphs.cut,
    )


def source_of(snapshot: Snapshot, unknown: str) -> str:
    """Where prices and orders come from; with a question mark what was last known of it."""
    if snapshot.source is not None:
        return snapshot.source.upper()
    last = (shown.value.source for shown in (snapshot.heartbeat, snapshot.exchange, snapshot.positions) if shown.value)
    return next((f"{source.upper()}?" for source in last if source is not None), unknown)


def _clock(snapshot: Snapshot) -> Line:
    return line(Span(f"{clock_time(snapshot.at)} ET ", Tone.TITLE))


def _verdict(snapshot: Snapshot, glyphs: Glyphs, cells: int, *, why: bool) -> Span:
    verdict = snapshot.verdict
    word, tone = {
        Trading.MAY: (f"{glyphs.good} MAY TRADE", Tone.GOOD),
        Trading.REDUCE: (f"{glyphs.stale} REDUCE ONLY", Tone.CAUTION),
    }.get(verdict.trading, (f"{glyphs.frozen} NO TRADE", Tone.CAUTION))
    reason = f": {verdict.reason}" if why and verdict.reason else ""
    return Span(pad(f"{word}{reason}", cells, mark=glyphs.cut), tone)


def _engine(snapshot: Snapshot, glyphs: Glyphs, *, short: bool) -> Line:
    state = snapshot.engine
    symbol, tone = {
        EngineState.OK: (glyphs.good, Tone.GOOD),
        EngineState.DEGRADED: (glyphs.stale, Tone.CAUTION),
        EngineState.STALE: (glyphs.stale, Tone.CAUTION),
        EngineState.DOWN: (glyphs.down, Tone.BAD),
    }[state]
    word = "ok" if state is EngineState.OK else str(state).upper()
    if snapshot.late:
        symbol, tone, word = glyphs.stale, Tone.CAUTION, "LATE"
    aged = state in (EngineState.OK, EngineState.STALE) or (state is EngineState.DEGRADED and not short)
    old = age(snapshot.heartbeat.age_s) if aged and snapshot.heartbeat.value is not None else ""
    told = pad(f"{symbol} {word} {old}".rstrip(), 11 if short else 14, mark=glyphs.cut)
    return line(Span("engine ", Tone.LABEL), Span(told, tone))


def _permit(snapshot: Snapshot, glyphs: Glyphs, *, meter: bool) -> Line:
    leave = snapshot.leave
    cells = 9 if meter else 5
    if not leave.valid or leave.age_s is None or not leave.life_s:
        none = f"{glyphs.down} none" if meter else "none"
        return line(Span("permit ", Tone.LABEL), Span(pad(none, cells, mark=glyphs.cut), Tone.CAUTION))
    bar = f"{glyphs.meter(1 - leave.age_s / leave.life_s)} " if meter else ""
    return line(Span("permit ", Tone.LABEL), Span(pad(f"{bar}{age(leave.age_s)}", cells, mark=glyphs.cut), Tone.GOOD))


def _killed(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    kill = snapshot.kill
    killing = snapshot.verdict.trading is Trading.KILLING
    word = f" {glyphs.killed} {'KILLING' if killing else 'KILLED'}  {left_to_cancel(kill)}"
    if width < TINY:
        return line(Span(pad(word, width, mark=glyphs.cut), Tone.KILL))
    clock = f"{clock_time(snapshot.at)} ET "
    alive = "" if snapshot.engine is EngineState.OK else f"engine {str(snapshot.engine).upper()}"
    source = source_of(snapshot, "SOURCE ?")
    gap = "     " if width >= WIDE else "  "
    by = f"{gap}by {kill.by}" if kill.by else gap
    why = f': "{kill.why}"' if kill.why else ""
    said = f"{word}{by}{said_since(kill)}{why}"
    where = f"{snapshot.droplet} {glyphs.dot} {source}"
    rights = (gap[:3].join(part for part in (alive, each, clock) if part) for each in (where, source))
    right = next(rights)
    if cell_len(said) + 3 + cell_len(right) > width:
        right = next(rights)
    room = width - cell_len(right)
    return line(Span(pad(clip(said, room - 2, glyphs.cut), room) + right, Tone.KILL))
