"""The console on a real pseudo-terminal: what it writes there, how it ends."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest

from console.picture import NOON, healthy
from state.clock import SystemClock, stamp
from state.home import Document, Home
from state.models.gate import GateLine, GateReport

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
Start = Callable[..., Any]

HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x07", "\x1b]0;owned\x07", "\x1b[666;666H\x1b[31;666m\x1b[2J", "\x1bPq\x1b\\", "\x9b31m",
    "\x9d0;owned\x9c", "\x90q\x9c",
    "\u202eevil\u2066", "\u200b\u200f", "a\x00b", "\x07\x08\x7f", "e" + "\u0301" * 40,
    "\u2028\u2029",
    "[@click=app.kill]press me[/]", "[bold]x[/bold]", "[/bold]", "[/", "path[/var/log]",
    "[link=http://x]y[/link]", "\\[",
)  # fmt: skip
NASTY = " ".join(HOSTILE)
OWN = re.compile(
    rb"\x1b\[[0-9;?<>=$]*[A-Za-z]|\x1b\[\?20(?:26|48)\$p|\x1b\[>[0-9]*u|\x1b\[<u|\x1b[78=>]|\x1b\(B"
    rb"|\x1b\]22;[a-z-]*(?:\x1b\\|\x07)|\r|\n"
)
"""What Textual itself writes: CSI for cursor, style and modes, the shape of the pointer; nothing with text in it."""


def put(home: Home, entry: Document, value: Any, **more: Any) -> None:
    """Write a document as of now, on the machine's clocks."""
    import json

    clock = SystemClock()
    envelope = {"boot_id": clock.boot_id(), "seq": clock.boottime_ns(), "written_at": stamp(clock.now())}
    home.path(entry).write_text(json.dumps({**json.loads(value.model_dump_json()), **envelope, **more}))


def own_start_id() -> str:
    return f"{os.getpid()}-{Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19]}"


def fill(home: Home, text: str, *, journals: bool = True) -> None:
    """Every document and every journal that a widget draws, with `text` in each string that comes from outside."""
    import json

    well = healthy()
    gates = (
        GateLine(name=text, open=True, value=text, threshold=text),
        GateLine(name="g", open=False, value="", reason=text),
    )
    put(
        home,
        Home.gate,
        GateReport(
            open=False, gates=gates, reasons=(text,), windows=({"series": text, "frozen": True, "reason": text},)
        ),
    )  # type: ignore[arg-type]
    put(home, Home.heartbeat, well.heartbeat.value, errors=[text], start_id=own_start_id(), pid=os.getpid())
    held = [{**json.loads(p.model_dump_json()), "ticker": text[:40] + str(n), "family": text, "note": text} for n, p in
            enumerate(well.positions.value.positions)]  # fmt: skip
    put(home, Home.positions, well.positions.value, positions=held)
    rest = [{**json.loads(o.model_dump_json()), "ticker": text, "order_id": text} for o in well.exchange.value.resting]
    put(home, Home.exchange, well.exchange.value, resting=rest, error=text)
    put(home, Home.supervisor, well.supervisor.value, last_exit=text, engine_pid=os.getpid())
    if not journals:
        return
    at = stamp(NOON)
    event = {"at": at, "event": text, "severity": "error", "message": text, text: {text: [text]}, "subsystem": text}
    act = {"at": at, "act": "refused", "by": text, "why": text, "kill_id": "x"}
    raw = text.encode("utf-8", "replace")
    home.path(Home.events).write_bytes(
        b"".join(json.dumps(event, ensure_ascii=plain).encode() + b"\n" for plain in (True, False))
        + raw
        + b"\n\xff\x9b1m\n"
    )
    home.path(Home.kills).write_text(json.dumps(act) + "\n")


def leaks(written: bytes) -> list[bytes]:
    """What is left of the bytes when Textual's own sequences are gone, and is not plain visible text."""
    rest = OWN.sub(b"", written)
    text = rest.decode("utf-8", "surrogateescape")
    return [repr(character).encode() for character in text if not character.isprintable()]


