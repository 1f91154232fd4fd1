"""The console on a real terminal: first paint, a change painted, bytes and CPU, the kill key."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path

from inotify_simple import INotify, flags

from benchmarks.claim import Claim
from benchmarks.samples import book, filled_home, put
from benchmarks.terminal import Terminal
from benchmarks.timing import percentile
from state import sentinel
from state.clock import SystemClock
from state.document import DocumentWriter
from state.home import Home
from state.models import DocumentModel

PAINTED = b"SHADOW POSITIONS"
FIRST_PAINTS = 11
CHANGES, KEYS = 40, 60
WINDOW_S = 10.0
ROUNDS = 5
SETTLE_S = 3.0
SLOW_MS = 20_000


def claims() -> Iterator[Claim]:
    """Each in a home of its own."""
    for part in (_first_paint, _painted, _busy, _idle, _key):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            yield from part(filled_home(Path(folder)), stack)


def _first_paint(home: Home, _: ExitStack) -> Iterator[Claim]:
    ours = partial(_until_painted, ("flightdeck", "--home", str(home.root)), PAINTED)
    bare = partial(_until_painted, ("benchmarks.bare.empty_app",), b"ready")
    yield Claim("console, first paint", "the minimal Textual app", 1.3, ours, bare, rounds=FIRST_PAINTS)


def _until_painted(arguments: tuple[str, ...], text: bytes) -> float:
    began = time.perf_counter()
    with Terminal(*arguments) as terminal:
        return terminal.wait_for(text) - began


def _painted(home: Home, stack: ExitStack) -> Iterator[Claim]:
    writer = put(home, Home.positions, book())
    console = _console(home, stack)
    label_folder = stack.enter_context(tempfile.TemporaryDirectory())
    label = stack.enter_context(Terminal("benchmarks.bare.label_app", label_folder, "label"))
    label.wait_for(b"ready")
    numbers = (digit * 1111 for digit in cycle(range(1, 10)))  # every digit differs from that of the number before

    def change() -> tuple[Callable[[], object], bytes]:
        held = next(numbers)
        return partial(writer.write, book(held=held)), f"{held:,}".encode()

    def relabel() -> tuple[Callable[[], object], bytes]:
        text = str(next(numbers))
        return partial(_replace, Path(label_folder, "label"), text), text.encode()

    ours, bare = partial(_tail, console, change), partial(_tail, label, relabel)
    yield Claim("file change → cell painted, p99", "raw inotify → label", None, ours, bare, rounds=ROUNDS, limit=0.060)


def _tail(terminal: Terminal, change: Callable[[], tuple[Callable[[], object], bytes]]) -> float:
    """p99 of the seconds from a replaced file to its text on the terminal."""
    took = []
    for number in range(CHANGES):
        terminal.collect(0.15 + number % 7 / 50)  # at another phase of the console's second each time
        act, text = change()
        began = time.perf_counter()
        act()
        took.append(terminal.wait_for(text) - began)
    return percentile(took, 0.99)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(".new")
    temporary.write_text(text)
    temporary.replace(path)


def _busy(home: Home, stack: ExitStack) -> Iterator[Claim]:
    _changing(home, stack, 1.0)
    console = _console(home, stack)
    table = stack.enter_context(Terminal("benchmarks.bare.table_app"))
    table.wait_for(b"column")
    against = "a plain DataTable"
    both = Both(console, table)
    busy = "40 positions, 12 gates, 6 cells a second:"
    yield Claim(f"{busy} bytes", against, 1 / 15, both.our_bytes, both.their_bytes, unit="B/s", rounds=ROUNDS)
    yield Claim(f"{busy} CPU", against, 1 / 8, both.our_cpu, both.their_cpu, unit="s/s", rounds=ROUNDS)


def _idle(home: Home, stack: ExitStack) -> Iterator[Claim]:
    console = _console(home, stack)
    empty = stack.enter_context(Terminal("benchmarks.bare.empty_app", str(home.root)))
    empty.wait_for(b"ready")
    both = Both(console, empty)
    against = "an empty Textual app that watches the same folder"
    yield Claim("nothing changing: CPU", against, 3.0, both.our_cpu, both.their_cpu, unit="s/s", rounds=ROUNDS)


class Both:
    """Two programs watched over the same seconds: what disturbs one disturbs the other."""

    def __init__(self, ours: Terminal, theirs: Terminal) -> None:
        self._pair = (ours, theirs)
        for terminal in self._pair:
            terminal.collect(SETTLE_S)

    def our_bytes(self) -> float:
        """Bytes a second of ours."""
        return self._window()[0][0]

    def their_bytes(self) -> float:
        """Bytes a second of the other, in the window of the last question."""
        return self._last[1][0]

    def our_cpu(self) -> float:
        """CPU seconds a second of ours."""
        return self._window()[0][1]

    def their_cpu(self) -> float:
        """CPU seconds a second of the other, in the window of the last question."""
        return self._last[1][1]

    def _window(self) -> tuple[tuple[float, float], ...]:
        before = [terminal.cpu_s() for terminal in self._pair]
        written = [0, 0]
        threads = [threading.Thread(target=self._count, args=(number, written)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used = [terminal.cpu_s() - cpu for terminal, cpu in zip(self._pair, before, strict=True)]
        self._last = tuple((count / WINDOW_S, cpu / WINDOW_S) for count, cpu in zip(written, used, strict=True))
        return self._last

    def _count(self, number: int, written: list[int]) -> None:
        written[number] = self._pair[number].read_for(WINDOW_S)


def _key(home: Home, stack: ExitStack) -> Iterator[Claim]:
    _changing(home, stack, 0.1)
    console = _console(home, stack)
    raw_folder = stack.enter_context(tempfile.TemporaryDirectory())
    raw = stack.enter_context(Terminal("benchmarks.bare.raw_tty", str(Path(raw_folder, sentinel.NAME))))
    raw.wait_for(b"ready")
    keys = (Keys(console, home.state, partial(sentinel.prepare, home)), Keys(raw, Path(raw_folder), lambda: None))
    for name, share, goal, limit in (("p50", 0.5, 4.0, None), ("p99", 0.99, None, 0.010)):
        ours, bare = (partial(each.tail, share) for each in keys)
        title = f"K → sentinel noticed, console refreshing at 10 Hz, {name}"
        yield Claim(title, "a raw tty loop", goal, ours, bare, rounds=ROUNDS, limit=limit)


class Keys:
    """Presses K and waits in inotify for the sentinel, as an engine would."""

    def __init__(self, terminal: Terminal, folder: Path, prepare: Callable[[], None]) -> None:
        self._terminal, self._folder, self._prepare = terminal, folder, prepare
        self._inotify = INotify()
        self._inotify.add_watch(str(folder), flags.CREATE | flags.MOVED_TO)

    def tail(self, share: float) -> float:
        """That percentile of the seconds from key to notice."""
        return percentile([self._press(number) for number in range(KEYS)], share)

    def _press(self, number: int) -> float:
        self._terminal.collect(0.15 + number % 10 / 100)
        # a kill that finds itself cleared before it was done places its sentinel again
        (self._folder / sentinel.NAME).unlink(missing_ok=True)
        self._prepare()  # as a supervisor does when it starts, and whoever clears
        self._inotify.read(timeout=0)
        began = time.perf_counter()
        self._terminal.press(b"K")
        while events := self._inotify.read(timeout=SLOW_MS):
            if any(event.name == sentinel.NAME for event in events):
                return time.perf_counter() - began
        raise RuntimeError("the key K made no sentinel")


def _console(home: Home, stack: ExitStack) -> Terminal:
    terminal = stack.enter_context(Terminal("flightdeck", "--home", str(home.root)))
    terminal.wait_for(PAINTED)
    terminal.collect(SETTLE_S)
    return terminal


def _changing(home: Home, stack: ExitStack, every_s: float) -> None:
    """Six cells of the book change again and again, as by an engine."""
    stop = threading.Event()
    writer: DocumentWriter[DocumentModel] = put(home, Home.positions, book())

    def change() -> None:
        moved = 0
        while not stop.wait(every_s - SystemClock().now().microsecond / 1e6 % every_s):
            moved += 1
            writer.write(book(moved, 6))

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    stack.callback(thread.join)
    stack.callback(stop.set)
