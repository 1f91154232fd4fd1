"""A plain DataTable of 40 rows of 12 cells and one of 12 rows; six cells change each second by `update_cell`."""

from __future__ import annotations

from itertools import count

from textual.app import App, ComposeResult
from textual.widgets import DataTable

COLUMNS = 12


class Tables(App[None]):
    """What one would write first."""

    CSS = "#monitors { height: 8; }"

    def compose(self) -> ComposeResult:
        yield DataTable(id="positions")
        yield DataTable(id="monitors")

    def on_mount(self) -> None:
        for name, rows in (("#positions", 40), ("#monitors", 12)):
            table = self.query_one(name, DataTable)
            for column in range(COLUMNS):
                table.add_column(f"column {column}", key=str(column))
            for row in range(rows):
                table.add_row(*(f"{row}.{column:02d}" for column in range(COLUMNS)), key=str(row))
        self._second = count()
        self.set_interval(1.0, self._change)

    def _change(self) -> None:
        second = next(self._second)
        table = self.query_one("#positions", DataTable)
        for row in range(6):
            table.update_cell(str(row), "4", f"0.{(second + row) % 90 + 10}")


if __name__ == "__main__":
    Tables().run(mouse=False)
