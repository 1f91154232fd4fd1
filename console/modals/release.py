"""Release: two acts of a person. First clear, then start; each needs a typed word, and Cancel has the focus."""

from __future__ import annotations

import asyncio

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Static

from console.lines import Line, Span, Tone, line, wrap
from console.modals.base import Dialog
from console.present.ages import clock_time
from console.present.glyphs import Glyphs
from console.present.rungs import NAMES, instant, left_to_cancel
from console.snapshot import Snapshot
from console.widgets.chrome import Flash
from console.widgets.pane import Pane
from console.widgets.panels import TopLine
from state.home import Home
from state.process import own_command
from state.text import visible

TIMEOUT_S = 20.0


class TypedWord(Input):
    """A field that takes typing only: what raises risk is never pasted."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002  (Textual's name)
        super().__init__(placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()


class Facts(Pane):
    """What this act is about, and what it will let loose."""

    def __init__(self, kill_id: str | None, killed: bool) -> None:
        super().__init__(id="facts")
        self._kill_id, self._killed = kill_id, killed

    def draw(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        return facts(snapshot, self._kill_id, self._killed, width, self.glyphs)


class Release(Dialog):
    """Clears the kill that was on screen when it opened, or starts when none is on."""

    AUTO_FOCUS = "#cancel"

    def __init__(self, home: Home, snapshot: Snapshot) -> None:
        super().__init__()
        self._home = home
        self._kill_id = snapshot.kill.kill_id
        self._killed = snapshot.kill.engaged
        self._snapshot = snapshot
        self._busy = False

    @property
    def word(self) -> str:
        """What has to be typed."""
        return "CLEAR" if self._killed else "START"

    def compose(self) -> ComposeResult:
        yield TopLine(id="top")
        yield Facts(self._kill_id, self._killed)
        if self._killed:
            with Horizontal(classes="field"):
                yield Static("reason", markup=False)
                yield Input(placeholder="what was wrong, and why it is right now", id="reason", compact=True)
        with Horizontal(classes="field"):
            yield Static("word", markup=False)
            yield TypedWord(f"type {self.word}", id="word")
        with Horizontal(id="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button(f"{self.word.title()}", id="act", compact=True)
        yield Flash()

    def on_mount(self) -> None:
        """Drawn at once."""
        for field in self.query(Input):
            field.cursor_blink = False
        self.call_after_refresh(self.show, self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        super().show(snapshot)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes on to the next one; it never acts."""
        event.stop()
        self.focus_next()

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        """Cancel closes; the other button acts when the word stands there."""
        event.stop()
        if event.button.id == "cancel":
            self.dismiss(None)
            return
        refusal = self._refusal()
        if refusal:
            self.tell(refusal, Tone.CAUTION)
            return
        self._busy = True
        self.tell(f"{self.word.lower()}: asked …", Tone.NOTE)
        self.run_worker(self._act(), exclusive=True, exit_on_error=False)

    def _refusal(self) -> str:
        """Why it does not act; "" when it may."""
        if self._busy:
            return "asked already; wait for the answer"
        if self.query_one("#word", Input).value != self.word:
            return f"nothing done: type {self.word} in capitals first"
        if self._killed and not self.query_one("#reason", Input).value.strip():
            return "nothing done: give a reason first"
        now = self._snapshot.kill
        if (now.engaged, now.kill_id) != (self._killed, self._kill_id):
            return "nothing done: the kill switch changed since this opened; Esc, look again"
        return ""

    async def _act(self) -> None:
        """Run the command as a process; what it says is shown, what it did is seen in the files."""
        home = ("--home", str(self._home.root))
        if self._killed:
            reason = self.query_one("#reason", Input).value.strip()
            wanted = ("--kill-id", self._kill_id) if self._kill_id else ()
            command = own_command("kill", "clear", *home, f"--reason={reason}", "--confirm", "CLEAR", *wanted)
        else:
            command = own_command("kill", "start", *home, "--confirm", "START")
        code, said = await run(command)
        self._busy = False
        if code == 0:
            act = "cleared; nothing is started yet: R again starts" if self._killed else "started"
            self.app.screen_stack[-2].tell(act, Tone.GOOD)  # type: ignore[attr-defined]
            self.dismiss(None)
        else:
            self.tell(f"refused ({code}): {said}", Tone.BAD)


async def run(command: list[str]) -> tuple[int, str]:
    """Exit code and the last words of a command; it is left alone after TIMEOUT_S."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        return 75, f"no answer within {TIMEOUT_S:.0f} s"
    except OSError as error:
        return 69, f"cannot run {command[0]}: {error.strerror}"
    said = [each for each in out.decode("utf-8", "replace").splitlines() if each.strip()]
    return process.returncode or 0, visible("; ".join(said[-3:]), 300)


def facts(snapshot: Snapshot, kill_id: str | None, killed: bool, width: int, glyphs: Glyphs) -> list[Line]:
    """Target, evidence and blast radius of the act."""
    kill = snapshot.kill
    room = max(20, width - 6)
    if killed:
        title = f" {glyphs.killed} CLEAR THE KILL SWITCH     act 1 of 2: removes the sentinel, starts nothing"
        since = instant(kill.since)
        by = f"by {kill.by or 'unknown'} at {clock_time(since)} ET"
        told = f"kill {kill_id or 'unreadable'} {by}: {kill.why or 'no reason given'}"
        rungs = ", ".join(NAMES[rung.name] for rung in kill.rungs) or "none"
        evidence = f"rungs reached: {rungs}. At the exchange: {left_to_cancel(kill)}"
        after = "paper trading goes on; no real order leaves until a person starts (act 2)"
    else:
        title = f" {glyphs.here} START TRADING     act 2 of 2: arms; orders may leave as soon as every gate is open"
        told = f"source {(snapshot.source or 'UNKNOWN').upper()}, home {snapshot.home}"
        gate = snapshot.gate.current
        shut = "unknown" if gate is None else "all open" if gate.open else "; ".join(gate.reasons)
        evidence = f"gates: {shut}. Engine {snapshot.engine}. Armed: {'yes, already' if snapshot.armed.good else 'no'}"
        after = "real orders leave on this source"
    changed = (kill.engaged, kill.kill_id) != (killed, kill_id)
    warning = f"   {glyphs.bad} the kill switch changed since this opened: Esc, look again" if changed else ""
    rows = [line(Span(title, Tone.TITLE)), line(Span(warning, Tone.BAD))]
    for name, said in (("what", told), ("evidence", evidence), ("at stake", _stake(snapshot)), ("then", after)):
        head, *rest = wrap(said, room - 10) or [()]
        rows.append((Span(f"   {name:<10}", Tone.LABEL), *head))
        rows += [(Span(" " * 13), *row) for row in rest]
    rows += [(), line(Span("   Tab moves, Enter on a button acts, Esc closes and does nothing", Tone.NOTE))]
    return rows


def _stake(snapshot: Snapshot) -> str:
    view = snapshot.exchange.current
    resting = "?" if view is None or view.resting is None else str(len(view.resting))
    balance = "?" if view is None or view.balance_usd is None else f"${view.balance_usd:,.2f}"
    book = snapshot.positions.current
    held = "?" if book is None else str(len(book.positions))
    return f"balance {balance}, {resting} real orders rest, {held} paper positions"
