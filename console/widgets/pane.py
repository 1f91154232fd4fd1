"""A pane: lines of spans, of which only the cells that changed are painted again."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from console.lines import Line, Span, Tone, fit
from console.present.glyphs import UNICODE, Glyphs
from console.snapshot import Snapshot
from console.widgets.palette import changed, strip


class Pane(Widget):
    """Draws the slice of a Snapshot that its `draw` picks. Reads no file, no clock and no app."""

    glyphs: ClassVar[Glyphs] = UNICODE
    heading: ClassVar[str] = ""
    """Name of the pane, until there is a snapshot to draw."""
    still: ClassVar[bool] = False
    """Whether nothing that a snapshot tells is seen in it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self.snapshot: Snapshot | None = None
        self._given: list[Line] = []
        self._lines: list[Line] = []
        """As given, and cut to so many cells:"""
        self._cells = 0
        self._ground: tuple[Style, Color] | None = None

    @abstractmethod
    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        """The lines of this pane; the first `height` are seen."""

    def unread(self, width: int) -> list[Line]:
        """The lines before the first snapshot: a pane says that it does not know yet."""
        return [(Span(f" {self.heading}", Tone.TITLE), Span("   reading", Tone.NOTE))] if self.heading else []

    def show(self, snapshot: Snapshot) -> None:
        """Take a new snapshot and paint what differs."""
        self.snapshot = snapshot
        if not self.still:
            self.redraw()

    def redraw(self) -> None:
        """Draw again and paint the cells that differ."""
        width, height = self.size
        if not width or not height or not self.display:
            return
        before, same_width = self._lines, self._cells == width
        self._draw(width, height)
        if not same_width:
            self.refresh()
            return
        regions = [Region(x, y, cells, 1) for y, x, cells in changed(before, self._lines, width) if y < height]
        if regions:
            self.refresh(*regions)

    def _draw(self, width: int, height: int) -> None:
        """Lines for so many cells; a line that is given again as it was is not measured again."""
        snapshot = self.snapshot
        given = (self.unread(width) if snapshot is None else self.draw(snapshot, width, height))[:height]
        known = len(self._lines) if self._cells == width else 0
        self._lines = [
            self._lines[y] if y < known and line == self._given[y] else fit(line, width, self.glyphs.cut)
            for y, line in enumerate(given)
        ]
        self._given, self._cells = given, width

    def on_resize(self) -> None:
        """Lines depend on the size."""
        self.redraw()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Pieces of rows, as Textual asks for them. A pane has no border and no padding, and Textual's own way through
        all the styles that it does not use costs five times as much."""
        width = self.size.width
        if self._cells != width:
            self._draw(width, self.size.height)
        if self._ground is None:
            self._ground = self.rich_style, self.background_colors[1]
        style, background = self._ground
        filters = self.get_line_filters()
        made = []
        for y in crop.line_range:
            piece = strip(self._lines[y] if y < len(self._lines) else (), *crop.column_span, style)
            for each in filters:
                piece = piece.apply_filter(each, background)
            made.append(piece)
        return made

    def notify_style_update(self) -> None:
        """Another theme, or another state of the screen."""
        self._ground = None
        super().notify_style_update()