def test_hostile_text_reaches_neither_the_terminal_nor_an_action(home: Home, terminal: Start) -> None:
    fill(home, NASTY)
    screen = terminal("--mouse", size=(200, 50))
    screen.wait_for("SHADOW POSITIONS")
    screen.read(1.0)
    for keys, shows in (
        ("2", "LOG"),
        ("\x1b[B\r", "LINE"),
        ("\x1b", "LOG"),
        ("\t", "run"),
        ("\t", "kill"),
        ("1", "GATES"),
    ):
        screen.press(keys)
        screen.read(1.5, lambda got, text=shows: text.encode() in got)
    for row in range(1, 49):  # a click on every row of the overview
        screen.press(f"\x1b[<0;20;{row}M\x1b[<0;20;{row}m")
    screen.read(1.0)
    screen.press("R")
    screen.wait_for("START TRADING")
    screen.press("\x1b")
    screen.read(0.5)
    screen.press("?")
    screen.wait_for("WITHOUT THE CONSOLE")
    screen.press("\x1b")
    screen.read(0.5)
    assert leaks(screen.written) == []
    for forbidden in (b"\x1b]52", b"\x1b]0;", b"\x1bP", b"\x9b3", b"\x1b[666", b"\x1b[31;666", b"\x1b[2J"):
        assert forbidden not in screen.written
    assert b"[@click=app.kill]" in screen.written, "shown, so that the test tests something"
    assert not os.path.lexists(home.state / "kill_switch")
    screen.press("q")
    assert screen.child.wait(10) == 0


def test_hostile_text_of_a_kill_stays_text(home: Home, terminal: Start) -> None:
    from state import kill

    fill(home, NASTY)
    kill.engage(home, SystemClock(), why=NASTY, via="console", by=NASTY)
    screen = terminal()
    screen.wait_for("KILLING")
    screen.press("R")
    screen.wait_for("CLEAR THE KILL SWITCH")
    assert leaks(screen.written) == []


@pytest.mark.parametrize("state", ["corrupt", "hostile name of the home"])
def test_reasons_made_from_bytes_stay_text(tmp_path: Path, home: Home, terminal: Start, state: str) -> None:
    if state == "corrupt":
        for entry in Home.documents():
            home.path(entry).write_bytes(NASTY.encode())
        screen = terminal()
    else:
        odd = tmp_path / "a\x1b]0;owned\x07\u202eb"
        Home(odd).create()
        screen = terminal(argv=[sys.executable, "-m", "flightdeck", "--home", str(odd)])
    screen.wait_for("GATES")
    screen.press("?")
    screen.read(1.5)
    assert leaks(screen.written) == []


@pytest.mark.storm
def test_a_still_home_costs_less_than_400_bytes_a_second(home: Home, terminal: Start) -> None:
    fill(home, "still")
    screen = terminal()
    screen.wait_for("SHADOW POSITIONS")
    screen.read(2.0)
    seconds = 12
    assert len(screen.read(seconds)) / seconds <= 400


def test_what_is_painted_in_parts_is_what_a_terminal_shows(home: Home, terminal: Start) -> None:
    fill(home, "before")
    screen = terminal()
    screen.wait_for("SHADOW POSITIONS")
    screen.read(1.0)
    for text in ("a longer after, with more words", "漢字 wide", "end"):
        fill(home, text, journals=False)
        screen.read(1.3)
    emulated = pyte.Screen(120, 40)
    pyte.ByteStream(emulated).feed(OWN_MODES.sub(b"", screen.written))
    walked = [row.rstrip() for row in emulated.display]
    screen.press("q")
    assert screen.child.wait(10) == 0
    fresh = terminal()
    fresh.wait_for("SHADOW POSITIONS")
    fresh.read(1.5)
    again = pyte.Screen(120, 40)
    pyte.ByteStream(again).feed(OWN_MODES.sub(b"", fresh.written))
    moving = re.compile(r"\d\d:\d\d:\d\d|<1s|\d+s\b|\d+m\b|STALE|\bok\b|\bLATE\b|[●◐○▁▸]|up \d\w*")
    assert [moving.sub("", row).split() for row in walked] == [
        moving.sub("", row.rstrip()).split() for row in again.display
    ]


OWN_MODES = re.compile(rb"\x1b\[[?>=<][0-9;$]*[A-Za-z]|\x1b\[\?[0-9]+\$p")
"""Mode switches that the emulator would print."""


