"""The lines of one journal that a screen scrolls through: a window that grows at its end and, when asked, backwards."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from console.matching import EVERYTHING, Matcher
from state.journal import Follower, lines_before
from state.lines import piece_before

PAGE = 2_000
"""Lines taken from the file in one step backwards."""
FIRST_PAGE = 200
"""Lines taken at once: more than any screen shows."""
PIECE = 128 * 1024
"""Bytes searched in one step backwards when there is a filter."""
KEPT = 50_000
"""Lines held at most; older ones are read again when somebody scrolls back to them."""


class JournalTail:
    """Lines of `path` that `matcher` lets through, oldest first. Reads files: call it off the event loop."""

    def __init__(
        self, path: Path, matcher: Matcher = EVERYTHING, *, page: int = PAGE, piece: int = PIECE, kept: int = KEPT
    ) -> None:
        self.path = path
        self.matcher = matcher
        self.lines: list[bytes] = []
        self._page, self._piece, self._kept = page, piece, kept
        self._follower = Follower(path)
        last = lines_before(path, min(page, FIRST_PAGE))
        self.start = last.start
        """Offset of the first byte that was looked at; what lies before it is older."""
        self.size = last.end
        self.lines = self._chosen(last.lines)
        self._rotated = False

    @property
    def complete(self) -> bool:
        """Nothing older can be read from this file."""
        return self.start <= 0 or self._rotated

    def older(self, wanted: int, steps: int = 64) -> int:
        """Look further back until `wanted` more lines were found, at most `steps` steps; how many came in front."""
        found: list[bytes] = []
        for _ in range(steps):
            if self.complete or len(found) >= wanted:
                break
            found = (self._searched() if self.matcher else self._paged()) + found
        self.lines[:0] = found
        return len(found)

    def _paged(self) -> list[bytes]:
        page = lines_before(self.path, self._page, self.start)
        self.start = page.start if page.lines else 0
        return page.lines

    def _searched(self) -> list[bytes]:
        piece = piece_before(self.path, self._piece, self.start)
        self.start = piece.start
        return self.matcher.choose(piece.data)

    def poll(self) -> tuple[int, int]:
        """Take what was appended; how many lines came at the end, and how many went in front to make room."""
        batch = self._follower.poll()
        if batch.rotated or batch.replaced or batch.truncated:
            self._rotated = True  # offsets are those of another file now
        self.size = batch.offset
        new = self._chosen(batch.lines)
        self.lines += new
        gone = max(0, len(self.lines) - self._kept)
        if gone:
            dropped = self.lines[:gone]
            del self.lines[:gone]
            if not self.matcher and not self._rotated:
                self.start += sum(map(len, dropped)) + len(dropped)
            else:
                self._rotated = True
        return len(new), gone

    def find(self, index: int, direction: int, matcher: Matcher) -> int | None:
        """Index of the next line from `index` in `direction` that matches; None when there is none."""
        step = -1 if direction < 0 else 1
        stop = -1 if step < 0 else len(self.lines)
        return next((i for i in range(index + step, stop, step) if matcher.matches(self.lines[i])), None)

    def window(self, first: int, count: int) -> list[bytes]:
        """`count` lines from `first`."""
        return list(islice(self.lines, first, first + count))

    def close(self) -> None:
        """Give the file back."""
        self._follower.close()

    def _chosen(self, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if self.matcher.matches(line)] if self.matcher else lines
