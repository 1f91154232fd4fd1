"""The top line: may it trade, is it alive, how old is what I see, and is it killed. Fixed fields at fixed places."""

from __future__ import annotations

from console.lines import Line, Span, Tone, clip, line, pad, spread
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
        return spread(
            line(" ", _verdict(snapshot, glyphs, 24)), _engine(snapshot, glyphs, short=True), width, glyphs.cut
        )
    wide = width >= WIDE
    name = f"{snapshot.droplet} {glyphs.dot} " if wide else ""
    source = (snapshot.source or "source unknown").upper()
    brand = Span(
        pad(f" {'flightdeck   ' if wide else ''}{name}{source}", 37 if wide else 12, mark=glyphs.cut), Tone.TITLE
    )
    verdict = _verdict(snapshot, glyphs, 22 if wide else 17)
    fields = [
        *_engine(snapshot, glyphs, short=not wide),
        Span("   " if wide else " "),
        *_permit(snapshot, glyphs, meter=wide),
    ]
    kill = Span(f"   kill {glyphs.down} off" if wide else f" kill {glyphs.down} off", Tone.LABEL)
    return spread(
        line(brand, "  " if wide else " ", verdict, "  " if wide else " ", *fields, kill), _clock(snapshot), width
    )


def _clock(snapshot: Snapshot) -> Line:
    return line(Span(f"{clock_time(snapshot.at)} ET ", Tone.TITLE))


def _verdict(snapshot: Snapshot, glyphs: Glyphs, cells: int) -> Span:
    verdict = snapshot.verdict
    if verdict.trading is Trading.MAY:
        return Span(pad(f"{glyphs.good} MAY TRADE", cells), Tone.GOOD)
    if verdict.trading is Trading.REDUCE:
        return Span(pad(f"{glyphs.stale} REDUCE ONLY", cells), Tone.CAUTION)
    return Span(pad(f"{glyphs.frozen} NO TRADE", cells), Tone.CAUTION)


def _engine(snapshot: Snapshot, glyphs: Glyphs, *, short: bool) -> Line:
    state = snapshot.engine
    symbol, tone = {
        EngineState.OK: (glyphs.good, Tone.GOOD),
        EngineState.DEGRADED: (glyphs.stale, Tone.CAUTION),
        EngineState.STALE: (glyphs.stale, Tone.CAUTION),
        EngineState.DOWN: (glyphs.down, Tone.BAD),
    }[state]
    word = "ok" if state is EngineState.OK else str(state).upper()
    old = age(snapshot.heartbeat.age_s) if state is not EngineState.DOWN else ""
    return line(Span("engine ", Tone.LABEL), Span(pad(f"{symbol} {word} {old}".rstrip(), 9 if short else 15), tone))


def _permit(snapshot: Snapshot, glyphs: Glyphs, *, meter: bool) -> Line:
    leave = snapshot.leave
    if not leave.valid or leave.age_s is None or not leave.life_s:
        return line(Span("permit ", Tone.LABEL), Span(pad(f"{glyphs.down} none", 10 if meter else 6), Tone.CAUTION))
    bar = f"{glyphs.meter(1 - leave.age_s / leave.life_s)} " if meter else f"{glyphs.good} "
    return line(Span("permit ", Tone.LABEL), Span(pad(f"{bar}{age(leave.age_s)}", 10 if meter else 6), Tone.GOOD))


def _killed(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    kill = snapshot.kill
    killing = snapshot.verdict.trading is Trading.KILLING
    word = f" {glyphs.killed} {'KILLING' if killing else 'KILLED'}  {left_to_cancel(kill)}"
    if width < TINY:
        return line(Span(pad(word, width, mark=glyphs.cut), Tone.KILL))
    clock = f"{clock_time(snapshot.at)} ET "
    by = f"     by {kill.by}" if kill.by else "     "
    why = f': "{kill.why}"' if kill.why else ""
    room = width - len(clock) - 2
    said = clip(f"{word}{by}{said_since(kill)}{why}", room, glyphs.cut)
    return line(Span(pad(said, room + 2) + clock, Tone.KILL))