@pytest.mark.parametrize("how", ["SIGHUP comes", "SIGHUP is ignored at start", "no signal ever comes"])
def test_the_console_dies_with_its_terminal(home: Home, terminal: Start, how: str) -> None:
    command = [sys.executable, "-m", "flightdeck", "--home", str(home.root)]
    if "ignored" in how:
        code = (
            "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [sys.executable, "-c", code, *command]
    screen = terminal(argv=command, controlling=how != "no signal ever comes")
    screen.wait_for("GATES")
    screen.hang_up()
    assert screen.child.wait(5) != 0


def test_sigterm_ends_it_and_gives_the_terminal_back(home: Home, terminal: Start) -> None:
    screen = terminal()
    screen.wait_for("GATES")
    screen.child.send_signal(signal.SIGTERM)
    assert screen.child.wait(10) == 143
    assert b"\x1b[?1049l" in screen.read(1.0)


def test_ctrl_c_leaves_and_touches_nothing(home: Home, terminal: Start) -> None:
    before = sorted(path.name for path in home.root.rglob("*"))
    screen = terminal()
    screen.wait_for("GATES")
    screen.press("\x03")
    assert screen.child.wait(10) == 0
    assert sorted(path.name for path in home.root.rglob("*")) == before


def test_a_crash_is_not_exit_code_0(home: Home, terminal: Start) -> None:
    code = (
        "import sys; from console.widgets.panels import Gates\n"
        "def draw(*_): raise RuntimeError('drawn wrong')\n"
        "Gates.draw = draw\n"
        "from console.main import main; sys.exit(main(sys.argv[1:]))"
    )
    screen = terminal(argv=[sys.executable, "-c", code, "--home", str(home.root)])
    screen.read(10.0, lambda got: b"drawn wrong" in got)
    assert screen.child.wait(10) != 0


def test_k_is_on_disk_before_the_picture_says_so(home: Home, terminal: Start) -> None:
    screen = terminal()
    screen.wait_for("kill")
    screen.read(0.5)
    screen.press("K")
    screen.wait_for("KILLING")
    assert os.path.lexists(home.state / "kill_switch")


@pytest.mark.parametrize("before", ["", "/"], ids=["alone", "after a line that did not open"])
def test_k_kills_while_the_event_loop_stands_still(home: Home, terminal: Start, before: str) -> None:
    """As behind a terminal that takes no more output, or under a picture that takes long."""
    code = (
        "import sys, time; from console.app import Console\n"
        "Console.on_snapshot_arrived = lambda *_: time.sleep(60)\n"
        "from console.main import main; sys.exit(main(sys.argv[1:]))"
    )
    screen = terminal(argv=[sys.executable, "-c", code, "--home", str(home.root)])
    screen.wait_for("READING")
    screen.read(1.0)
    screen.press(before)
    screen.read(2.5)  # a second in which no line opened, on a busy machine too
    screen.press("K")
    screen.read(10.0, lambda _: os.path.lexists(home.state / "kill_switch"))
    assert os.path.lexists(home.state / "kill_switch")


def test_k_in_a_text_field_of_a_real_terminal_is_a_letter_and_after_escape_it_kills(
    home: Home, terminal: Start
) -> None:
    screen = terminal()
    screen.wait_for("SHADOW POSITIONS")
    screen.read(0.5)
    screen.press("/")
    screen.wait_for("Enter keeps it")
    screen.press("K")
    screen.press("Z")
    screen.read(1.0)
    assert not os.path.lexists(home.state / "kill_switch")
    screen.press("\x1b")
    screen.read(1.0)
    screen.press("K")
    screen.wait_for("KILLING")


@pytest.mark.parametrize("keys", ["/KXCPI", "\x1b[O/KXCPI", "/\x1bK", "/KXCPI\rK", "\x1bK", "2sK\x1bK"], ids=repr)
def test_keys_that_arrive_in_one_piece_mean_what_they_mean_one_by_one(home: Home, terminal: Start, keys: str) -> None:
    """As from a line that stood still for a moment; a terminal sends Esc, K in one piece as it sends Alt-K."""
    screen = terminal()
    screen.wait_for("SHADOW POSITIONS")
    screen.read(0.5)
    screen.press(keys)
    screen.read(1.5, lambda _: os.path.lexists(home.state / "kill_switch"))
    assert os.path.lexists(home.state / "kill_switch") == (not keys.endswith("/KXCPI"))
    assert screen.child.poll() is None


@pytest.mark.parametrize("key", ["/", "y", "D", "p", "\t", "?", "R", "K"], ids=repr)
def test_no_key_pressed_before_anything_is_on_screen_ends_the_console(home: Home, terminal: Start, key: str) -> None:
    screen = terminal()
    for _ in range(12):
        screen.press(key)
        screen.read(0.05)
    screen.press("\x1b")
    screen.read(0.5)
    screen.press("K")
    screen.read(10.0, lambda got: b"KILLING" in screen.written + got)
    assert b"KILLING" in screen.written
    assert screen.child.poll() is None


def test_escape_then_k_kills_while_the_event_loop_stands_still(home: Home, terminal: Start) -> None:
    code = (
        "import sys, time; from console.screens.overview import Overview\n"
        "Overview.on_filter_line_wanted = lambda _, wanted: wanted.text and time.sleep(60)\n"
        "from console.main import main; sys.exit(main(sys.argv[1:]))"
    )
    screen = terminal(argv=[sys.executable, "-c", code, "--home", str(home.root)])
    screen.wait_for("SHADOW POSITIONS")
    screen.read(0.5)
    screen.press("/")
    screen.wait_for("Enter keeps it")
    screen.press("X")
    screen.read(0.5)
    screen.press("\x1b")
    screen.read(0.5)
    screen.press("K")
    screen.read(3.0, lambda _: os.path.lexists(home.state / "kill_switch"))
    assert os.path.lexists(home.state / "kill_switch")


def test_a_read_only_console_has_no_kill_key_on_a_real_terminal_either(home: Home, terminal: Start) -> None:
    screen = terminal("--read-only")
    screen.wait_for("SHADOW POSITIONS")
    screen.press("K")
    screen.read(1.0)
    assert not os.path.lexists(home.state / "kill_switch")


def test_the_terminal_tells_its_size_not_what_a_shell_exported(home: Home, terminal: Start) -> None:
    console = [sys.executable, "-m", "flightdeck", "--home", str(home.root)]
    screen = terminal(argv=["env", "COLUMNS=50", "LINES=10", *console])
    screen.wait_for("SHADOW POSITIONS")


def test_a_wrong_setting_does_not_take_the_kill_key_away(home: Home, terminal: Start) -> None:
    home.config.write_text("[engine]\nno_such_key = 1\n")
    screen = terminal(size=(160, 40))
    screen.wait_for("no_such_key")
    screen.press("K")
    screen.wait_for("KILLING")


def test_without_a_terminal_it_says_what_to_do_instead(home: Home) -> None:
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "flightdeck", "--home", str(home.root)],
        capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 69
    assert "flightdeck status" in done.stderr


