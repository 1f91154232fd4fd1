"""The last two lines of every screen: what happened just now, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from console.actions import Action, Danger
from console.lines import Line, Span, Tone, line
from console.lines import width as width_of
from console.snapshot import Snapshot
from console.widgets.pane import Pane

NARROW = ("help", "quit", "turn", "log", "overview", "filter", "pause")
"""Keys that a narrow terminal names beside those that act, as many as it has room for."""
SEEN_S = 8.0
"""What went well is told for so long; what went wrong stays until something else is told."""


class Flash(Pane):
    """One line for what happened just now; repeats are counted."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._tone = Tone.PLAIN
        self._times = 0
        self._told: datetime | None = None

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say `text`; "" takes the line back."""
        self._times = self._times + 1 if text == self._text else 1
        self._text, self._tone = text, tone
        self._told = self.snapshot.at if self.snapshot else None
        self.redraw()

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        if self._told and self._tone is not Tone.BAD and (snapshot.at - self._told).total_seconds() > SEEN_S:
            self._text, self._times = "", 0
        return self.unread(width)

    def unread(self, width: int) -> list[Line]:
        again = f" (x{self._times})" if self._times > 1 else ""
        return [line(Span(f" {self._text}{again}" if self._text else "", self._tone))]


class Keys(Pane):
    """The footer: keys and titles from the table of actions; what is not possible now is dim."""

    still = True

    def __init__(self, actions: Sequence[Action], possible: dict[str, bool], read_only: bool) -> None:
        super().__init__()
        self._actions = actions
        self._possible = possible
        self._read_only = read_only

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return self.unread(width)

    def unread(self, width: int) -> list[Line]:
        spans: list[Span] = [Span(" ")]
        if self._read_only:
            spans += [Span("read-only", Tone.CAUTION), Span("   ")]
        acting = False
        for action in self._actions:
            if not action.footer:
                continue
            if (action.danger is not Danger.NONE) != acting:
                acting = not acting
                spans.append(Span(f"{self.glyphs.bar}  ", Tone.NOTE))
            possible = self._possible.get(action.id, True)
            spans += [Span(f"{action.label} ", Tone.KEY if possible else Tone.NOTE)]
            spans += [Span(action.title, Tone.PLAIN if possible else Tone.NOTE), Span("  ")]
        whole = tuple(spans)
        return [whole if width_of(whole) <= width else self._short(width)]

    def _short(self, cells: int) -> Line:
        """What a narrow terminal has room for: what acts, then what everybody needs; `?` tells the rest."""
        acting = {each.id for each in self._actions if each.danger is not Danger.NONE and self._possible.get(each.id)}
        named = [self._named(acting | set(NARROW[:count])) for count in range(len(NARROW), 0, -1)]
        return next((row for row in named if width_of(row) <= cells), named[-1])

    def _named(self, shown: set[str]) -> Line:
        spans = [Span(" read-only   ", Tone.CAUTION)] if self._read_only else [Span(" ")]
        for action in self._actions:
            if action.id in shown:
                spans += [Span(f"{action.label} ", Tone.KEY), Span(f"{action.title}  ")]
        return tuple(spans)
