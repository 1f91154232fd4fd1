"""The console application: it shows Snapshots and carries the keys. It holds no truth of its own."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterable, Sequence
from functools import partial

from textual.app import SystemCommand
from textual.binding import Binding
from textual.filter import LineFilter
from textual.reactive import Reactive
from textual.screen import Screen

from console.actions import MISSING, Action, Needs, available
from console.driver import KeyedApp
from console.keepsakes import Keepsakes
from console.lines import Tone
from console.live import Live, Looks
from console.messages import KillTried, SettingsRead, SnapshotArrived
from console.modals.base import Dialog
from console.present.glyphs import ASCII, UNICODE
from console.screens.base import ConsoleScreen
from console.screens.overview import Overview
from console.snapshot import Snapshot
from console.widgets.pane import Pane
from console.widgets.sanitise import VisibleFilter
from state import kill
from state.clock import Clock
from state.home import Home
from state.text import visible

SETTLED_S = 3.0
"""What lives so long after the start lives on: to look for garbage among it would keep a key waiting for 24 ms."""
STALLED_S = 4.0
"""Without a snapshot for so long the screen says that the console cannot read."""
ENDED_BY = {signal.SIGHUP: 129, signal.SIGTERM: 143}


class Console(KeyedApp):
    """One home on screen."""

    CSS_PATH = "console.tcss"
    DEFAULT_MODE = "overview"
    theme = Reactive("ansi-dark")  # a default that is set costs a second reading of all styles before the first frame
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS = [Binding("ctrl+c", "quit", show=False, priority=True)]

    def __init__(
        self,
        home: Home,
        clock: Clock,
        *,
        read_only: bool = False,
        ascii_only: bool = False,
        first: Snapshot | None = None,
    ) -> None:
        super().__init__(available(read_only=read_only))
        self.home, self.clock = home, clock
        self.snapshot = first
        self.read_only = read_only
        self._possible = {action.id: action.needs is not Needs.RUNNER for action in self.actions}
        self.animation_level = "none"
        Pane.glyphs = ASCII if ascii_only else UNICODE
        self._sanitise = VisibleFilter(ascii_only=ascii_only)
        self._keepsakes = Keepsakes(clock)
        self._live = None if first is not None else Live(home, clock, self._deliver, self._settle)
        self._heard = 0.0
        for action in self.actions:
            self.bind(action.key, action.id, description=action.title, show=False)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Ours comes last, after all that Textual does."""
        return [*super().get_line_filters(), self._sanitise]

    def on_mount(self) -> None:
        """Screens, signals, and the threads that read."""
        self.add_mode("overview", self.get_default_screen)
        self.add_mode("log", self._log_screen)
        if self._live is None:
            return
        loop = asyncio.get_running_loop()
        for number, code in ENDED_BY.items():
            loop.add_signal_handler(number, partial(self.exit, code, code))
        self._heard = loop.time()
        self.set_timer(SETTLED_S, gc.freeze)
        self.set_interval(STALLED_S / 2, self._notice_stall)
        self.call_after_refresh(self._live.start)  # the first frame does not wait for what reading imports

    def get_default_screen(self) -> Screen[None]:
        """The overview."""
        return Overview(self.actions, self._possible, read_only=self.read_only)

    def _log_screen(self) -> Screen[None]:
        from console.screens.log import Log

        return Log(self.home, self.actions, self._possible, read_only=self.read_only)

    def _deliver(self, snapshot: Snapshot) -> None:
        """Called in the reading thread."""
        self.post_message(SnapshotArrived(snapshot))

    def _settle(self, looks: Looks) -> None:
        """Called in the reading thread."""
        self.post_message(SettingsRead(looks))

    def on_settings_read(self, message: SettingsRead) -> None:
        """Once, soon after the first picture."""
        theme, problem = message.looks.theme, message.looks.problem
        if theme in self.available_themes:
            self.theme = theme
        else:
            problem = problem or f"console.theme: there is no {theme!r}; there are {', '.join(self.available_themes)}"
        if problem:
            self._tell(visible(problem, 300), Tone.BAD)

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """The only way a new picture comes in."""
        if self._heard < 0:
            self._tell("reading again", Tone.GOOD)
        self._heard = asyncio.get_running_loop().time()
        self.snapshot = message.snapshot
        self.refresh_screen()

    def on_picture_wanted(self) -> None:
        """A screen came into sight."""
        self.refresh_screen()

    def refresh_screen(self) -> None:
        """Hand the snapshot to the screen that is seen."""
        if self.snapshot is not None and isinstance(self.screen, ConsoleScreen | Dialog):
            self.screen.show(self.snapshot)

    def _notice_stall(self) -> None:
        silent = asyncio.get_running_loop().time() - self._heard
        if self._heard > 0 and silent > STALLED_S:
            self._heard = -1.0
            self._tell(f"the console cannot read {self.home.root}: what you see is old. K still kills.", Tone.BAD)

    def _tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """On the foremost screen that has a line for it, as soon as that has it."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ConsoleScreen | Dialog):
                screen.call_later(screen.tell, text, tone)
                return

    # Acting ------------------------------------------------------------------------------------------------------

    def action_kill(self) -> None:
        """Engage at once, in whatever thread; what is shown afterwards comes from the files."""
        try:
            done = kill.engage(self.home, self.clock, why="K on the console", via="console")
        except kill.KillError as error:
            self.post_message(KillTried(f"NOT KILLED: run `flightdeck down`; {error}", Tone.BAD))
            return
        said = "killed again: it was engaged already" if done.already else "kill switch engaged"
        self.post_message(KillTried(f"{said}{'; ' + done.unsynced if done.unsynced else ''}", Tone.CAUTION))

    def on_kill_tried(self, message: KillTried) -> None:
        """Say what came of it."""
        self._tell(message.said, message.tone)

    def action_release(self) -> None:
        """Open the dialog; nothing happens without typed words."""
        if self.snapshot is not None and not isinstance(self.screen, Dialog):
            from console.modals.release import Release

            self.push_screen(Release(self.home, self.snapshot))

    def action_pilot(self) -> None:
        """Present, and says what is missing."""
        self._tell(MISSING["pilot"], Tone.CAUTION)

    def action_bundle(self) -> None:
        """Present, and says what is missing."""
        self._tell(MISSING["bundle"], Tone.CAUTION)

    # Looking -----------------------------------------------------------------------------------------------------

    async def action_overview(self) -> None:
        """The overview."""
        await self._go("overview")

    async def action_log(self) -> None:
        """The log."""
        await self._go("log")

    async def _go(self, mode: str) -> None:
        if self.current_mode != mode and not isinstance(self.screen, Dialog):
            await self.switch_mode(mode)

    async def action_filter(self) -> None:
        """Type a filter."""
        if isinstance(self.screen, ConsoleScreen):
            await self.screen.ask("filter")

    async def action_search(self) -> None:
        """Type what to search for, in the log."""
        if isinstance(self.screen, ConsoleScreen) and self.screen.searches:
            await self.screen.ask("search")

    def action_next(self) -> None:
        """The next match upwards."""
        if isinstance(self.screen, ConsoleScreen):
            self.screen.jump(-1)

    def action_previous(self) -> None:
        """The next match downwards."""
        if isinstance(self.screen, ConsoleScreen):
            self.screen.jump(1)

    def action_pause(self) -> None:
        """Hold the lists still, or let them go on."""
        if isinstance(self.screen, ConsoleScreen):
            self.screen.paused = not self.screen.paused
            self._tell("paused: the lists stand still, the top line goes on; p goes on" if self.screen.paused else "")
            self.refresh_screen()

    def action_turn(self) -> None:
        """The next page, or the next journal."""
        if isinstance(self.screen, ConsoleScreen):
            self.screen.turn()

    def action_copy(self) -> None:
        """Copy the row: by OSC 52, and to a file for terminals that do not take it."""
        text = self.screen.content() if isinstance(self.screen, ConsoleScreen | Dialog) else ""
        if not text:
            self._tell("nothing to copy here")
            return
        self.copy_to_clipboard(text)
        self._tell(self._keepsakes.keep("copy", text))

    def action_dump(self) -> None:
        """Write the screen as text."""
        rows = self.screen._compositor.render_strips()
        self._tell(self._keepsakes.keep("screen", "\n".join(row.text.rstrip() for row in rows)))

    def action_help(self) -> None:
        """Keys, symbols, files."""
        if not isinstance(self.screen, Dialog):
            from console.modals.help import Help

            self.push_screen(Help(self.actions, self.home, self.read_only))

    def action_palette(self) -> None:
        """Find an action by name."""
        self.action_command_palette()

    async def action_quit(self) -> None:
        """Leave; nothing else stops."""
        self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette holds what the table of actions holds."""
        for action in self.actions:
            if action.id != "palette":
                yield SystemCommand(f"{action.title} ({action.label})", action.help, self._runner(action))

    def _runner(self, action: Action) -> partial[None]:
        return partial(self._run, action)

    def _run(self, action: Action) -> None:
        self.call_later(self.run_action, action.id)
