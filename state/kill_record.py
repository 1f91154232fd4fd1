"""Lines of the kill switch's journal, `logs/kill.jsonl`: append one, read back the newest. Any process may append.

Standard library only, and little of it before the sentinel stands: json is imported when the first line is written.
"""
# pathlib is among what the start of `kill on` cannot afford
# ruff: noqa: PTH116

from __future__ import annotations

import errno
import os
import stat

from state.clock import Clock, stamp
from state.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAIL = 256 * 1024
"""Bytes read back from the end of the journal: some 800 events, many kills."""
LONGEST_TEXT = 500
"""Characters of a reason that are kept: no line may push the rest of a kill out of the tail."""


def record(home: Home, clock: Clock, act: str, *, by: str, durable: bool = True, **more: object) -> None:
    """Append one event, in one write, after mending a line that a dying writer left open. Raises OSError."""
    body = _line(clock, {"act": act, "by": by[:LONGEST_TEXT], **more})
    fd = _open(home, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            body = b"\n" + body
        if os.write(fd, body) != len(body):
            raise OSError(errno.ENOSPC, "short write", Home.kills.path)
        if durable:
            os.fsync(fd)
            if not size:
                sync_folder(home)
    finally:
        os.close(fd)


def _line(clock: Clock, event: dict[str, object]) -> bytes:
    import json

    if event.get("why"):
        from state.redact import mask_text  # a person's words may hold anything

        event["why"] = mask_text(str(event["why"])[:LONGEST_TEXT])
    where = {"host": os.uname().nodename, "pid": os.getpid(), "boot_id": clock.boot_id(), "seq": clock.boottime_ns()}
    return json.dumps({"at": stamp(clock.now()), **event, **where}).encode() + b"\n"


def _open(home: Home, flags: int) -> int:
    """The journal's descriptor. A fifo or device in its place is refused and never waited for. Raises OSError."""
    path = home.below(Home.kills.path)
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o640)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "is not a regular file", path)


def sync_folder(home: Home) -> None:
    """Make the name of a journal that was just begun survive a power cut. Raises OSError."""
    fd = os.open(home.below("logs"), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def record_anyway(home: Home, clock: Clock, act: str, *, by: str, durable: bool = True, **more: object) -> str:
    """`record` for acts that must go on without their line: what kept it from the journal, empty when it is there."""
    try:
        record(home, clock, act, by=by, durable=durable, **more)
    except OSError as error:
        from state.sentinel import named

        return f"not journalled: {named(error)}"
    return ""


def size(home: Home) -> int:
    """Bytes in the journal; 0 when there is none yet. Raises OSError."""
    try:
        return os.stat(home.below(Home.kills.path)).st_size
    except FileNotFoundError:
        return 0


def recent(home: Home, *words: str) -> list[dict[str, Any]]:
    """The newest events that have one of these words in their line, oldest first. Raises OSError."""
    return since(home, max(0, size(home) - TAIL), *words)


def since(home: Home, offset: int, *words: str) -> list[dict[str, Any]]:
    """The events from byte `offset` on, at most TAIL bytes; none when there is no journal yet. Raises OSError.

    Without words, all of them; with words, only lines that have one are parsed (4 ms for all of TAIL).
    """
    try:
        fd = _open(home, os.O_RDONLY)
    except FileNotFoundError:
        return []
    try:
        lines = os.pread(fd, TAIL, offset).split(b"\n")
    finally:
        os.close(fd)
    if words:
        wanted = [word.encode() for word in words]
        lines = [line for line in lines if any(word in line for word in wanted)]
    return [event for event in map(parse_event, lines) if event is not None]


def parse_event(line: bytes) -> dict[str, Any] | None:
    """One line as an event; None when it is not one."""
    import json

    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
