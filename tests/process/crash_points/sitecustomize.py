"""Put on PYTHONPATH by the crash storm: an engine that starts takes the next kill point; other processes take none."""

import os
import signal
import sys
from pathlib import Path

if "engine" in sys.orig_argv and "CRASH_POINTS" in os.environ:
    from tests.process.kill_points import kill_at, next_point, record

    folder = Path(os.environ["CRASH_POINTS"])
    if not (folder / "points").exists():
        record(folder / "recorded")
    elif (point := next_point(folder / "points")) is not None:
        latest = os.environ.get("CRASH_LATEST_S")
        number = signal.Signals[os.environ.get("CRASH_SIGNAL", "SIGKILL")]
        kill_at(point, None if latest is None else float(latest), number, folder / "reached")
