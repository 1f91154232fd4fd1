"""A table keeps the reader's place by key, and repaints only what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from console.app import Console
from console.lines import Span, line, text
from console.messages import SnapshotArrived
from console.present.glyphs import UNICODE
from console.snapshot import Snapshot
from console.widgets.palette import changed
from console.widgets.positions import Positions
from state.clock import SimulatedClock
from state.home import Home

States = dict[str, Callable[[], Snapshot]]


def many(snapshot: Snapshot, names: list[str], marks: dict[str, str] | None = None) -> Snapshot:
    """The snapshot with one position a name."""
    model = snapshot.positions.value.positions[0]
    made = tuple(
        model.model_copy(update={"ticker": name, "mark": Decimal((marks or {}).get(name, "0.5"))}) for name in names
    )
    book = snapshot.positions.value.model_copy(update={"positions": made})
    return replace(snapshot, positions=replace(snapshot.positions, value=book))


async def test_the_cursor_stays_on_its_row_through_sorts_inserts_and_removals(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    names = [f"KX-{n:03d}" for n in range(100)]
    app = Console(home, clock, first=many(states["healthy"](), names))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Positions)
        await pilot.press(*["down"] * 50)
        assert table.cursor == "KX-050 YES"
        for order in (list(reversed(names)), names[10:], ["KX-new", *names[40:]], [n for n in names if n > "KX-049"]):
            app.post_message(SnapshotArrived(many(states["healthy"](), order)))
            await pilot.pause()
            assert table.cursor == "KX-050 YES"
            assert table.current_row is not None and table.current_row.cells[0].text == "KX-050"


async def test_the_cursor_comes_and_goes_with_the_focus_not_with_the_next_picture(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = Console(home, clock, first=states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Positions)
        for focused in (True, False):
            app.screen.set_focus(table if focused else None)
            await pilot.pause()
            assert any(text(row).startswith(f" {UNICODE.here} ") for row in table._lines) == focused


async def test_until_the_reader_moves_the_top_of_the_table_is_shown(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = Console(home, clock, first=many(states["healthy"](), [f"KX-{n:03d}" for n in range(50, 100)]))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.post_message(SnapshotArrived(many(states["healthy"](), [f"KX-{n:03d}" for n in range(100)])))
        await pilot.pause()
        assert app.screen.query_one(Positions).cursor == "KX-000 YES"


async def test_when_its_row_goes_the_cursor_is_on_the_one_that_took_its_place(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    names = [f"KX-{n:03d}" for n in range(20)]
    app = Console(home, clock, first=many(states["healthy"](), names))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Positions)
        await pilot.press(*["down"] * 5)
        app.post_message(SnapshotArrived(many(states["healthy"](), names[:5] + names[6:])))
        await pilot.pause()
        assert table.cursor == "KX-006 YES"
        app.post_message(SnapshotArrived(many(states["healthy"](), [])))
        await pilot.pause()
        assert table.cursor is None


async def test_only_changed_cells_are_repainted(home: Home, clock: SimulatedClock, states: States) -> None:
    names = [f"KX-{n:03d}" for n in range(40)]
    app = Console(home, clock, first=many(states["healthy"](), names))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        table = app.screen.query_one(Positions)
        painted: list[object] = []
        table.refresh = lambda *regions, **_: painted.extend(regions)  # type: ignore[method-assign,return-value]
        for mark, where in (("0.5", "same"), ("0.6", "seen"), ("0.6", "same")):
            painted.clear()
            marks = dict.fromkeys(["KX-002"], mark)
            app.post_message(SnapshotArrived(many(states["healthy"](), names, marks)))
            await pilot.pause()
            cells = sum(region.area for region in painted)  # type: ignore[attr-defined]
            assert (0 < cells < 30) if where == "seen" else cells == 0
        painted.clear()
        app.post_message(SnapshotArrived(many(states["healthy"](), names, {"KX-002": "0.6", "KX-039": "0.9"})))
        await pilot.pause()
        assert painted == [], "a row that is not seen costs nothing"


def test_differences_are_found_cell_by_cell() -> None:
    old = [line("pid 4121", Span("  cycle 8,041"))]
    new = [line("pid 4121", Span("  cycle 8,042"))]
    assert changed(old, old, 40) == []
    ((row, start, cells),) = changed(old, new, 40)
    assert (row, start) == (0, 20) and cells <= 2


def test_wide_characters_are_repainted_whole() -> None:
    ((_, start, cells),) = changed([line("ab漢字")], [line("ab漢語")], 10)
    assert start <= 4 and start + cells >= 6
