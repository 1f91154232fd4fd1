"""An empty Textual app; given a folder, it watches that as the console does."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Static


class Empty(App[None]):
    """One word on screen."""

    def compose(self) -> ComposeResult:
        yield Static("ready")

    def on_mount(self) -> None:
        self.animation_level = "none"
        if len(sys.argv) > 1:
            threading.Thread(target=_watch, args=(Path(sys.argv[1]),), daemon=True).start()


def _watch(root: Path) -> None:
    from watchfiles import watch

    for _ in watch(root / "state", root / "logs", watch_filter=None, debounce=50, step=10, recursive=False):
        pass


if __name__ == "__main__":
    Empty().run(mouse=False)
