"""`flightdeck files`: the file contract as a person, a program or the documentation reads it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from state.home import Document, Home, HomeError, Journal
from state.text import visible

OK, CONFIG = 0, 78


@dataclass(frozen=True, slots=True)
class Row:
    """One file of the contract, in words."""

    path: str
    kind: str
    model: str
    writer: str
    stale_after_s: float | None
    durable: bool
    purpose: str

    @classmethod
    def of(cls, entry: Document | Journal) -> Row:
        kind, stale = ("document", entry.stale_after) if isinstance(entry, Document) else ("journal", None)
        return cls(entry.path, kind, entry.model, entry.writer, stale, entry.durable, entry.purpose)

    @property
    def stale(self) -> str:
        """Stale after, for people."""
        return "-" if self.stale_after_s is None else f"{self.stale_after_s:g} s"

    @property
    def writers(self) -> str:
        """Writer, for people."""
        return "any process" if self.writer == "any" else self.writer


def rows() -> tuple[Row, ...]:
    """Every document, then every journal, in table order."""
    entries: list[Document | Journal] = [*Home.documents(), *Home.journals()]
    return tuple(Row.of(entry) for entry in entries)


def main(argv: list[str]) -> int:
    """Print the table. 78 when the home cannot be told."""
    parser = argparse.ArgumentParser(prog="flightdeck files", description="every file of a home")
    parser.add_argument("--home", help="the home to name")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--markdown", action="store_true", help="as the page docs/files.md")
    options = parser.parse_args(argv)
    if options.markdown:
        print(markdown(), end="")
        return OK
    try:
        home = Home.locate(options.home)
    except HomeError as error:
        print(f"flightdeck files: {error}", file=sys.stderr)
        return CONFIG
    print(as_json(home) if options.json else as_text(home))
    return OK


def as_json(home: Home) -> str:
    """The table with the home it is about."""
    files = [{name: getattr(row, name) for name in Row.__slots__} for row in rows()]
    return json.dumps({"home": str(home.root), "files": files}, indent=2)


def as_text(home: Home) -> str:
    """Aligned columns."""
    head = ("path", "model", "writer", "stale after", "what for")
    body = [(row.path, row.model, row.writers, row.stale, row.purpose) for row in rows()]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    lines = [f"home: {visible(str(home.root))}", ""]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *body]]
    return "\n".join(line.rstrip() for line in lines)


def markdown() -> str:
    """The reference page docs/files.md."""
    documents = [row for row in rows() if row.kind == "document"]
    journals = [row for row in rows() if row.kind == "journal"]
    return "\n".join(
        [
            "# The files of a home",
            "",
            "Written by `flightdeck files --markdown` from the table in `state/home.py`; a test keeps it current.",
            "",
            "## Documents",
            "",
            "One small JSON object, one writer, replaced atomically. *Durable* ones are fsynced, with their folder.",
            "",
            *_table(documents, ("File", "Model", "Writer", "Stale after", "Durable", "What for")),
            "",
            "## Journals",
            "",
            "Append-only JSONL: one object a line. *Durable* ones are fsynced line by line.",
            "",
            *_table(journals, ("File", "Model", "Writer", "Durable", "What for")),
            "",
        ]
    )


def _table(of: Sequence[Row], head: tuple[str, ...]) -> list[str]:
    cells: dict[str, Callable[[Row], str]] = {
        "File": lambda row: f"`{row.path}`",
        "Model": lambda row: _link(row.model),
        "Writer": lambda row: row.writers,
        "Stale after": lambda row: row.stale,
        "Durable": lambda row: "yes" if row.durable else "",
        "What for": lambda row: row.purpose,
    }
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(cells[name](row) for name in head) + " |" for row in of]


def _link(model: str) -> str:
    """A model, linked to its committed schema."""
    module, name = model.split(":")
    return f"[`{model}`](schemas/{module}.{name}.json)"
