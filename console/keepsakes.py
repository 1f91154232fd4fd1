"""What the console keeps for a person who asks: a copied row, the screen as text. Beside the home, never in it."""

from __future__ import annotations

import os

from state.clock import Clock
from state.home import user_state_folder


class Keepsakes:
    """Writes small text files below the user's state folder, readable by the user alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def keep(self, kind: str, text: str) -> str:
        """Write `text`; returns what to tell the person."""
        folder = user_state_folder() / "flightdeck-console"
        path = folder / f"{kind}-{self._clock.now():%Y%m%dT%H%M%S}.txt"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            return f"{kind}: {path} cannot be written: {error.strerror}"
        clipboard = "copied to the clipboard and to" if kind == "copy" else "written to"
        return f"{clipboard} {path}"
