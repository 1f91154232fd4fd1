"""However a demo ends, nothing of it stays; and what it refuses to start on."""

from __future__ import annotations

import signal
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.process.conftest import Desk, Terminal

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks"), pytest.mark.timeout(90)]

ROOT = Path(__file__).resolve().parents[2]


def gone(desk: Desk, command: subprocess.Popen[bytes]) -> int:
    """The exit code; nothing else of the demo is there soon after."""
    code = command.wait(30)
    desk.wait_for("everything has ended", lambda: not desk.processes())
    return code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_headless_demo_in_order(desk: Desk, number: signal.Signals) -> None:
    demo = desk.demo()
    assert desk.end(demo, number) == 0
    assert desk.document("exchange")["resting"] == []
    assert "shadow fills" in desk.out(demo)
    assert desk.err(demo) == ""


def test_nothing_outlives_a_demo_that_is_killed(desk: Desk) -> None:
    demo = desk.demo()
    demo.kill()
    assert gone(desk, demo) == -signal.SIGKILL
    assert not desk.path("state/permit.json").exists()
    assert not desk.path("state/armed.json").exists()


def hang_up(terminal: Terminal) -> None:
    terminal.close()


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param(lambda terminal: terminal.press(b"q"), {0}, id="q"),
        pytest.param(lambda terminal: terminal.press(b"\x03"), {0}, id="ctrl-c"),
        pytest.param(lambda terminal: terminal.command.terminate(), {0}, id="SIGTERM"),
        pytest.param(lambda terminal: terminal.command.send_signal(signal.SIGHUP), {0}, id="SIGHUP"),
        pytest.param(lambda terminal: terminal.command.kill(), {-signal.SIGKILL}, id="SIGKILL"),
        pytest.param(hang_up, {0, 129}, id="terminal-gone"),
    ],
)
def test_nothing_outlives_a_demo_with_its_console(
    desk: Desk, console_demo: Terminal, act: Callable[[Terminal], None], code: set[int]
) -> None:
    act(console_demo)
    assert gone(desk, console_demo.command) in code
    assert not desk.path("state/permit.json").exists()


def test_a_console_that_dies_ends_its_demo_with_its_own_code(desk: Desk, console_demo: Terminal) -> None:
    before = termios.tcgetattr(console_demo.master)
    assert not before[3] & termios.ECHO  # the console has it
    desk.signal("console", signal.SIGKILL)
    assert gone(desk, console_demo.command) == 128 + signal.SIGKILL
    assert console_demo.shows("the console was ended by signal 9")
    assert termios.tcgetattr(console_demo.master)[3] & termios.ECHO


def test_a_console_on_a_home_where_others_run_the_engine_stops_nothing(desk: Desk) -> None:
    demo = desk.demo()
    console = desk.terminal("console")
    desk.wait_for("the console shows the desk", lambda: console.shows("MAY TRADE"))
    console.press(b"q")
    assert console.command.wait(30) == 0
    console.close()
    desk.cycles(2)
    assert len(desk.resting()) == 6
    desk.end(demo)


def test_a_second_demo_on_a_home_is_refused_and_names_the_first(desk: Desk) -> None:
    demo = desk.demo()
    assert desk.run("demo", "--headless") == 75
    assert desk.err().startswith("flightdeck demo: ")
    assert f"pid {demo.pid} " in desk.err()
    assert f"pid {demo.pid} " in desk.events("ALREADY_RUNNING")[-1]["message"]
    assert len(desk.resting()) == 6
    desk.end(demo)


@pytest.mark.parametrize(
    "config",
    [
        '[exchange]\nbase_url = "https://api.elections.kalshi.com/trade-api/v2"\n',
        '[exchange]\nbase_url = "https://demo-api.kalshi.co/trade-api/v2"\n',
        "[exchange]\nbase_url = 7\n",
        "exchange = 1\n",
        "not toml",
        "[supervisor]\nbrake_exits = 3\n",
    ],
)
def test_a_home_that_is_not_of_a_demo_is_refused_and_stays_as_it_is(desk: Desk, config: str) -> None:
    desk.home.mkdir()
    desk.path("flightdeck.toml").write_text(config)
    assert desk.run("demo", "--headless", "--seconds", "1") == 78
    assert desk.err().startswith("flightdeck demo: ")
    assert desk.err().count("\n") == 1
    assert [path.name for path in desk.home.iterdir()] == ["flightdeck.toml"]


def test_the_checkout_is_no_home(desk: Desk) -> None:
    assert desk.run("demo", "--headless", "--seconds", "1", "--home", str(ROOT)) == 78
    assert "holds program source" in desk.err()


def test_a_demo_without_a_terminal_says_how_to_run_without_one(desk: Desk) -> None:
    assert desk.run("demo") == 2
    assert "--headless" in desk.err()
    assert not desk.home.exists()


def test_a_demo_whose_supervisor_cannot_start_ends_and_says_where_to_look(desk: Desk) -> None:
    desk.environ["FLIGHTDECK_SUPERVISOR__HANG_S"] = "99"
    assert desk.run("demo", "--headless") == 69
    assert desk.err() == f"flightdeck demo: the supervisor did not start; see {desk.home}/logs/supervisor.log\n"
    assert "supervisor.hang_s" in desk.path("logs/supervisor.log").read_text()
    assert desk.processes() == {}
