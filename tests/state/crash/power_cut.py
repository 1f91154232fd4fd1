"""What a disk may hold after a power cut: every legal state, from the calls that a writer made.

The model is POSIX and no more. What was written to a file since its last fsync may be there not at all, in part, as
zeros, or whole. What was made, renamed or removed in a folder since that folder's last fsync is there up to any point
of its order. Files and folders lose what they lose independently of each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.state.crash.tracing import Call

Image = bytes | tuple[tuple[str, "Image"], ...]
"""What is found after the cut: the bytes of a file, or a folder with its names."""


@dataclass(frozen=True, slots=True)
class Put:
    """Bytes written at an offset."""

    offset: int
    data: bytes

    def on(self, old: bytes) -> bytes:
        return old.ljust(self.offset, b"\0")[: self.offset] + self.data + old[self.offset + len(self.data) :]

    def torn(self) -> Iterator[Put]:
        """Less than all of it: a byte, half, or the length without the bytes."""
        yield Put(self.offset, self.data[:1])
        yield Put(self.offset, self.data[: len(self.data) // 2])
        yield self.zeroed()

    def zeroed(self) -> Put:
        return Put(self.offset, bytes(len(self.data)))


@dataclass(frozen=True, slots=True)
class Cut:
    """The file cut to a size."""

    size: int

    def on(self, old: bytes) -> bytes:
        return old[: self.size].ljust(self.size, b"\0")

    def torn(self) -> Iterator[Put]:
        return iter(())

    def zeroed(self) -> Cut:
        return self


@dataclass(eq=False)
class File:
    durable: bytes = b""
    pending: list[Put | Cut] = field(default_factory=list)

    def now(self) -> bytes:
        return _after(self.durable, self.pending)

    def sync(self) -> None:
        self.durable, self.pending = self.now(), []

    def images(self) -> list[Image]:
        found: dict[Image, None] = {}
        for done in range(len(self.pending) + 1):
            before = _after(self.durable, self.pending[:done])
            found[before] = None
            if done < len(self.pending):
                found.update((torn.on(before), None) for torn in self.pending[done].torn())
        for last in ([change.zeroed() for change in self.pending[-1:]], self.pending[-1:]):  # pages, out of order
            found[_after(self.durable, [*(change.zeroed() for change in self.pending[:-1]), *last])] = None
        return list(found)


def _after(old: bytes, changes: list[Put | Cut]) -> bytes:
    for change in changes:
        old = change.on(old)
    return old


@dataclass(eq=False)
class Folder:
    durable: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[dict[str, File | Folder | None]] = field(default_factory=list)

    def after(self, done: int) -> dict[str, File | Folder]:
        """The names when the first `done` changes reached the disk."""
        names: dict[str, File | Folder | None] = dict(self.durable)
        for change in self.pending[:done]:
            names.update(change)
        return {name: node for name, node in names.items() if node is not None}

    def now(self) -> dict[str, File | Folder]:
        return self.after(len(self.pending))

    def sync(self) -> None:
        self.durable, self.pending = self.now(), []

    def images(self) -> list[Image]:
        found: dict[Image, None] = {}
        for done in range(len(self.pending) + 1):
            names = sorted(self.after(done).items())
            for chosen in product(*(node.images() for _, node in names)):
                found[tuple(zip((name for name, _ in names), chosen, strict=True))] = None
        return list(found)


@dataclass
class _Opened:
    node: File | Folder
    appends: bool
    position: int = 0


class Disk:
    """The folder `root` as the calls of one process change it; what is there at first is durable."""

    def __init__(self, root: Path) -> None:
        self.root = os.fspath(root)
        self.tree = _load(root)
        self._opened: dict[int, _Opened] = {}

    def images(self) -> list[Image]:
        """Every state that a power cut at this moment may leave."""
        return self.tree.images()

    def apply(self, call: Call) -> bool:
        """Take note of a call; whether it changed anything a cut may tell. Refuses what the model does not know."""
        if call.result < 0:
            return False
        match call.name:
            case "openat":
                return self._open(call)
            case "close":
                self._opened.pop(call.descriptor(0), None)
                return False
            case "write" | "pwrite64":
                return self._write(call)
            case "ftruncate":
                return self._change(call.descriptor(0), Cut(int(call.arguments[1])))
            case "fsync" | "fdatasync":
                if opened := self._opened.get(call.descriptor(0)):
                    opened.node.sync()
                return opened is not None
            case "rename":
                return self._rename(call.path(0), call.path(1))
            case "renameat" | "renameat2":
                return self._rename(call.path(1, 0), call.path(3, 2))
            case "unlink":
                return self._enter(call.path(0), None)
            case "unlinkat":
                return self._enter(call.path(1, 0), None)
            case "mkdir":
                return self._enter(call.path(0), Folder())
        raise AssertionError(f"the model does not know {call}")

    def _open(self, call: Call) -> bool:
        path, flags = call.path(1, 0), call.arguments[2].split("|")
        if not self._is_ours(path):
            return False
        folder, name = self._parent(path)
        node = folder.now().get(name) if name else folder
        made = node is None
        if node is None:
            assert "O_CREAT" in flags, f"opened, and never made: {path}"
            node = File()
            folder.pending.append({name: node})
        elif "O_TRUNC" in flags and isinstance(node, File):
            node.pending.append(Cut(0))
        self._opened[call.result] = _Opened(node, "O_APPEND" in flags)
        return made or "O_TRUNC" in flags

    def _write(self, call: Call) -> bool:
        opened = self._opened.get(call.descriptor(0))
        if opened is None:
            return False
        assert isinstance(opened.node, File)
        data = call.text(1)[: call.result]
        at = int(call.arguments[3]) if call.name == "pwrite64" else opened.position
        opened.node.pending.append(Put(len(opened.node.now()) if opened.appends else at, data))
        opened.position = at + len(data)
        return True

    def _change(self, descriptor: int, change: Cut) -> bool:
        opened = self._opened.get(descriptor)
        if opened is not None and isinstance(opened.node, File):
            opened.node.pending.append(change)
        return opened is not None

    def _rename(self, source: str, target: str) -> bool:
        if not self._is_ours(source):
            return False
        folder, name = self._parent(source)
        onto, new = self._parent(target)
        assert folder is onto, f"a rename over folders is two changes: {source} → {target}"
        folder.pending.append({name: None, new: folder.now()[name]})
        return True

    def _enter(self, path: str, node: Folder | None) -> bool:
        if self._is_ours(path):
            folder, name = self._parent(path)
            folder.pending.append({name: node})
        return self._is_ours(path)

    def _is_ours(self, path: str) -> bool:
        assert os.path.isabs(path), f"a trace does not tell where {path!r} is"
        return path == self.root or path.startswith(f"{self.root}/")

    def _parent(self, path: str) -> tuple[Folder, str]:
        """The folder that holds `path`, and its name there; the root itself has no name."""
        *above, name = os.path.relpath(path, self.root).split("/")
        folder = self.tree
        for each in above:
            below = folder.now()[each]
            assert isinstance(below, Folder), path
            folder = below
        return folder, "" if name == "." else name


def _load(root: Path) -> Folder:
    return Folder({each.name: _load(each) if each.is_dir() else File(each.read_bytes()) for each in root.iterdir()})


def lay_out(image: Image, at: Path) -> None:
    """Make the files of `image` at `at`, as private as our writers make them."""
    if isinstance(image, bytes):
        fd = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, image)
        finally:
            os.close(fd)
        return
    at.mkdir()
    for name, inner in image:
        lay_out(inner, at / name)
