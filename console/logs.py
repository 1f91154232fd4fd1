"""`flightdeck logs JOURNAL`: the newest lines of a journal, followed when asked, control characters visible."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from console.matching import Matcher
from state import arguments
from state.home import Home, HomeError, Journal
from state.journal import Follower, last_lines, lines_before
from state.lines import piece_before
from state.text import visible

OK, NO, USAGE, IO_ERROR, CONFIG = 0, 1, 2, 74, 78
POLL_S = 0.2
PIECE = 1024 * 1024
"""Bytes searched in one step backwards when there is a filter."""


def main(argv: list[str]) -> int:
    """Print lines as they lie there, one JSON object a line. 0 well, 1 no such journal yet, 2 unknown name."""
    names = journals()
    parser = argparse.ArgumentParser(prog="flightdeck logs", description="Print the newest lines of a journal.")
    parser.add_argument(
        "journal", metavar="JOURNAL", help=f"one of {', '.join(sorted(names))}, or its path in the home"
    )
    parser.add_argument("--home", metavar="PATH", help="the folder to look at")
    parser.add_argument(
        "-n", "--lines", type=arguments.count, default=20, metavar="N", help="how many lines to begin with (20)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on as lines are appended; ctrl+c ends it")
    parser.add_argument("--filter", default="", metavar="TEXT", help="words, level=error, event=…, ticker=…")
    options = parser.parse_args(argv)
    entry = names.get(options.journal) or next((e for e in names.values() if e.path == options.journal), None)
    if entry is None:
        print(
            f"flightdeck logs: no journal {visible(options.journal)}; there are: {', '.join(sorted(names))}",
            file=sys.stderr,
        )
        return USAGE
    try:
        path = Home.locate(options.home).path(entry)
        return _print(path, options.lines, Matcher.parse(options.filter), options.follow)
    except HomeError as error:
        print(f"flightdeck logs: {error}", file=sys.stderr)
        return CONFIG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read has enough; nothing more is flushed into the pipe
        return OK
    except OSError as error:
        print(f"flightdeck logs: {error.filename or entry.path}: {error.strerror}", file=sys.stderr)
        return IO_ERROR
    except KeyboardInterrupt:
        return OK


def journals() -> dict[str, Journal]:
    """Every journal by its short names: of the table, and of its file."""
    named = {name: entry for name, entry in vars(Home).items() if isinstance(entry, Journal)}
    return named | {Path(entry.path).stem: entry for entry in named.values()}


def _print(path: Path, count: int, matcher: Matcher, follow: bool) -> int:
    follower = Follower(path) if follow else None
    _write(_newest(path, count, matcher))
    if follower is None:
        if not os.path.lexists(path):
            print(f"flightdeck logs: {path} is missing: nothing was journalled yet", file=sys.stderr)
            return NO
        return OK
    while True:
        batch = follower.poll()
        _write([line for line in batch.lines if matcher.matches(line)])
        if not batch.more:
            time.sleep(POLL_S)


def _newest(path: Path, count: int, matcher: Matcher) -> list[bytes]:
    """The last `count` lines that match, oldest first, however far back they lie."""
    if not matcher:
        return last_lines(path, count)
    last = lines_before(path, 1)
    found, start = matcher.choose(b"\n".join(last.lines)), last.start
    while start > 0 and len(found) < count:
        piece = piece_before(path, PIECE, start)
        found, start = matcher.choose(piece.data) + found, piece.start
    return found[max(len(found) - count, 0) :]


def _write(lines: list[bytes]) -> None:
    if not lines:
        return
    try:
        print("\n".join(visible(line, None) for line in lines), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # what it still holds goes nowhere
        raise OSError(error.errno, error.strerror, "standard output") from error
