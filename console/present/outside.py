"""What the exchange says rests, freeze windows, and recent events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from console.lines import Line, Span, Tone, line, pad, spread
from console.present.ages import age, clock_time, count
from console.present.glyphs import Glyphs
from console.present.panel import faded, title, trouble
from console.present.reconciled import reconciliation
from console.snapshot import Happening, Snapshot

if TYPE_CHECKING:
    from state.models.exchange import ExchangeView, RestingOrder

SEVERITY = {"warning": Tone.CAUTION, "error": Tone.BAD, "critical": Tone.BAD}


def exchange(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Resting orders as the exchange listed them; unknown is not none."""
    shown = snapshot.exchange
    view = shown.value
    rows = [
        title("AT THE EXCHANGE", _summary(shown.current), shown=shown, width=width, glyphs=glyphs),
        *trouble(shown, width, glyphs),
        *reconciliation(snapshot, width, glyphs),
    ]
    if view is None:
        return rows
    if view.error:
        rows.append(line(Span(f"   {glyphs.bad} not answered: {view.error}", Tone.BAD)))
    return rows + faded(_resting(view, snapshot, height - len(rows), width, glyphs), shown)


def _summary(view: ExchangeView | None) -> Span:
    if view is None:
        return Span("   unknown", Tone.CAUTION)
    resting = "? resting" if view.resting is None else f"{len(view.resting)} resting"
    held = "? held" if view.positions is None else f"{len(view.positions)} held"
    balance = "" if view.balance_usd is None else f"   balance {view.balance_usd:,.2f}"
    return Span(f"   {resting}   {held}{balance}   asked by {view.by or '?'}", Tone.LABEL)


def _resting(view: ExchangeView, snapshot: Snapshot, room: int, width: int, glyphs: Glyphs) -> list[Line]:
    if view.resting is None:
        return [line(Span("   unknown: the exchange has not answered yet", Tone.CAUTION))]
    asked = age((snapshot.at - view.as_of).total_seconds()) if view.as_of else "?"
    if not view.resting:
        return [line(Span(f"   no order rests (asked {asked} ago)", Tone.NOTE))]
    rows = [_order(order, width, glyphs) for order in view.resting]
    if len(rows) > room > 0:
        more = len(rows) - room + 1
        rows = [*rows[: room - 1], line(Span(f"   and {more} more", Tone.NOTE))]
    return rows


def _order(order: RestingOrder, width: int, glyphs: Glyphs) -> Line:
    ticker = max(20, min(34, width - 46))
    left = line(
        f"   {pad(order.ticker, ticker, mark=glyphs.cut)}  {order.side:<3}",
        f" {count(order.remaining):>7} at {order.price:.4f}   ",
    )
    return spread(left, line(Span(f"{order.order_id[:8]} ", Tone.NOTE)), width, glyphs.cut)


def windows(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Freeze windows; honestly none while no release calendar is loaded."""
    report = snapshot.gate.value
    rows = [title("WINDOWS", shown=None, width=width, glyphs=glyphs)]
    if report is None:
        return [*rows, line(Span("   unknown: no gate report", Tone.CAUTION))]
    if report.windows is None:
        return [*rows, line(Span("   no calendar yet: releases do not freeze anything", Tone.NOTE))]
    if not report.windows:
        return [*rows, line(Span("   no window ahead", Tone.NOTE))]
    for window in report.windows:
        symbol, tone = (
            (f"{glyphs.frozen} FROZEN", Tone.CAUTION) if window.frozen else (f"{glyphs.good} free", Tone.GOOD)
        )
        rows.append(line("   ", pad(window.series, 12), Span(pad(symbol, 10), tone), Span(window.reason, Tone.NOTE)))
    return rows


def events(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The newest events, newest first."""
    rows = [spread(line(Span(" EVENTS", Tone.TITLE)), line(Span("2 opens the log ", Tone.NOTE)), width, glyphs.cut)]
    if not snapshot.happenings:
        return [*rows, line(Span("   none yet", Tone.NOTE))]
    return rows + [happening(each, glyphs) for each in gathered(snapshot.happenings)[: max(0, height - 1)]]


def gathered(happenings: Sequence[Happening]) -> list[Happening]:
    """Bursts taken together: of more than three like events in a row, the two newest and how many came before."""
    told: list[Happening] = []
    for _, run in groupby(happenings, key=lambda each: (each.event, each.severity)):
        burst = list(run)
        if len(burst) <= 3:
            told += burst
            continue
        oldest = burst[-1]
        told += [*burst[:2], replace(oldest, message=f"and {len(burst) - 2} more since then")]
    return told


def happening(event: Happening, glyphs: Glyphs) -> Line:
    """`  14:30:58  FEED_LOST  message`, with a word where it is bad."""
    tone = SEVERITY.get(event.severity, Tone.PLAIN)
    word = f"{glyphs.bad} " if tone is Tone.BAD else ""
    at = Span(f"   {clock_time(event.at)}  ", Tone.NOTE)
    return line(at, Span(pad(f"{word}{event.event}", 24), tone), f"  {event.message}")
