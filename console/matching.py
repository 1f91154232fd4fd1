"""Filters of log lines: words, and `field=value`. A byte test comes first; JSON is parsed only where it passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

FIELDS = {
    "level": ("severity", "engine_status", "level"),
    "severity": ("severity", "engine_status", "level"),
    "event": ("event", "act"),
    "ticker": ("ticker", "symbol", "market_ticker"),
}
"""What people call a field, and what the journals call it."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A filter as typed. Every part must match; case does not matter."""

    text: str
    words: tuple[bytes, ...] = ()
    fields: tuple[tuple[tuple[str, ...], str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """The filter that `text` spells; "" lets everything through."""
        words: list[bytes] = []
        fields: list[tuple[tuple[str, ...], str]] = []
        for part in text.casefold().split():
            name, equals, value = part.partition("=")
            if equals and name and value:
                fields.append((FIELDS.get(name, (name,)), value))
                words.append(value.encode())
            else:
                words.append(part.encode())
        return cls(text.strip(), tuple(words), tuple(fields))

    def __bool__(self) -> bool:
        return bool(self.words)

    def matches(self, line: bytes) -> bool:
        """Whether the line holds every word, and every field its value."""
        lowered = line.lower()
        if not all(word in lowered for word in self.words):
            return False
        return not self.fields or self._fields_match(line)

    def choose(self, piece: bytes) -> list[bytes]:
        """The lines of `piece` that match. It is searched as a whole first: most pieces of a journal hold no match."""
        lowered = piece.lower()
        if not all(word in lowered for word in self.words):
            return []
        lines, low = piece.split(b"\n"), lowered.split(b"\n")
        held: Sequence[int] = range(len(lines))
        for word in self.words:
            held = [index for index in held if word in low[index]]
        return [lines[index] for index in held if not self.fields or self._fields_match(lines[index])]

    def _fields_match(self, line: bytes) -> bool:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(found, dict):
            return False
        return all(any(value in str(found.get(name, "")).casefold() for name in names) for names, value in self.fields)


EVERYTHING = Matcher("")
