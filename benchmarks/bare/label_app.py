"""A label that shows the head of a file when inotify tells of it. `python -m benchmarks.bare.label_app DIR NAME`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from inotify_simple import INotify, flags
from textual.app import App, ComposeResult
from textual.widgets import Static


class Labelled(App[None]):
    """Paints what the file says, nothing else."""

    def compose(self) -> ComposeResult:
        yield Static("ready", markup=False)

    def on_mount(self) -> None:
        self._file = Path(sys.argv[1], sys.argv[2])
        self._inotify = INotify(nonblocking=True)
        self._inotify.add_watch(sys.argv[1], flags.MOVED_TO)
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._changed)

    def _changed(self) -> None:
        self._inotify.read(timeout=0)
        self.query_one(Static).update(self._file.read_text()[:20], layout=False)


if __name__ == "__main__":
    Labelled().run(mouse=False)
