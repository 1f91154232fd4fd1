"""Writes `docs/keys.md` from the table of actions: `python -m console.keys --out docs/keys.md`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from console.actions import markdown


def main(argv: list[str]) -> int:
    """Write the page, or with --check tell whether it is current (1: it is not)."""
    parser = argparse.ArgumentParser(prog="python -m console.keys", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(argv)
    if options.check:
        return 0 if options.out.read_text(encoding="utf-8") == markdown() else 1
    options.out.write_text(markdown(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
