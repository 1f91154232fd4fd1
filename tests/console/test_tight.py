"""What is sent in pieces: together they are the screen, and no piece is longer than what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Static

from console.app import Console
from console.lines import Line, Span, Tone, width
from console.live import Looks
from console.messages import SettingsRead, SnapshotArrived
from console.snapshot import Snapshot
from console.widgets.palette import changed, strip
from console.widgets.tight import TightUpdate, send_only_changes
from state.clock import SimulatedClock
from state.home import Home

States = dict[str, Callable[[], Snapshot]]
Cell = tuple[str, Style | None]

SPANS = st.lists(st.builds(Span, st.text("ab 漢字é●▁", max_size=6), st.sampled_from(list(Tone))), max_size=6)


class Glass:
    """What a terminal shows that is sent the updates of `app`."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self.rows = self.whole()
        self.sent = 0
        app._display = self._take  # type: ignore[method-assign]

    def whole(self) -> list[list[Cell]]:
        """Every cell of the screen, drawn at once."""
        return [cells(row) for row in self._app.screen._compositor.render_strips()]

    def _take(self, _: object, update: Any) -> None:
        if isinstance(update, LayoutUpdate):
            self.rows = self.whole()
        elif isinstance(update, TightUpdate):
            for x, y, piece in update.pieces:
                made = cells(piece)
                self.rows[y][x : x + len(made)] = made
                self.sent += len(made)


def cells(of: Strip) -> list[Cell]:
    """One entry a cell."""
    made: list[Cell] = []
    for segment in of:
        for character in segment.text:
            made.append((character, segment.style))
            made += [("", segment.style)] * (width((Span(character),)) - 1)
    return made


async def give(pilot: Pilot[int], snapshot: Snapshot) -> None:
    pilot.app.post_message(SnapshotArrived(snapshot))
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_the_pieces_that_are_sent_make_up_the_whole_screen(
    home: Home, clock: SimulatedClock, states: States, size: tuple[int, int]
) -> None:
    app = Console(home, clock, first=states["healthy"]())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        glass = Glass(app)
        for name in ("stale", "healthy", "corrupt", "killing", "healthy", "killed"):
            await give(pilot, states[name]())
            assert glass.rows == glass.whole(), name
        await pilot.press("tab", "slash", "K", "X")
        await give(pilot, states["stale"]())
        assert glass.rows == glass.whole(), "with a line open to type in"


async def test_another_theme_changes_the_pieces_too(home: Home, clock: SimulatedClock, states: States) -> None:
    shown = []
    for begun in ("ansi-dark", "textual-light"):
        app = Console(home, clock, first=states["healthy"]())
        app.theme = begun
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            app.post_message(SettingsRead(Looks("nyc-1", "textual-light")))
            await pilot.pause()
            shown.append(Glass(app).rows)
    assert shown[0] == shown[1]


class Stacked(App[None]):
    """Something that lies in the middle of something else."""

    CSS = """
    Screen { layers: below above; }
    #above { layer: above; offset: 10 1; width: 5; height: 2; background: red; }
    #below { layer: below; width: 30; height: 4; background: blue; }
    """

    def on_mount(self) -> None:
        self.push_screen(Layers())


class Layers(Screen[None]):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        send_only_changes(self)

    def compose(self) -> ComposeResult:
        yield Static("b" * 120, id="below")
        yield Static("a" * 10, id="above")


async def test_what_lies_in_front_is_not_painted_over() -> None:
    app = Stacked()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        glass = Glass(app)
        for row in glass.rows[:4]:
            row[:30] = [("?", None)] * 30
        app.screen.query_one("#below").refresh()
        await pilot.pause()
        assert glass.rows == glass.whole()


async def test_a_piece_is_as_long_as_what_changed(home: Home, clock: SimulatedClock, states: States) -> None:
    app = Console(home, clock, first=states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        glass = Glass(app)
        await give(pilot, states["stale"]())
        await give(pilot, states["healthy"]())
        glass.sent = 0
        await give(pilot, states["healthy"]())
        assert glass.sent == 0, "the same picture again costs nothing"


@given(SPANS.map(tuple), st.integers(0, 30), st.integers(1, 30))
def test_a_piece_of_a_row_is_what_stands_there_in_the_whole_row(row: Line, start: int, cells_wide: int) -> None:
    whole = strip(row, 0, 70, Style.parse("red on blue"))
    end = start + cells_wide
    assert list(cells(strip(row, start, end, Style.parse("red on blue")))) == list(cells(whole.crop(start, end)))


@given(SPANS.map(tuple), SPANS.map(tuple))
def test_painting_what_changed_over_what_stood_there_gives_what_stands_there_now(old: Line, new: Line) -> None:
    ground = Style.null()
    glass, wanted = cells(strip(old, 0, 40, ground)), cells(strip(new, 0, 40, ground))
    for _, x, wide in changed([old], [new], 40):
        glass[x : x + wide] = cells(strip(new, x, x + wide, ground))
    assert glass == wanted
