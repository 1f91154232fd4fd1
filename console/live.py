"""Watches a home and hands frozen Snapshots on: one thread waits for changes, one reads. Nothing here draws.

Neither thread shares a lock with the event loop, so that a disk that hangs stops the picture, never the keys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from console.history import History
from console.reading import HomeReader
from console.snapshot import Snapshot
from state.clock import Clock
from state.home import Home

DEBOUNCE_MS = 50
STEP_MS = 10
RETRY_S = 1.0


class Live:
    """`deliver` is called in the reading thread for every change, and at each whole second so that ages step."""

    def __init__(self, home: Home, clock: Clock, droplet: str, deliver: Callable[[Snapshot], None]) -> None:
        self._home, self._clock, self._deliver = home, clock, deliver
        self._reader = HomeReader(home, clock, droplet)
        self._history = History(home)
        self._wake = threading.Event()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to read, and a moment later to watch, in daemon threads."""
        threading.Thread(target=self._read, name="console-read", daemon=True).start()

    def stop(self) -> None:
        """No snapshot is delivered after the one under way."""
        self._stop.set()
        self._wake.set()

    def snapshot(self) -> Snapshot:
        """The home now; called by the reading thread, or before it starts."""
        happenings, trends = self._history.poll()
        snapshot = self._reader.read(happenings, trends)
        self._history.sample(snapshot)
        return replace(snapshot, trends=self._history.trends)

    def _read(self) -> None:
        self._deliver_and_wait()
        # what a watch needs is 40 ms of imports, which must not compete with the first picture
        threading.Thread(target=self._watch, name="console-watch", daemon=True).start()
        while not self._stop.is_set():
            self._deliver_and_wait()

    def _deliver_and_wait(self) -> None:
        self._deliver(self.snapshot())
        self._wake.wait(1.0 - self._clock.now().microsecond / 1e6)
        self._wake.clear()

    def _watch(self) -> None:
        """Wake the reader when state/ or logs/ changes; the reader's own second is the poll behind it."""
        from watchfiles import watch

        while not self._stop.is_set():
            folders = [folder for folder in (self._home.state, self._home.root / "logs") if folder.is_dir()]
            if not folders:
                self._stop.wait(RETRY_S)
                continue
            try:
                for _ in watch(
                    *folders,
                    watch_filter=None,
                    debounce=DEBOUNCE_MS,
                    step=STEP_MS,
                    stop_event=self._stop,
                    rust_timeout=5000,
                    raise_interrupt=False,
                    recursive=False,
                ):
                    self._wake.set()
                    if len(folders) < 2 or not all(folder.is_dir() for folder in folders):
                        break  # look again which folders there are
            except (OSError, RuntimeError):
                self._stop.wait(RETRY_S)  # a folder went away meanwhile; until it is back the reader polls
