"""Watches a home and hands frozen Snapshots on: one thread waits for changes, one reads. Nothing here draws.

Neither thread shares a lock with the event loop, so that a disk that hangs stops the picture, never the keys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.snapshot import Snapshot
from state.clock import Clock
from state.home import Home

if TYPE_CHECKING:
    from console.history import History
    from console.reading import HomeReader

DEBOUNCE_MS = 50
STEP_MS = 10
UNNAMED = "?"
"""The droplet, until the settings are read."""
TOLD_MS = 1000
"""A watch in which nothing changes tells so this often."""
RETRY_S = 1.0
TICK_S = 1.05
"""So much later at the latest the next picture follows a change: of a desk that changes each second one is enough."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the settings say about the console; `problem` when they are wrong, and defaults stand in for them."""

    droplet: str
    theme: str
    problem: str = ""


class Live:
    """`deliver` is called in the reading thread for every change; at each whole second without one, so that ages step.

    `settle` is called there once, after the first: what the settings need is as much to import as all the rest.
    That is imported there, too, beside a screen that is drawn.
    """

    def __init__(
        self, home: Home, clock: Clock, deliver: Callable[[Snapshot], None], settle: Callable[[Looks], None]
    ) -> None:
        self._home, self._clock, self._deliver, self._settle = home, clock, deliver, settle
        self._sources: tuple[HomeReader, History] | None = None
        self._wake = threading.Event()
        self._woken = False
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
        reader, history = self._sources = self._sources or self._opened()
        happenings, trends = history.poll()
        snapshot = reader.read(happenings, trends)
        history.sample(snapshot)
        return replace(snapshot, trends=history.trends)

    def _opened(self) -> tuple[HomeReader, History]:
        from console.history import History
        from console.reading import HomeReader

        return HomeReader(self._home, self._clock, UNNAMED), History(self._home)

    def _named(self) -> None:
        """Take what the settings say."""
        looks = looks_of(self._home)
        self._settle(looks)
        if self._sources is not None:
            self._sources[0].call(looks.droplet)

    def _read(self) -> None:
        self._deliver(self.snapshot())
        self._named()
        # what a watch needs is 40 ms of imports, which must not compete with the first picture
        threading.Thread(target=self._watch, name="console-watch", daemon=True).start()
        while not self._stop.is_set():
            self._deliver_and_wait()

    def _deliver_and_wait(self) -> None:
        self._deliver(self.snapshot())
        self._woken = self._wake.wait(TICK_S if self._woken else 1.0 - self._clock.now().microsecond / 1e6)
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
                for changes in watch(
                    *folders,
                    watch_filter=None,
                    debounce=DEBOUNCE_MS,
                    step=STEP_MS,
                    rust_timeout=TOLD_MS,
                    yield_on_timeout=True,  # a stop_event would be asked at every step
                    raise_interrupt=False,
                    recursive=False,
                ):
                    if changes:
                        self._wake.set()
                    if self._stop.is_set() or len(folders) < 2 or not all(folder.is_dir() for folder in folders):
                        break  # look again which folders there are
            except (OSError, RuntimeError):
                self._stop.wait(RETRY_S)  # a folder went away meanwhile; until it is back the reader polls


def looks_of(home: Home) -> Looks:
    """The settings of `home`; a wrong one must not take the kill key away, so it is told and defaults are used."""
    from state.config import ConfigError, Settings, load

    problem = ""
    try:
        settings = load(home)
    except ConfigError as error:
        settings, problem = Settings(), str(error)
    return Looks(settings.droplet, settings.console.theme, problem)
