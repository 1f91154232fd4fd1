"""Shadow positions: columns by width, one row a position, keyed by ticker and side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from console.lines import Line, Span, Tone, line, middle
from console.lines import width as width_of
from console.present.ages import age, clock_time, count, price, signed
from console.present.glyphs import Glyphs
from console.present.panel import title
from console.snapshot import Snapshot

if TYPE_CHECKING:
    from state.models.shadow import ShadowBook, ShadowPosition

TREND = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One column: heading, cells wide, flush right, width of the table from which it is shown."""

    heading: str
    cells: int
    right: bool
    since: int
    cell: Callable[[ShadowPosition, Snapshot, Glyphs], Span]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; `key` is what cursor and scroll are kept by. Its cells are made for those who see it."""

    key: str
    made: Callable[[], tuple[Span, ...]]

    @property
    def cells(self) -> tuple[Span, ...]:
        """One span a column."""
        return self.made()


def _trend(position: ShadowPosition, snapshot: Snapshot, glyphs: Glyphs) -> Span:
    if position.note:
        return Span(position.note, Tone.CAUTION)
    return glyphs.spark(snapshot.trends.marks.get(key(position), ()), TREND)


def _held(position: ShadowPosition, snapshot: Snapshot, _: Glyphs) -> Span:
    return Span(age((snapshot.at - position.opened_at).total_seconds()), Tone.NOTE)


COLUMNS = (
    Column("ticker", 26, False, 0, lambda p, s, g: Span(middle(p.ticker, 26, g.cut))),
    Column("side", 4, False, 0, lambda p, s, g: Span(p.side)),
    Column("qty", 7, True, 0, lambda p, s, g: Span(count(p.count))),
    Column("avg", 6, True, 100, lambda p, s, g: price(p.average_price)),
    Column("mark", 6, True, 0, lambda p, s, g: price(p.mark)),
    Column("P&L", 9, True, 0, lambda p, s, g: signed(p.unrealised_usd)),
    Column("realised", 9, True, 140, lambda p, s, g: signed(p.realised_usd)),
    Column("fees", 7, True, 140, lambda p, s, g: Span(f"{p.fees_usd:.2f}")),
    Column("fair", 6, True, 100, lambda p, s, g: price(p.fair)),
    Column("edge", 6, True, 100, lambda p, s, g: signed(p.edge_cents, 1)),
    Column("age", 6, True, 0, _held),
    Column("trend", TREND, False, 100, _trend),
    Column("family", 8, False, 125, lambda p, s, g: Span(p.family, Tone.NOTE)),
)


def columns(width: int) -> tuple[Column, ...]:
    """The columns that a table of `width` cells shows."""
    return tuple(column for column in COLUMNS if column.since <= width)


def key(position: ShadowPosition) -> str:
    """Identity of a position on screen."""
    return f"{position.ticker} {position.side}"


def rows(snapshot: Snapshot, width: int, glyphs: Glyphs, wanted: str = "") -> list[Row]:
    """One row a position whose ticker or family holds `wanted`; faded when the book is not fresh."""
    book = snapshot.positions.value
    if book is None:
        return []
    drawn = [column.cell for column in columns(width)]

    def made(position: ShadowPosition) -> tuple[Span, ...]:
        cells = [cell(position, snapshot, glyphs) for cell in drawn]
        return tuple(cells if snapshot.positions.good else [Span(cell.text, Tone.FADED) for cell in cells])

    return [Row(key(each), partial(made, each)) for each in book.positions if matches(each, wanted)]


def matches(position: ShadowPosition, wanted: str) -> bool:
    """Whether a filter lets the position through."""
    wanted = wanted.casefold()
    return not wanted or wanted in position.ticker.casefold() or wanted in position.family.casefold()


def heading(snapshot: Snapshot, width: int, glyphs: Glyphs, hidden: int = 0, wanted: str = "", place: str = "") -> Line:
    """Title with totals and, when not all rows are seen, their place."""
    book = snapshot.positions.current
    totals: tuple[Span | str, ...] = () if book is None else _totals(book, width, place)
    if wanted:
        totals = (Span(f"   /{wanted} hides {hidden}", Tone.CAUTION), *totals)
    return title("SHADOW POSITIONS", *totals, shown=snapshot.positions, width=width, glyphs=glyphs)


def _totals(book: ShadowBook, width: int, place: str) -> tuple[Span, ...]:
    label = Tone.LABEL
    marked = [position.unrealised_usd for position in book.positions if position.unrealised_usd is not None]
    some = ""
    if book.unrealised_usd is None and marked:
        some = f" ({len(marked)} marked: {sum(marked, Decimal(0)):+,.2f})"
    parts: list[Line] = [
        line(Span(f"   {len(book.positions)} open", label), Span(f" ({place})" if place else "", Tone.NOTE)),
        line(Span("   unrealised ", label), signed(book.unrealised_usd)),
        line(Span(some, Tone.NOTE)),
        line(Span("   realised ", label), signed(book.realised_usd)),
        line(Span(f"   fees {book.fees_usd:.2f}   {book.fills} fills", label)),
        line(Span(f"   {len(book.orders)} paper orders rest", label)),
    ]
    room = width - len(" SHADOW POSITIONS") - len(" as of 59m ")
    while len(parts) > 1 and sum(map(width_of, parts)) > room:
        parts.pop()  # nothing is shown in part: half of a number reads as another number
    return tuple(span for part in parts for span in part)


def empty(snapshot: Snapshot, wanted: str = "") -> Line:
    """What stands in place of rows: empty is not unknown."""
    book = snapshot.positions.value
    if book is None:
        return line(Span("   positions unknown", Tone.CAUTION))
    if wanted and book.positions:
        return line(Span(f"   none of {len(book.positions)} matches /{wanted}", Tone.NOTE))
    return line(Span(f"   no open positions (as of {clock_time(book.written_at)} ET)", Tone.NOTE))
