"""One line of a journal as formatted JSON."""

from __future__ import annotations

from textual.app import ComposeResult

from console.lines import Span, Tone, line
from console.modals.base import Dialog
from console.present.log import log_page
from console.widgets.chrome import Flash
from console.widgets.page import Page
from console.widgets.panels import TopLine


class Detail(Dialog):
    """Opened by Enter on a line; `y` copies it."""

    AUTO_FOCUS = "Page"

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._lines = log_page(raw)

    def compose(self) -> ComposeResult:
        yield TopLine(id="top")
        yield Page(
            [line(Span(" LINE", Tone.TITLE), Span("     y copies, Esc closes", Tone.NOTE)), *self._lines], id="page"
        )
        yield Flash()

    def content(self) -> str:
        return "\n".join("".join(span.text for span in row)[1:] for row in self._lines)
