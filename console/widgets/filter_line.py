"""One line to type a filter or a search in; hidden until asked for. Letters are text here, K too."""

from __future__ import annotations

from textual.binding import Binding
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """Tells what is wanted while it is typed; Enter keeps it, Esc takes it back."""

    BINDINGS = [Binding("escape", "give_up", "close", show=False)]

    class Wanted(Message):
        """The text as it stands."""

        def __init__(self, text: str, purpose: str) -> None:
            super().__init__()
            self.text, self.purpose = text, purpose

    class Closed(Message):
        """The line was left."""

        def __init__(self, text: str, purpose: str) -> None:
            super().__init__()
            self.text, self.purpose = text, purpose

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False
        self.display = False
        self.purpose = "filter"

    def open(self, purpose: str) -> None:
        """Show the line and type into it."""
        self.purpose = purpose
        self.value = ""
        self.placeholder = (
            f"{purpose}: type, Enter keeps it, Esc shows all again (K is a letter here: Esc, then K kills)"
        )
        self.display = True
        self.screen.set_focus(self)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """A line that was left takes no letter any more."""
        return self.display and super().check_consume_key(key, character)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        if self.display:
            self.post_message(self.Wanted(self.value, self.purpose))

    async def action_submit(self) -> None:
        """Keep the filter, leave the line."""
        self._close(self.value)

    def action_give_up(self) -> None:
        """Take the filter back."""
        self._close("")

    def _close(self, text: str) -> None:
        self.display = False
        self.post_message(self.Wanted(text, self.purpose))
        self.post_message(self.Closed(text, self.purpose))
