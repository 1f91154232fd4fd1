"""A desk of real processes in a home of its own, handled as a stranger would: by commands, signals and files."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pyte
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from inotify_simple import INotify, flags

T = TypeVar("T")
CHANGES = flags.CREATE | flags.MOVED_TO | flags.MODIFY | flags.DELETE | flags.ATTRIB
PATIENCE_S = 30.0
LISTINGS_APART_S, AGAIN_S = 0.2, 0.25
"""What our account may ask is shared with engine and supervisor: polls are that rare, and a 429 is asked again."""
LOOK_MS = 100
"""What no file tells (a process that ended, an answer of the exchange) is asked again after so long."""
COLUMNS, ROWS = 120, 40


@cache
def private_key(pem: bytes) -> RSAPrivateKey:
    """Loaded once: that takes a hundred times as long as to sign with it."""
    key = load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    return key


@dataclass
class Desk:
    """One home, the commands started on it, and what they said."""

    home: Path
    said: Path
    environ: dict[str, str] = field(default_factory=dict)
    commands: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _listed: float = 0.0

    # Commands

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command on this home; what it says is kept in files, see `out` and `err`."""
        number = len(self.commands)
        with (self.said / f"{number}.out").open("wb") as out, (self.said / f"{number}.err").open("wb") as err:
            command = subprocess.Popen(
                self.argv(*words), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=os.environ | self.environ
            )
        self.commands.append(command)
        return command

    def argv(self, *words: str) -> list[str]:
        home = [] if "--home" in words else ["--home", str(self.home)]
        return [sys.executable, "-P", "-m", "flightdeck", *words, *home]

    def terminal(self, name: str) -> Terminal:
        """Start a command on a terminal of its own."""
        terminal = Terminal(self, name)
        for end in ("out", "err"):
            (self.said / f"{len(self.commands)}.{end}").touch()
        self.commands.append(terminal.command)
        return terminal

    def run(self, *words: str, seconds: float = PATIENCE_S) -> int:
        """Run a command to its end; its exit code."""
        return self.start(*words).wait(seconds)

    def out(self, command: int | subprocess.Popen[bytes] = -1) -> str:
        return self._text(command, "out")

    def err(self, command: int | subprocess.Popen[bytes] = -1) -> str:
        return self._text(command, "err")

    def _text(self, command: int | subprocess.Popen[bytes], kind: str) -> str:
        number = self.commands.index(command) if isinstance(command, subprocess.Popen) else command
        return (self.said / f"{number % len(self.commands)}.{kind}").read_text()

    def status(self) -> dict[str, Any]:
        assert self.run("status", "--json") == 0
        told: dict[str, Any] = json.loads(self.out())
        return told

    def demo(self, seconds: float = 600.0) -> subprocess.Popen[bytes]:
        """A headless demo, up and trading: gate open, six real orders at the exchange."""
        demo = self.start("demo", "--headless", "--seconds", str(seconds))
        self.wait_for("the demo trades", lambda: demo.poll() is not None or len(self.resting()) == 6)
        assert demo.poll() is None, self.err(demo)
        return demo

    def exchange(self, **settings: dict[str, object]) -> subprocess.Popen[bytes]:
        """A simulated exchange by itself, and a home configured for it as an operator would, `settings` besides."""
        for folder in ("state", "logs"):
            self.path(folder).mkdir(parents=True, exist_ok=True)
        clock = {"schema_version": 1, "start": "2026-11-17T19:00:00Z", "speed": 1.0}
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        now = {"anchor_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "written_at": "2026-11-17T19:00:00Z"}
        told = clock | now | {"boot_id": boot, "seq": now["anchor_ns"]}
        self.path("state/market_clock.json").write_text(json.dumps(told))
        where = [
            "--credentials",
            str(self.path("credentials")),
            "--market-clock",
            str(self.path("state/market_clock.json")),
        ]
        words = ["exchange", "--port", "0", "--seed", "7", "--tier", "basic"]
        exchange = self.start(*words, "--cancel-all-holds", "1", *where)
        self.wait_for("the exchange is ready", lambda: "exchange ready" in self.out(exchange))
        credentials = json.loads(self.path("credentials/credentials.json").read_bytes())
        tables: dict[str, dict[str, object]] = {
            "exchange": credentials | {"market_clock": True},
            "pilot": {"enabled": True},
            "start": {"wait_after_cancel_s": 1.0},
            **settings,
        }
        self.path("flightdeck.toml").write_text(
            "".join(f"[{name}]\n{''.join(map(_line, table.items()))}" for name, table in tables.items())
        )
        return exchange

    def up(self) -> subprocess.Popen[bytes]:
        """A supervisor with its engine, started by a person: the gate is open, six orders rest."""
        up = self.start("up")
        self.wait_for("the engine beats", lambda: up.poll() is not None or self.document("gate"))
        assert up.poll() is None, self.err(up)
        self.wait_for("start is taken", lambda: self.run("kill", "start", "--confirm", "START") == 0)
        self.wait_for("orders rest", lambda: len(self.resting()) == 6)
        return up

    def end(self, command: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
        """Ask a command to end; its exit code. Whatever it started must be gone with it."""
        command.send_signal(number)
        code = command.wait(PATIENCE_S)
        assert self.processes() == {}
        return code

    # Files

    def path(self, name: str) -> Path:
        return self.home / name

    def document(self, name: str) -> dict[str, Any]:
        """A document of state/, {} while there is none that can be read."""
        try:
            found = json.loads(self.path(f"state/{name}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The whole lines of a journal of logs/."""
        try:
            raw = self.path(f"logs/{name}.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in raw.split(b"\n")[:-1]]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines("system_events") if line["event"] == event]

    def wait_for(self, what: str, look: Callable[[], T], seconds: float = PATIENCE_S) -> T:
        """Look again whenever a file of the home changes, until the look gives something."""
        deadline = time.monotonic() + seconds
        with INotify() as changes:
            for folder in (self.home, self.home / "state", self.home / "logs"):
                with contextlib.suppress(FileNotFoundError):
                    changes.add_watch(str(folder), CHANGES)
            while True:
                found = look()
                if found:
                    return found
                assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}\n{self.told()}"
                changes.read(timeout=LOOK_MS)

    def cycles(self, more: int) -> None:
        """Wait until the engine has gone through so many further cycles."""
        before = len(self.lines("run"))
        self.wait_for(f"{more} further cycles", lambda: len(self.lines("run")) >= before + more)

    def changes(self, more: int) -> None:
        """Wait until so many further things happened to files of state/ and logs/."""
        seen, deadline = 0, time.monotonic() + PATIENCE_S
        with INotify() as changes:
            for folder in ("state", "logs"):
                changes.add_watch(str(self.path(folder)), CHANGES)
            while seen < more:
                seen += len(changes.read(timeout=LOOK_MS))
                assert time.monotonic() < deadline, f"only {seen} of {more} changes\n{self.told()}"

    def told(self) -> str:
        """The last words of everybody, for a test that failed."""
        events = [f"{line['at']} {line['event']}: {line['message']}" for line in self.lines("system_events")[-15:]]
        logs = [f"{log.name}: {log.read_text()[-500:]}" for log in sorted(self.home.glob("logs/*.log"))]
        return "\n".join([*events, *logs, *(f"stderr {n}: {self.err(n)[-500:]}" for n in range(len(self.commands)))])

    # Processes

    def processes(self) -> dict[int, str]:
        """Everything that runs on this home: pid and command, by what /proc tells."""
        found, home = {}, os.fsencode(self.home)
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(word == home or word.startswith(home + b"/") for word in words):
                at = words.index(b"flightdeck") + 1 if b"flightdeck" in words else 0
                found[int(folder.name)] = words[at].decode()
        return found

    def pid(self, name: str) -> int:
        """The one process of this name."""
        [pid] = [pid for pid, word in self.processes().items() if word == name]
        return pid

    def signal(self, name: str, number: signal.Signals) -> int:
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    # The exchange, asked without our client

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        """A signed GET. Raises OSError where no exchange answers."""
        credentials = json.loads(self.path("credentials/credentials.json").read_bytes())
        url = f"{credentials['base_url']}{path}"
        stamp = str(time.time_ns() // 1_000_000)
        key_file = self.path("credentials") / Path(credentials["private_key_path"]).name  # the home may have moved
        key = private_key(key_file.read_bytes())
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        message = f"{stamp}GET{urllib.parse.urlsplit(url).path}".encode()
        signature = key.sign(message, pss, hashes.SHA256())
        signed = {
            "KALSHI-ACCESS-KEY": credentials["key_id"],
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }
        request = urllib.request.Request(f"{url}?{urllib.parse.urlencode(query)}", headers=signed)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(AGAIN_S)
            return self.ask(path, **query)
        return answer

    def orders(self, **query: str) -> list[dict[str, Any]]:
        """Our orders at the exchange; none where there is no exchange yet."""
        time.sleep(max(0.0, self._listed + LISTINGS_APART_S - time.monotonic()))
        self._listed = time.monotonic()
        try:
            orders: list[dict[str, Any]] = self.ask("/portfolio/orders", limit="1000", **query)["orders"]
        except (OSError, KeyError, ValueError):
            return []
        return orders

    def resting(self) -> list[dict[str, Any]]:
        return self.orders(status="resting")

    def boottime_ns(self, order: dict[str, Any]) -> int:
        """When the exchange took an order, on CLOCK_BOOTTIME as the kill's rungs are."""
        clock = self.document("market_clock")
        start, created = (datetime.fromisoformat(text) for text in (clock["start"], order["created_time"]))
        return int(clock["anchor_ns"] + (created - start).total_seconds() * 1e9 / clock["speed"])


class Terminal:
    """A terminal of 120×40 with one of our commands on it."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.set_blocking(self.master, False)
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self.command = subprocess.Popen(
            desk.argv(name),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=os.environ | desk.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )
        os.close(slave)

    def shows(self, text: str) -> bool:
        """Whether `text` is on the screen now."""
        try:
            while said := os.read(self.master, 65_536):
                self._stream.feed(said)
        except OSError:
            pass  # nothing more for now, or nobody on the other side any more
        return any(text in line for line in self.screen.display)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


def _line(setting: tuple[str, object]) -> str:
    """A line of TOML; JSON writes strings, numbers and booleans as TOML does."""
    return f"{setting[0]} = {json.dumps(setting[1])}\n"


def _sweep(desk: Desk) -> dict[int, str]:
    """End what a test left running; commands that it ended itself are not among them."""
    for pid in desk.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    for command in desk.commands:
        if command.poll() is None:
            command.terminate()
    for command in desk.commands:
        try:
            command.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
    left = desk.processes()
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


@pytest.fixture
def console_demo(desk: Desk) -> Iterator[Terminal]:
    """A demo with its console on a terminal, trading."""
    terminal = desk.terminal("demo")
    try:
        desk.wait_for("the console shows a desk that trades", lambda: terminal.shows("MAY TRADE"))
    except AssertionError:
        print("\n".join(terminal.screen.display))
        raise
    yield terminal
    terminal.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that is down at first. After the test nothing of it may run, and nobody may have seen a traceback."""
    said = tmp_path / "said"
    said.mkdir()
    quick = {"FLIGHTDECK_ENGINE__CYCLE_S": "0.25", "FLIGHTDECK_SUPERVISOR__STOP_TIMEOUT_S": "2"}
    desk = Desk(tmp_path / "home", said, quick)
    try:
        yield desk
    finally:
        left = _sweep(desk)
    assert left == {}
    spoken = [*said.iterdir(), *desk.home.glob("logs/*.log")]
    assert [file.name for file in spoken if b"Traceback" in file.read_bytes()] == []
