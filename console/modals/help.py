"""Keys, symbols, files, and how to kill without the console."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from console.actions import Action, Danger, Needs
from console.lines import Line, Span, Tone, line, pad
from console.modals.base import Dialog
from console.present.glyphs import Glyphs
from console.widgets.chrome import Flash
from console.widgets.page import Page
from console.widgets.pane import Pane
from console.widgets.panels import TopLine
from state.home import Home
from state.text import visible


class Help(Dialog):
    """One page, made from the table of actions."""

    AUTO_FOCUS = "Page"

    def __init__(self, actions: Sequence[Action], home: Home, read_only: bool) -> None:
        super().__init__()
        self._lines = help_lines(actions, str(home.root), read_only, Pane.glyphs)

    def compose(self) -> ComposeResult:
        yield TopLine(id="top")
        yield Page(self._lines, indent=25, id="page")
        yield Flash()


def help_lines(actions: Sequence[Action], home: str, read_only: bool, glyphs: Glyphs) -> list[Line]:
    """The help page."""
    rows = [line(Span(" KEYS", Tone.TITLE), Span("     Esc closes this page", Tone.NOTE))]
    for action in actions:
        tone = Tone.CAUTION if action.danger is not Danger.NONE else Tone.NOTE
        told = "" if action.danger is Danger.NONE else f"  {action.danger.value}"
        absent = "  (not in this build)" if action.needs is Needs.RUNNER else ""
        rows.append(
            line(
                "   ",
                Span(pad(action.label, 8), Tone.KEY),
                pad(action.title, 14),
                action.help,
                Span(told + absent, tone),
            )
        )
    rows.append(
        line(
            "   ",
            Span(pad("arrows", 8), Tone.KEY),
            "or j k, PgUp PgDn, Home End: move; Enter opens a line; Esc never quits",
        )
    )
    if read_only:
        rows.append(line(Span("   read-only: the acting keys are gone, K too", Tone.CAUTION)))
    where = f"--home {visible(home, 200)}"
    return [
        *rows,
        (),
        line(Span(" WITHOUT THE CONSOLE", Tone.TITLE)),
        line("   ", Span(f"flightdeck kill on {where}", Tone.KEY)),
        line("   ", "or touch the file ", Span("state/kill_switch", Tone.KEY), " of the home: its presence is enough"),
        line("   ", Span(f"flightdeck status {where}", Tone.KEY)),
        line("   ", Span(f"flightdeck logs {where} events", Tone.KEY)),
        (),
        line(Span(" SYMBOLS", Tone.TITLE)),
        line("   ", "    ".join(f"{symbol} {means}" for symbol, means in _legend(glyphs))),
        line("   struck and dim: the last good value of a file that is no longer fresh; its age stands beside it"),
        line("   ? is unknown, never zero; a price is in dollars of its own side; edge is in cents a contract"),
        (),
        line(Span(" LOG FILTERS", Tone.TITLE)),
        line("   words narrow; level=error event=GATE_SHUT ticker=KXCPI look at that field only; case does not matter"),
    ]  # fmt: skip


def _legend(glyphs: Glyphs) -> tuple[tuple[str, str], ...]:
    return (
        (glyphs.good, "well"),
        (glyphs.stale, "stale, waiting"),
        (glyphs.down, "down, shut, off"),
        (glyphs.bad, "corrupt"),
        (glyphs.missing, "missing, unknown"),
        (glyphs.frozen, "no trade, frozen"),
        (glyphs.killed, "killed"),
    )
