"""A dialog: a whole screen of its own, so that what changes behind it costs nothing. `K` still kills, Esc closes."""

from __future__ import annotations

from textual.binding import Binding
from textual.screen import Screen

from console.lines import Tone
from console.messages import PictureWanted
from console.snapshot import Snapshot
from console.widgets.chrome import Flash
from console.widgets.pane import Pane
from console.widgets.tight import send_only_changes


class Dialog(Screen[None]):
    """Keeps the top line alive and a flash line."""

    BINDINGS = [Binding("escape", "dismiss_dialog", "close", show=False)]
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal")]

    def __init__(self) -> None:
        super().__init__()
        send_only_changes(self)

    def show(self, snapshot: Snapshot) -> None:
        """Hand the snapshot to the panes."""
        for pane in self.query(Pane):  # type: ignore[type-abstract]  # a selector, nothing is made
            pane.show(snapshot)

    def on_screen_resume(self) -> None:
        """In sight again: ask for the newest picture."""
        self.post_message(PictureWanted())

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say something in the flash line."""
        self.query_one(Flash).tell(text, tone)

    def content(self) -> str:
        """What `copy` takes."""
        return ""

    def action_dismiss_dialog(self) -> None:
        """Close; nothing was done."""
        self.dismiss(None)
