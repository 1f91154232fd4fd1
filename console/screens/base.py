"""What every screen of the console has: the top line, a flash line, the keys; and one way to be shown a Snapshot."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from console.actions import Action
from console.lines import Tone
from console.messages import PictureWanted
from console.snapshot import Snapshot
from console.widgets.chrome import Flash, Keys
from console.widgets.pane import Pane
from console.widgets.panels import TopLine
from console.widgets.tight import send_only_changes


class ConsoleScreen(Screen[None]):
    """A screen that draws Snapshots it is given. It reads no file, no clock and no app."""

    AUTO_FOCUS = ""
    searches: ClassVar[bool] = False
    """Whether there is something to search in."""
    BINDINGS = [Binding("tab", "app.turn", show=False)]
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-normal"), (160, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (15, "-tall")]

    def __init__(self, actions: Sequence[Action], possible: dict[str, bool], *, read_only: bool) -> None:
        super().__init__()
        send_only_changes(self)
        self._actions, self._possible, self._read_only = actions, possible, read_only
        self.paused = False
        self._panes: tuple[Pane, ...] = ()

    def compose(self) -> ComposeResult:
        for cells, steps in zip(self.app.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True):
            self.add_class(next(name for least, name in reversed(steps) if cells >= least))  # or all is laid out twice
        yield TopLine(id="top")
        yield from self.body()
        yield Flash()
        yield Keys(self._actions, self._possible, self._read_only)

    def on_mount(self) -> None:
        """The first frame does not wait for the line that is hidden in it: a text field brings many styles."""
        self._panes = tuple(self.query(Pane))  # type: ignore[type-abstract]  # a selector, nothing is made
        self.call_after_refresh(self._add_filter_line)

    async def _add_filter_line(self) -> None:
        from console.widgets.filter_line import FilterLine

        if not self.query(FilterLine):
            await self.mount(FilterLine(id="filter"), before=self.query_one(Flash))

    @abstractmethod
    def body(self) -> Iterator[Widget]:
        """What is between the top line and the flash line."""

    @abstractmethod
    def turn(self) -> None:
        """To the next page."""

    def jump(self, direction: int) -> None:
        """To the next match of the search, where there is one."""

    async def ask(self, purpose: str) -> None:
        """Open the line in which a filter or a search is typed."""
        from console.widgets.filter_line import FilterLine

        await self._add_filter_line()
        self.query_one(FilterLine).open(purpose)

    def show(self, snapshot: Snapshot) -> None:
        """Hand the snapshot to every pane; while paused only to the top line."""
        if not self.is_current:
            return
        for pane in self._panes:
            if not self.paused or isinstance(pane, TopLine | Flash | Keys):
                pane.show(snapshot)

    def on_screen_resume(self) -> None:
        """In sight again: ask for the newest picture."""
        self.post_message(PictureWanted())

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say something in the flash line."""
        self.query_one(Flash).tell(text, tone)

    def content(self) -> str:
        """The row that `copy` takes; "" when there is none."""
        return ""
