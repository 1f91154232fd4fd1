"""The terminal of a demo: as it was, so that it can be again what it was when the console is killed."""

from __future__ import annotations

import os
import termios

PLAIN = b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[m"
"""No mouse, focus or paste reports, keyboard protocol, lines that wrap, a cursor, the normal screen, no colours."""


class Terminal:
    """Remembers the settings of the terminal behind `source`; what is not a terminal is left alone."""

    def __init__(self, source: int, screen: int) -> None:
        self._source, self._screen = source, screen
        self._settings = termios.tcgetattr(source) if os.isatty(source) else None

    def restore(self) -> None:
        """Put it back as it was. A terminal that is gone needs nothing."""
        try:
            os.write(self._screen, PLAIN)
            if self._settings is not None:
                termios.tcsetattr(self._source, termios.TCSADRAIN, self._settings)
        except (OSError, termios.error):
            pass  # nobody is left to see it
