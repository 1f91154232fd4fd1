"""The ladder of a kill: which rungs were reached, when, and what is still missing. Only from files."""

from __future__ import annotations

from datetime import datetime

from console.lines import Line, Span, Tone, fit, line, pad, spread, wrap
from console.present.ages import clock_millis, clock_time
from console.present.glyphs import Glyphs
from console.snapshot import Snapshot, Trading
from state.kill_journal import RUNGS, KillState

NAMES = {
    "sentinel_durable": "sentinel durable",
    "engine_denied": "engine denied",
    "cancel_sent": "cancel sent",
    "verified_1": "exchange: none rest",
    "verified_2": "verified again",
}


def instant(text: str | None) -> datetime | None:
    """The instant a journal line names; None when it names none."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def left_to_cancel(kill: KillState) -> str:
    """How many orders still rest, as last reported."""
    if kill.rung("verified_2") is not None:
        return "0 left"
    return "? left" if kill.left is None else f"{kill.left} left"


def said_since(kill: KillState) -> str:
    """` at 14:31:09 ET`, or nothing when nobody journalled it."""
    since = instant(kill.since)
    return f" at {clock_time(since)} ET" if since else ""


def ladder(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Title, one row a rung, and what to do now."""
    kill = snapshot.kill
    began = instant(kill.since)
    why = Span(f'   "{kill.why}"' if kill.why else "", Tone.LABEL)
    left = line(Span(f"{left_to_cancel(kill)} ", Tone.TITLE))
    rows = [spread(line(Span(f" {glyphs.killed} KILL", Tone.TITLE), why), left, width, glyphs.cut)]
    waiting = True
    for name in RUNGS:
        rung = kill.rung(name)
        at = instant(rung.at) if rung else None
        if rung is None:
            word, tone = ("waiting", Tone.CAUTION) if waiting else (glyphs.dash, Tone.NOTE)
            symbol = glyphs.stale if waiting else glyphs.down
            rows.append(line(Span(f" {symbol} {pad(NAMES[name], 21)}{word}", tone)))
            waiting = False
            continue
        told = _told(at, began, name)
        symbol, tone = (glyphs.stale, Tone.CAUTION) if rung.why else (glyphs.good, Tone.GOOD)
        rows.append(line(Span(f" {symbol} ", tone), pad(NAMES[name], 21), pad(told, 16), Span(rung.by, Tone.NOTE)))
        if rung.why:
            rows.append(fit(line(Span(f"    {rung.why}", tone)), width, glyphs.cut))
    return [*rows, *_advice(snapshot, width)]


def _told(at: datetime | None, began: datetime | None, name: str) -> str:
    if at is None:
        return "at ?"
    if name == "sentinel_durable" or began is None:
        return clock_millis(at)
    after = (at - began).total_seconds() * 1000
    return f"+{after:,.0f} ms" if after < 100_000 else f"+{after / 1000:,.0f} s"


def _advice(snapshot: Snapshot, width: int) -> list[Line]:
    if snapshot.kill.kill_id is None:
        return [(Span(" "), *row) for row in wrap(f"sentinel unreadable: {snapshot.kill.reason}", width - 2, Tone.BAD)]
    if snapshot.verdict.trading is Trading.KILLED:
        return [line(Span(" R releases: first clear, then start", Tone.NOTE))]
    return [line(Span(" nobody cancels? flightdeck kill on --cancel", Tone.NOTE))]
