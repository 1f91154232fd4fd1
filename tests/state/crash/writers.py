"""Every writer of the state floor by name. As a program (HOME NAME) does the work of one of them.

Each acknowledgement is a write of one byte to descriptor 1, so that a trace tells when it was given.
"""

from __future__ import annotations

import os
import sys

from state.home import Home
from tests.state.crash.file_writers import FILE_WRITERS
from tests.state.crash.kill_writers import KILL_WRITERS
from tests.state.crash.writer import new_clock

__all__ = ["ACKNOWLEDGED", "BEGIN", "FILE_WRITERS", "KILL_WRITERS", "WRITERS"]

WRITERS = {**FILE_WRITERS, **KILL_WRITERS}
BEGIN, ACKNOWLEDGED = b"begin", b"acknowledged"


def _acknowledge() -> None:
    os.write(1, ACKNOWLEDGED)


if __name__ == "__main__":
    os.write(1, BEGIN)
    print(WRITERS[sys.argv[2]].act(Home(sys.argv[1]), new_clock(), _acknowledge))
