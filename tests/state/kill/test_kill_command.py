"""`flightdeck kill` as a stranger runs it: exit codes 0, 1, 2, 69, 74, 78, and one clear line."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from state import kill, sentinel
from state.clock import SystemClock
from state.home import Home
from state.kill_journal import RUNGS, fold
from state.lock import Lock

if TYPE_CHECKING:
    from tests.state.kill.conftest import Trading

pytestmark = pytest.mark.process

Run = Callable[..., subprocess.CompletedProcess[str]]
PROJECT = Path(__file__).parents[3]


@pytest.fixture
def at(home: Home) -> tuple[str, str]:
    """The words that name a home in which a supervisor ran."""
    (home.state / "supervisor.lock").touch()
    return ("--home", os.fspath(home.root))


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text.strip()


def test_on_kills_and_says_where(command: Run, home: Home, at: tuple[str, str]) -> None:
    done = command("on", *at, "--why", "drill")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"KILL is on: {home.root} (home)\n", "")
    state = fold(home, SystemClock())
    assert (state.level, state.why) == ("HALT", "drill")


def test_on_twice_is_one_kill_and_well(command: Run, home: Home, at: tuple[str, str]) -> None:
    command("on", *at)
    done = command("on", *at)

    assert (done.returncode, one_line(done.stdout)) == (0, f"KILL was already on: {home.root} (home)")


def test_on_in_a_home_where_nothing_ever_ran_kills_and_lists_the_homes_of_live_supervisors(
    command: Run, home: Home, tmp_path: Path
) -> None:
    hold = (
        "import sys; from state.clock import SystemClock; from state.home import Home; from state.lock import Lock\n"
        "Lock(Home(sys.argv[1]), 'supervisor', SystemClock()).acquire(); print(flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", hold, os.fspath(home.root)]
    environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    try:
        assert other.stdout is not None
        other.stdout.readline()
        done = command("on", "--home", "empty")
    finally:
        other.communicate()

    assert done.returncode == 69
    assert one_line(done.stdout) == f"KILL is on: {tmp_path}/empty (nothing ever ran here)"
    assert f"  flightdeck kill on --home {home.root}\n" in done.stderr
    assert sentinel.look(Home(tmp_path / "empty")).engaged


def test_on_again_where_nothing_ever_ran_is_still_not_well(command: Run) -> None:
    assert command("on", "--home", "empty").returncode == 69
    assert command("on", "--home", "empty").returncode == 69


def test_on_that_cannot_place_the_sentinel_says_what_to_do(command: Run, tmp_path: Path) -> None:
    (tmp_path / "state").touch()

    done = command("on", "--home", os.fspath(tmp_path))

    assert (done.returncode, done.stdout) == (74, "")
    assert "cannot place" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("--home", ""), {}),
        (("--home", "~nobody-of-that-name/home"), {}),
        (("--home", os.fspath(PROJECT)), {}),
        ((), {"XDG_CONFIG_HOME": "broken"}),
        ((), {"XDG_CONFIG_HOME": "relative"}),
        ((), {"XDG_CONFIG_HOME": "folder"}),
    ],
)
def test_a_home_that_cannot_be_told_is_said_and_never_guessed(
    command: Run, tmp_path: Path, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    for name, text in (("broken", "home = \n"), ("relative", 'home = "here"\n')):
        (tmp_path / name / "flightdeck").mkdir(parents=True)
        (tmp_path / name / "flightdeck" / "flightdeck.toml").write_text(text)
    (tmp_path / "folder" / "flightdeck" / "flightdeck.toml").mkdir(parents=True)
    before = {**os.environ, "HOME": os.fspath(tmp_path), "PYTHONPATH": os.fspath(PROJECT)}
    before.pop("FLIGHTDECK_HOME", None)
    paths = {name: os.fspath(tmp_path / value) for name, value in environ.items()}

    done = command("on", *words, env={**before, **paths})

    assert (done.returncode, done.stdout) == (78, "")
    assert "--home" in one_line(done.stderr)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("off",),
        ("on", "--wat"),
        ("on", "--why"),
        ("on", "--hom", "x"),
        ("clear",),
        ("clear", "--confirm", "CLEAR"),
        ("clear", "--reason", "x"),
        ("clear", "--reason", " ", "--confirm", "CLEAR"),
        ("clear", "--reason", "x", "--confirm", "clear"),
        ("start",),
        ("start", "--confirm", "yes"),
    ],
)
def test_what_is_not_said_plainly_does_nothing(
    command: Run, home: Home, at: tuple[str, str], words: tuple[str, ...]
) -> None:
    kill.engage(home, SystemClock(), why="", via="test")
    before = home.path(Home.kills).read_bytes()

    done = command(*words, *(at if words else ()))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("flightdeck kill")
    assert home.path(Home.kills).read_bytes() == before
    assert sentinel.look(home).engaged


def test_help_is_no_kill(command: Run, home: Home, at: tuple[str, str]) -> None:
    assert command("on", "--help", *at).returncode == 0
    assert not sentinel.look(home).engaged


def test_clear_and_start_say_why_not(command: Run, home: Home, at: tuple[str, str]) -> None:
    done = command("clear", *at, "--reason", "x", "--confirm", "CLEAR")
    assert (done.returncode, one_line(done.stderr)) == (
        1,
        "flightdeck kill clear: refused: the kill switch is off already; nothing to clear",
    )

    done = command("start", *at, "--confirm", "START")
    assert (done.returncode, one_line(done.stderr)) == (
        1,
        "flightdeck kill start: refused: no supervisor runs; start one: flightdeck up",
    )


def test_clear_then_start_by_two_typed_words(command: Run, trading: Trading, at: tuple[str, str]) -> None:
    real = SystemClock()
    trading.armed.unlink()
    command("on", *at)

    done = command("clear", *at, "--reason", "over", "--confirm", "CLEAR")
    assert (done.returncode, done.stdout, done.stderr) == (0, "kill switch is off\n", "")
    assert not trading.armed.exists()

    trading.supervise(boot_id=real.boot_id(), seq=real.boottime_ns())
    with Lock(trading.home, "supervisor", real):
        done = command("start", *at, "--confirm", "START")
    assert (done.returncode, done.stdout, done.stderr) == (0, "armed\n", "")
    assert trading.armed.exists()


def test_start_with_a_broken_configuration_is_refused(command: Run, home: Home, at: tuple[str, str]) -> None:
    home.config.write_text("[start]\nno_such_key = 1\n")

    done = command("start", *at, "--confirm", "START")

    assert done.returncode == 78
    assert "no_such_key" in one_line(done.stderr)


def test_status_says_what_stands(command: Run, home: Home, at: tuple[str, str]) -> None:
    assert command("status", *at).stdout == "kill switch is off\n"

    kill.engage(home, SystemClock(), why="drill\x1b]0;x\x07", via="test", by="ann")
    done = command("status", *at)
    assert done.returncode == 0
    assert done.stdout.startswith("kill switch is ON (drill␛]0;x␇), by ann\n  sentinel_durable ")


def test_status_tells_the_doubt_that_belongs_to_a_rung(command: Run, home: Home, at: tuple[str, str]) -> None:
    done = kill.engage(home, SystemClock(), why="drill", via="test", by="ann")
    told = {"rung": "cancel_sent", "kill_id": done.kill_id, "by": "engine 7", "why": "never acknowledged"}
    kill.record(home, SystemClock(), "rung", **told)
    assert command("status", *at).stdout.endswith("  engine 7  (never acknowledged)\n")


def test_status_json_is_the_documented_object(command: Run, home: Home, at: tuple[str, str]) -> None:
    assert json.loads(command("status", "--json", *at).stdout) == {
        "engaged": False,
        "level": "RUN",
        "why": None,
        "since": None,
        "rungs": [],
    }

    kill.engage(home, SystemClock(), why="drill", via="test", by="ann")
    told = json.loads(command("status", "--json", *at).stdout)
    assert (told["engaged"], told["level"], told["why"]) == (True, "HALT", "drill")
    assert told["rungs"] == [{"name": RUNGS[0], "at": told["rungs"][0]["at"], "by": "ann"}]


@pytest.mark.parametrize("spoil", ["home", "journal"])
def test_status_that_cannot_be_read_says_so(command: Run, home: Home, spoil: str) -> None:
    if spoil == "home":
        home.state.rmdir()
    else:
        home.path(Home.kills).mkdir()

    done = command("status", "--home", os.fspath(home.root))

    assert done.returncode == 74
    assert one_line(done.stderr).startswith("flightdeck kill status: ")
    assert ("ENOENT" if spoil == "home" else "EINVAL") in done.stderr


@pytest.mark.parametrize("streams", ["full", "closed", "no input", "nobody reads"])
def test_a_kill_is_done_whoever_listens(command: Run, home: Home, at: tuple[str, str], streams: str) -> None:
    words = ("on", *at, "--why", "drill")
    if streams == "full":
        with open("/dev/full", "w") as full:
            done = command(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        told = (
            f"flightdeck kill on: KILL is on: {home.root} (home); only standard output failed: No space left on device"
        )
        assert (done.returncode, one_line(done.stderr)) == (74, told)
    elif streams == "nobody reads":
        reader, writer = os.pipe()
        os.close(reader)
        done = command(*words, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, "")
    else:
        redirection = ">&- 2>&-" if streams == "closed" else "<&-"
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-P", "-m", "flightdeck", "kill", *words]
        environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}
        assert subprocess.run(shell, env=environ, capture_output=True, timeout=60).returncode == 0
    assert fold(home, SystemClock()).why == "drill"


def test_nobody_is_asked_without_a_terminal(home: Home, at: tuple[str, str]) -> None:
    kill.engage(home, SystemClock(), why="", via="test")
    words = [sys.executable, "-P", "-m", "flightdeck", "kill", "clear", *at, "--reason", "over"]
    environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}

    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words], env=environ, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "needs the word CLEAR" in one_line(done.stderr)
    assert sentinel.look(home).engaged


def test_a_name_that_no_terminal_can_show_hinders_no_kill(command: Run, tmp_path: Path) -> None:
    done = command("on", "--home", os.fsdecode(b"h\xff\xc3"), "--why", os.fsdecode(b"\xff"))

    assert (done.returncode, done.stdout.count("\n")) == (69, 1)
    assert (Path(os.fsdecode(os.fsencode(tmp_path) + b"/h\xff\xc3")) / "state" / sentinel.NAME).exists()


def test_a_working_directory_that_is_gone_is_said(command: Run, tmp_path: Path, at: tuple[str, str]) -> None:
    leave = (
        'import os, sys; os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")\n'
        "os.execv(sys.executable, sys.argv[1:])"
    )

    def kill_from_there(home: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", leave, sys.executable, "-P", "-m", "flightdeck", "kill", "on", "--home", home]
        environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}
        return subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)

    assert kill_from_there("relative").returncode == 78
    assert kill_from_there(at[1]).returncode == 0


@pytest.mark.parametrize(("typed", "code"), [(b"CLEAR\n", 0), (b"no\n", 2), (b"\x04", 2)])
def test_on_a_terminal_the_word_is_asked_for(home: Home, at: tuple[str, str], typed: bytes, code: int) -> None:
    kill.engage(home, SystemClock(), why="", via="test")
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-P", "-m", "flightdeck", "kill", "clear", *at, "--reason", "over"]
    environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}
    asked = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    while b"Type CLEAR to go on: " not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, typed)

    assert asked.wait(30) == code
    assert sentinel.look(home).engaged is (code != 0)
    os.close(ours)


SLOW = {"argparse", "dataclasses", "inspect", "pathlib", "typing", "uuid"}
"""Of the standard library, each a tenth to a half of the start of `kill on`."""


def test_on_imports_the_standard_library_and_little_of_it(home: Home, child: Callable[..., Any]) -> None:
    (home.state / "supervisor.lock").touch()
    code = (
        "import json, sys\n"
        "def imported(): return {name for name, module in sys.modules.items() if module}  # others are barred\n"
        "before = imported(); import flightdeck\n"
        "code = flightdeck.main(['kill', 'on', '--home', sys.argv[1]])\n"
        "print(json.dumps([code, sorted(imported() - before)]))"
    )

    exit_code, modules = child(code, os.fspath(home.root))

    roots = {name.partition(".")[0] for name in modules}
    assert exit_code == 0
    assert roots - {"flightdeck", "state"} <= sys.stdlib_module_names
    assert not roots & SLOW
    ours = {name for name in modules if name.startswith("state")}
    assert ours == {"state", "state.commands"} | {
        f"state.{name}" for name in ("clock", "commands.kill", "home", "kill", "kill_record", "sentinel")
    }


@pytest.mark.parametrize("words", [["status"], ["clear", "--reason", "x", "--confirm", "CLEAR"], ["on", "--why", "x"]])
def test_no_act_but_start_needs_more_than_the_standard_library(
    home: Home, child: Callable[..., Any], words: list[str]
) -> None:
    code = (
        "import json, sys\n"
        "def imported(): return {name for name, module in sys.modules.items() if module}  # others are barred\n"
        "before = imported(); import flightdeck\n"
        "flightdeck.main(['kill', *sys.argv[2:], '--home', sys.argv[1]])\n"
        "print(json.dumps(sorted(imported() - before)))"
    )

    modules = child(code, os.fspath(home.root), *words)

    assert {name.partition(".")[0] for name in modules} - {"flightdeck", "state"} <= sys.stdlib_module_names
