"""Whether our orders, fills and positions are what the exchange says: how old that is, or what does not fit."""

from __future__ import annotations

from console.lines import Line, Span, Tone, line
from console.present.ages import age
from console.present.glyphs import Glyphs
from console.present.panel import few, mark
from console.snapshot import Snapshot

ROWS = 2
"""What does not fit may take so many rows; the journal `intents` and the gate "orders" have the rest."""


def reconciliation(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """One row while all fits or nothing is known; what does not fit is named."""
    shown = snapshot.reconciliation
    value = shown.current
    asked = "" if value is None or value.as_of is None else age((snapshot.at - value.as_of).total_seconds())
    if value is not None and value.ok:
        fits = f"   {value.orders_known:,} orders, {value.fills:,} fills"
        return [line(Span(f"   {glyphs.good} reconciled {asked or '?'} ago", Tone.GOOD), fits)]
    if value is None:
        tone, word = mark(shown.outcome, glyphs).tone, f"{mark(shown.outcome, glyphs).text} reconciliation"
    elif not asked:
        tone, word = Tone.CAUTION, f"{glyphs.missing} not reconciled yet"
    else:
        tone, word = Tone.BAD, f"{glyphs.bad} NOT RECONCILED, asked {asked} ago"
    return few(f"{word}: {snapshot.unreconciled}", 1 if value is None else ROWS, width, tone, glyphs)
