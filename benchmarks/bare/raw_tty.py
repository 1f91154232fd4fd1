"""Reads a key from a raw terminal and makes a file of it. `python -m benchmarks.bare.raw_tty FILE`."""

from __future__ import annotations

import os
import sys
import tty


def main(path: str) -> None:
    """For ever."""
    tty.setraw(0)
    os.write(1, b"ready")
    while os.read(0, 1):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))


if __name__ == "__main__":
    main(sys.argv[1])
