"""Gates with their reasons, and the engine strip."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from console.lines import Line, Span, Tone, line, pad, spread
from console.lines import width as width_of
from console.present.ages import age
from console.present.glyphs import Glyphs
from console.present.panel import faded, title, trouble
from console.snapshot import EngineState, Snapshot

if TYPE_CHECKING:
    from state.models.gate import GateLine
    from state.models.heartbeat import Heartbeat

NAME = 15


def gates(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """One row a gate: symbol, name, what it saw or why it is shut, how old that is."""
    shown = snapshot.gate
    report = shown.value
    verdict: tuple[Span | str, ...] = ()
    if shown.current is not None:
        reduced = f"   level {shown.current.level}" if shown.current.level != "RUN" else ""
        paper = "" if shown.current.paper_level == shown.current.level else f", paper {shown.current.paper_level}"
        verdict = (Span(f"   {'open' if shown.current.open else 'SHUT'}{reduced}{paper}", Tone.LABEL),)
    rows = [title("GATES", *verdict, shown=shown, width=width, glyphs=glyphs), *trouble(shown, width, glyphs)]
    if report is None:
        return rows
    return rows + faded([_gate(gate, width, glyphs) for gate in report.gates], shown)


def _gate(gate: GateLine, width: int, glyphs: Glyphs) -> Line:
    old = line(Span(f"{age(gate.age_s):>4} ", Tone.NOTE)) if gate.age_s is not None else ()
    name = pad(gate.name, NAME, mark=glyphs.cut)
    if not gate.open:
        said = f"SHUT  {gate.reason or gate.value}"
        return spread(line(Span(f" {glyphs.down} {name} {said}", Tone.CAUTION)), old, width, glyphs.cut)
    wanted = gate.threshold.removeprefix(f"{gate.value}, ")
    told = wanted in ("", gate.value) or gate.value.endswith(wanted.removeprefix("≤"))
    wants = "" if told else f"  {wanted}"
    if 4 + NAME + cell_len(gate.value + wants) + width_of(old) > width:
        wants = ""
    return spread(
        line(Span(f" {glyphs.good} ", Tone.GOOD), f"{name} {gate.value}", Span(wants, Tone.NOTE)),
        old,
        width,
        glyphs.cut,
    )


def engine(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Process, cycle, feed, orders, errors; and what the supervisor makes of it."""
    shown = snapshot.heartbeat
    head = _head(snapshot, glyphs)
    rows = [title("ENGINE", head, shown=shown, width=width, glyphs=glyphs), *trouble(shown, width, glyphs)]
    if shown.value is not None:
        rows += faded(_beat(shown.value, snapshot, width, glyphs), shown)
    rows.insert(1 if snapshot.keeper_gone else len(rows), _supervisor(snapshot, glyphs))  # few rows may be seen
    return rows


def _head(snapshot: Snapshot, glyphs: Glyphs) -> Span:
    if snapshot.late:
        return Span(f"   {glyphs.stale} LATE: its beat is overdue", Tone.CAUTION)
    symbol, tone, words = {
        EngineState.OK: (glyphs.good, Tone.GOOD, "ok"),
        EngineState.DEGRADED: (glyphs.stale, Tone.CAUTION, "DEGRADED"),
        EngineState.STALE: (glyphs.stale, Tone.CAUTION, "STALE: it runs, and does not beat"),
        EngineState.DOWN: (glyphs.down, Tone.BAD, "DOWN: no such process"),
    }[snapshot.engine]
    return Span(f"   {symbol} {words}", tone)


def _beat(beat: Heartbeat, snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    dot = Span(f" {glyphs.dot} ", Tone.NOTE)
    feed = beat.feed
    cells = max(8, min(30, width - 40))
    cycle = "?" if beat.cycle_ms is None else f"{beat.cycle_ms:.1f} ms"
    slow = "" if beat.cycle_p99_ms is None else f"  p99 {beat.cycle_p99_ms:.1f} ms"
    fed = f"{feed.messages_per_s:,.0f}/s" if feed.connected else "LOST"
    books = f"  {feed.books_fresh} of {feed.books} books fresh"
    resting = "? resting" if beat.orders_resting is None else f"{beat.orders_resting} resting"
    markets = "? markets open" if beat.market_open is None else f"{beat.market_open} markets open"
    unknown = Span(f"{beat.orders_unknown} UNKNOWN", Tone.BAD) if beat.orders_unknown else Span("0 unknown")
    return [
        line(
            _label("process"),
            f"pid {beat.pid}",
            dot,
            f"up {_since(beat.started_at, snapshot.at)}",
            dot,
            f"cycle {beat.cycle:,}",
        ),
        line(_label("cycle"), pad(cycle, 9), glyphs.spark(snapshot.trends.cycle_ms, cells), Span(slow, Tone.NOTE)),
        line(
            _label("feed"),
            Span(pad(fed, 9), Tone.PLAIN if feed.connected else Tone.BAD),
            glyphs.spark(snapshot.trends.messages_per_s, min(cells, 12)),
            books,
        ),
        line(_label("orders"), resting, dot, unknown, dot, markets),
        _errors(beat, snapshot),
    ]


def _label(text: str) -> Span:
    return Span(f"   {pad(text, 9)}", Tone.LABEL)


def _since(instant: datetime | None, at: datetime) -> str:
    return "?" if instant is None else age((at - instant).total_seconds())


def _errors(beat: Heartbeat, snapshot: Snapshot) -> Line:
    if beat.errors:
        return line(_label("errors"), Span("; ".join(beat.errors), Tone.BAD))
    last = "none yet" if beat.last_error_at is None else f"none now, last {_since(beat.last_error_at, snapshot.at)} ago"
    return line(_label("errors"), last)


def _supervisor(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    keeper = snapshot.keeper
    if snapshot.keeper_gone:
        return line(_label("keeper"), Span(f"{glyphs.down} {snapshot.keeper_gone}", Tone.BAD))
    if keeper is None:
        wrong = snapshot.supervisor.outcome
        return line(
            _label("keeper"), Span(f"no supervisor is heard ({snapshot.supervisor.entry.path} {wrong})", Tone.CAUTION)
        )
    dot = Span(f" {glyphs.dot} ", Tone.NOTE)
    parts: list[Span | str] = [f"engine {keeper.engine}", dot, f"restarts {keeper.restarts}"]
    if keeper.last_exit:
        parts += [dot, f"last exit {keeper.last_exit}"]
    return line(_label("keeper"), *parts, dot, Span(f"pid {keeper.pid}", Tone.NOTE))
