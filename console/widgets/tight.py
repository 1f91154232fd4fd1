"""Sends only the cells that changed. The one file that reaches into Textual's own parts (the version is pinned).

Textual 8.2 renders every widget between the topmost and the bottommost changed cell anew, and sends a changed region
from the left edge of its widget: one digit at the end of 120 cells costs 140 bytes and half a millisecond. Here only
the cells that changed are asked for and sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

Piece = tuple[int, int, Strip]
"""Column and row where it begins, and what stands there."""


class TightUpdate(ChopsUpdate):
    """Pieces of lines, each where it belongs."""

    def __init__(self, pieces: list[Piece]) -> None:
        super().__init__([], [], [])
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        return "".join(f"{Control.move_to(x, y).segment.text}{strip.render(console)}" for x, y, strip in self.pieces)


class TightCompositor(Compositor):
    """A compositor whose partial updates are tight."""

    def render_partial_update(self) -> ChopsUpdate | None:
        regions = [region.intersection(self.size.region) for region in self._dirty_regions]
        self._dirty_regions.clear()
        spans = self._regions_to_spans(regions)
        return TightUpdate([piece for span in spans for piece in self._pieces(*span)]) if regions else None

    def _pieces(self, y: int, start: int, end: int) -> Iterator[Piece]:
        """What is seen of row `y` from column `start` to `end`: at each cell the foremost widget."""
        for widget, seen, region in self.layers_visible[y]:
            left, right = max(start, seen.x), min(end, seen.right)
            if left < right:
                rows = widget.render_lines(Region(left - region.x, y - region.y, right - left, 1))
                yield from ((left, y, row) for row in rows)
                if start < left:
                    yield from self._pieces(y, start, left)
                if right < end:
                    yield from self._pieces(y, right, end)
                return


def send_only_changes(screen: Screen[None]) -> None:
    """Give `screen` a compositor whose partial updates are tight."""
    screen._compositor = TightCompositor()
