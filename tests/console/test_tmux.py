"""The console in tmux, as on a droplet: start, keys, resize, and the end of its pane."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from state.home import Home

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
ROOT = Path(__file__).parents[2]


class Tmux:
    """A tmux server of its own, with one pane."""

    def __init__(self, socket: Path, command: list[str], size: tuple[int, int]) -> None:
        self._base = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        env = {key: value for key, value in os.environ.items() if key not in ("TMUX", "TMUX_PANE")}
        env["PYTHONPATH"] = str(ROOT)
        start = [*self._base, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *command]
        subprocess.run(start, check=True, env=env, cwd="/")
        self.pid = int(self.run("list-panes", "-F", "#{pane_pid}"))

    def run(self, *arguments: str) -> str:
        """One tmux command."""
        return subprocess.run([*self._base, *arguments], check=True, capture_output=True, text=True).stdout

    def until(self, holds: Callable[[str], bool], seconds: float = 15.0) -> str:
        """The screen, as soon as `holds` holds for it."""
        end = time.monotonic() + seconds
        while not holds(seen := self.run("capture-pane", "-p")):
            assert time.monotonic() < end, seen
            time.sleep(0.05)
        return seen


@pytest.fixture
def tmux(home: Home, tmp_path: Path) -> Iterator[Tmux]:
    command = [sys.executable, "-P", "-m", "flightdeck", "--home", str(home.root)]
    started = Tmux(tmp_path / "s", command, (120, 40))
    yield started
    subprocess.run([*started._base, "kill-server"], capture_output=True, check=False)


def test_start_keys_resize_and_the_end_of_the_pane(tmux: Tmux, home: Home) -> None:
    tmux.until(lambda seen: "SHADOW POSITIONS" in seen and "q quit" in seen)
    tmux.run("send-keys", "2")
    tmux.until(lambda seen: "LOG" in seen)
    tmux.run("send-keys", "1")
    tmux.until(lambda seen: "SHADOW POSITIONS" in seen)

    tmux.run("resize-window", "-x", "80", "-y", "24")
    tmux.until(lambda seen: "GATES" in seen and "SHADOW POSITIONS" not in seen)
    tmux.run("send-keys", "Tab")
    tmux.until(lambda seen: "SHADOW POSITIONS" in seen)
    tmux.run("resize-window", "-x", "200", "-y", "50")
    wide = tmux.until(lambda seen: "GATES" in seen and "SHADOW POSITIONS" in seen and "EVENTS" in seen)
    assert max(len(row) for row in wide.splitlines()) > 150
    tmux.run("resize-window", "-x", "40", "-y", "8")
    tmux.until(lambda seen: "NO TRADE" in seen and "GATES" not in seen)

    tmux.run("send-keys", "K")
    tmux.until(lambda seen: "KILLING" in seen)
    assert os.path.lexists(home.state / "kill_switch")

    assert os.path.lexists(f"/proc/{tmux.pid}")
    subprocess.run([*tmux._base, "kill-pane"], check=True)
    end = time.monotonic() + 5
    while os.path.lexists(f"/proc/{tmux.pid}"):
        assert time.monotonic() < end, "the console outlived its pane"
        time.sleep(0.05)


def test_q_ends_the_pane_with_nothing_left(tmux: Tmux) -> None:
    tmux.until(lambda seen: "q quit" in seen)
    tmux.run("send-keys", "q")
    end = time.monotonic() + 5
    while os.path.lexists(f"/proc/{tmux.pid}"):
        assert time.monotonic() < end
        time.sleep(0.05)