@pytest.mark.storm
def test_a_running_demo_costs_less_than_3_kb_a_second(tmp_path: Path, terminal: Start) -> None:
    """Acceptance 9: at 120×40, with an engine that trades on paper in six families."""
    demo = Home(tmp_path / "demo")
    screen = terminal(argv=[sys.executable, "-m", "flightdeck", "demo", "--home", str(demo.root)], size=(120, 40))
    screen.wait_for("MAY TRADE", 60.0)
    screen.read(5.0)
    before = demo.path(Home.cycles).stat().st_size, demo.path(Home.fills).stat().st_size
    seconds = 20
    written = screen.read(seconds)
    after = demo.path(Home.cycles).stat().st_size, demo.path(Home.fills).stat().st_size
    screen.press("q")
    assert screen.child.wait(30) == 0
    assert all(new > old for old, new in zip(before, after, strict=True)), "it traded, or this measures nothing"
    assert len(written) / seconds <= 3_000


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_the_first_frame_knows_nothing_and_says_so_and_the_next_one_knows(
    home: Home, terminal: Start, size: tuple[int, int]
) -> None:
    fill(home, "known")
    screen = terminal(size=size)
    first = screen.wait_for("READING").partition(b"READING")[2] + screen.wait_for("NO TRADE")
    assert b"nothing is known yet" in first
    assert first.index(b"quit") < first.index(b"NO TRADE"), "the keys are there before the first reading"
    assert b"MAY TRADE" not in screen.written
