"""Keys and what comes of them, in the running application, on a home on disk and on literal snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from console import app as app_module
from console.app import Console
from console.live import Looks
from console.messages import SettingsRead, SnapshotArrived
from console.modals import release as release_module
from console.modals.base import Dialog
from console.modals.help import Help
from console.modals.release import Release
from console.screens.log import Log
from console.screens.overview import Overview
from console.snapshot import Snapshot
from console.widgets.chrome import Flash, Keys
from console.widgets.filter_line import FilterLine
from console.widgets.panels import KillLadder, TopLine
from console.widgets.positions import Positions
from state import kill
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold

States = dict[str, Callable[[], Snapshot]]


def shown(app: Console) -> str:
    """The screen as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def console(home: Home, clock: SimulatedClock, snapshot: Snapshot, **more: bool) -> Console:
    return Console(home, clock, first=snapshot, **more)


async def give(pilot: Pilot[int], snapshot: Snapshot) -> None:
    pilot.app.post_message(SnapshotArrived(snapshot))
    await pilot.pause()


async def test_k_kills_at_once_and_the_screen_says_so_only_when_the_files_do(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("K")
        assert fold(home, clock).engaged
        assert not isinstance(app.screen, Dialog)
        assert "MAY TRADE" in shown(app)
        await give(pilot, states["killing"]())
        assert "KILLING  3 left" in shown(app)
        assert app.screen.query_one(KillLadder).display
        await give(pilot, states["killed"]())
        assert "KILLED  0 left" in shown(app)


async def test_k_twice_is_one_kill(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("K")
        first = fold(home, clock).kill_id
        await pilot.press("K")
        await pilot.pause()
        assert fold(home, clock).kill_id == first
        assert "engaged already" in shown(app)


@pytest.mark.parametrize("before", [["2"], ["question_mark"], ["R"], ["p"]])
async def test_k_kills_from_every_screen(home: Home, clock: SimulatedClock, states: States, before: list[str]) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press(*before)
        await pilot.pause()
        await pilot.press("K")
        assert fold(home, clock).engaged


@pytest.mark.parametrize("size", [(40, 6), (59, 14), (80, 24), (200, 50)])
async def test_k_and_q_work_at_every_size(
    home: Home, clock: SimulatedClock, states: States, size: tuple[int, int]
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("K")
        assert fold(home, clock).engaged
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_kill_that_cannot_be_placed_says_what_else_stops_it(
    home: Home, clock: SimulatedClock, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise kill.KillError("cannot place state/kill_switch: EROFS; kill its process, or `flightdeck down`")

    monkeypatch.setattr(app_module.kill, "engage", refuse)
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("K")
        await pilot.pause()
        assert "EROFS" in shown(app)
        assert "NOT KILLED: run `flightdeck down`;" in shown(app), "also where there is little room"


async def test_read_only_has_neither_the_keys_nor_the_words(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"](), read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("K", "R", "P", "B")
        await pilot.pause()
        assert not fold(home, clock).engaged
        assert not isinstance(app.screen, Dialog)
        footer = shown(app).splitlines()[-1]
        assert "read-only" in footer and "K kill" not in footer
        palette = {command.title for command in app.get_system_commands(app.screen)}
        assert not any(title.startswith(("kill", "release", "pilot", "bundle")) for title in palette)


async def test_in_a_text_field_letters_are_text(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("slash", "K", "X", "H", "I", "G")
        await pilot.pause()
        assert not fold(home, clock).engaged
        assert len(app.screen.query_one(Positions).rows) == 3
        assert "hides 6" in shown(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not app.screen.query_one(FilterLine).display
        assert len(app.screen.query_one(Positions).rows) == 9
        await pilot.press("K")
        assert fold(home, clock).engaged


async def test_enter_keeps_a_filter(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"gas", "enter")
        await pilot.pause()
        assert [row.key for row in app.screen.query_one(Positions).rows] == ["KXAAAGASW-26NOV30-3.10 YES"]


@pytest.mark.parametrize(("key", "word"), [("P", "pilot runner"), ("B", "bundle runner")])
async def test_what_is_not_built_is_on_the_keys_and_says_what_is_missing(
    home: Home, clock: SimulatedClock, states: States, key: str, word: str
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert word in shown(app)


async def test_pause_holds_the_lists_and_never_the_top_line(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await give(pilot, states["stale"]())
        assert "engine ◐ STALE" in shown(app)
        assert "should write state/gate.json" not in shown(app)
        await pilot.press("p")
        await pilot.pause()
        assert "should write state/gate.json" in shown(app)


async def test_a_killed_home_is_shown_even_when_paused(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await give(pilot, states["killing"]())
        assert "KILLING  3 left" in shown(app)


async def test_tab_turns_the_page_of_a_small_terminal(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "GATES" in shown(app) and "SHADOW POSITIONS" not in shown(app)
        await pilot.press("tab")
        await pilot.pause()
        assert "GATES" not in shown(app) and "KXHIGHNY-26NOV25-B52.5" in shown(app)
        await pilot.press("tab")
        await pilot.pause()
        assert "GATES" in shown(app)


async def test_help_shows_every_key_and_how_to_kill_without_the_console(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        page = shown(app)
        assert all(action.help in page for action in app.actions)
        assert f"flightdeck kill on --home {home.root}" in page
        await pilot.press("escape")
        assert isinstance(app.screen, Overview)


async def test_a_snapshot_is_drawn_on_the_screen_one_returns_to(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("2")
        await pilot.pause()
        assert isinstance(app.screen, Log)
        await give(pilot, states["stale"]())
        await pilot.press("1")
        await pilot.pause()
        assert "should write state/gate.json" in shown(app)


async def test_the_dump_and_the_copy_are_files_of_the_user_alone(
    home: Home, clock: SimulatedClock, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home.root / "user"))
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("D", "down", "y")
        await pilot.pause()
        assert app.clipboard.startswith("KXHIGHNY-26NOV25-B54.5")
    kept = sorted((home.root / "user" / "flightdeck-console").iterdir())
    assert [path.name.split("-")[0] for path in kept] == ["copy", "screen"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
    assert "MAY TRADE" in kept[1].read_text()


# Release -----------------------------------------------------------------------------------------------------------


class Answer:
    """Stands in for the command: remembers what was asked, gives one answer."""

    def __init__(self, code: int = 0, said: str = "") -> None:
        self.asked: list[list[str]] = []
        self.code, self.said = code, said

    async def __call__(self, command: list[str]) -> tuple[int, str]:
        self.asked.append(command)
        await asyncio.sleep(0)
        return self.code, self.said


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    made = Answer()
    monkeypatch.setattr(release_module, "run", made)
    return made


async def fill(pilot: Pilot[int], reason: str | None, word: str) -> None:
    await pilot.press("R")
    await pilot.pause()
    if reason is not None:
        pilot.app.screen.query_one("#reason", Input).value = reason
    pilot.app.screen.query_one("#word", Input).value = word
    pilot.app.screen.query_one("#act", Button).focus()
    await pilot.press("enter")
    await pilot.pause()


async def test_release_opens_with_the_focus_on_cancel_and_enter_is_harmless(
    home: Home, clock: SimulatedClock, states: States, answer: Answer
) -> None:
    app = console(home, clock, states["killed"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("R")
        await pilot.pause()
        assert isinstance(app.screen, Release)
        assert app.screen.focused is not None and app.screen.focused.id == "cancel"
        assert "CLEAR THE KILL SWITCH" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Overview)
    assert answer.asked == []


async def test_clear_runs_the_command_for_the_kill_that_was_shown(
    home: Home, clock: SimulatedClock, states: States, answer: Answer
) -> None:
    app = console(home, clock, states["killed"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await fill(pilot, "config mended", "CLEAR")
        assert isinstance(app.screen, Overview)
    (command,) = answer.asked
    assert command[4:] == [
        "kill", "clear", "--home", str(home.root), "--reason=config mended", "--confirm", "CLEAR",
        "--kill-id", "1234-99",
    ]  # fmt: skip


async def test_start_is_the_second_act_and_needs_its_own_word(
    home: Home, clock: SimulatedClock, states: States, answer: Answer
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await fill(pilot, None, "START")
    assert answer.asked[0][4:] == ["kill", "start", "--home", str(home.root), "--confirm", "START"]


@pytest.mark.parametrize(("reason", "word"), [("", "CLEAR"), ("mended", "clear"), ("mended", ""), ("mended", "START")])
async def test_without_reason_or_word_nothing_is_run(
    home: Home, clock: SimulatedClock, states: States, answer: Answer, reason: str, word: str
) -> None:
    app = console(home, clock, states["killed"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await fill(pilot, reason, word)
        assert "nothing done" in shown(app)
    assert answer.asked == []


async def test_another_kill_than_the_one_shown_is_not_cleared(
    home: Home, clock: SimulatedClock, states: States, answer: Answer
) -> None:
    killed = states["killed"]()
    app = console(home, clock, killed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("R")
        await give(pilot, replace(killed, kill=replace(killed.kill, kill_id="9999-1")))
        assert "changed since this opened" in shown(app)
        app.screen.query_one("#reason", Input).value = "mended"
        app.screen.query_one("#word", Input).value = "CLEAR"
        app.screen.query_one("#act", Button).focus()
        await pilot.press("enter")
        await pilot.pause()
    assert answer.asked == []


async def test_a_word_is_typed_never_pasted(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["killed"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("R")
        await pilot.pause()
        word = app.screen.query_one("#word", Input)
        word.focus()
        word.post_message(events.Paste("CLEAR"))
        await pilot.pause()
        assert word.value == ""
        await pilot.press(*"CLEAR")
        assert word.value == "CLEAR"


async def test_a_refusal_stays_on_screen_with_its_reason(
    home: Home, clock: SimulatedClock, states: States, answer: Answer
) -> None:
    answer.code, answer.said = 1, "not verified that nothing rests at the exchange (left: 3)"
    app = console(home, clock, states["killing"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await fill(pilot, "mended", "CLEAR")
        assert isinstance(app.screen, Release)
        assert "refused (1): not verified" in shown(app)


async def test_a_reason_with_hostile_text_is_one_argument(
    home: Home, clock: SimulatedClock, states: States, answer: Answer
) -> None:
    app = console(home, clock, states["killed"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await fill(pilot, "--confirm; rm -rf / $(x)", "CLEAR")
    assert answer.asked[0][8] == "--reason=--confirm; rm -rf / $(x)"


# Messages and crashes ----------------------------------------------------------------------------------------------


async def test_snapshots_that_wait_are_replaced_by_the_newest(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = console(home, clock, states["healthy"]())
    seen: list[Snapshot] = []
    async with app.run_test(size=(120, 40), message_hook=lambda m: _note(m, seen)) as pilot:
        await pilot.pause()
        seen.clear()
        for _ in range(100):
            app.post_message(SnapshotArrived(states["healthy"]()))
        await give(pilot, states["stale"]())
        assert app.snapshot is not None and app.snapshot.engine == states["stale"]().engine


def _note(message: object, seen: list[Snapshot]) -> None:
    if isinstance(message, SnapshotArrived):
        seen.append(message.snapshot)


async def test_every_pane_takes_every_state_in_turn(home: Home, clock: SimulatedClock, states: States) -> None:
    app = console(home, clock, states["empty"]())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for make in [*states.values(), *reversed(states.values())]:
            await give(pilot, make())
            assert app.screen.query_one(TopLine).size.height == 1
        assert app.screen.query_one(Flash) and app.screen.query_one(Keys)


async def test_what_is_painted_in_parts_is_what_is_painted_whole(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    """Walk through states by partial repaints; a console that starts in the last one shows the same."""
    walked = console(home, clock, states["healthy"]())
    async with walked.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for name in ("stale", "corrupt", "killing", "healthy", "killed"):
            await give(pilot, states[name]())
        parts = shown(walked)
    fresh = console(home, clock, states["killed"]())
    async with fresh.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert shown(fresh) == parts


async def test_before_anything_was_read_the_screen_says_so_and_k_kills(
    home: Home, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module.Live, "start", lambda _: None)
    app = Console(home, clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "? READING  nothing is known yet" in shown(app)
        assert "K kill" in shown(app) and "TRADE" not in shown(app)
        await pilot.press("K")
        await pilot.pause()
        assert fold(home, clock).engaged
        assert "kill switch engaged" in shown(app)
        assert "KILLED" not in shown(app)


async def test_a_theme_that_does_not_exist_is_told_and_nothing_else(
    home: Home, clock: SimulatedClock, states: States
) -> None:
    app = console(home, clock, states["healthy"]())
    async with app.run_test(size=(200, 50)) as pilot:
        app.post_message(SettingsRead(Looks("nyc-1", "pink")))
        await pilot.pause()
        assert "there is no 'pink'" in shown(app)
        assert app.theme == "ansi-dark"
