"""Leave to send: a person's start (`armed.json`) and the supervisor's short-lived, sealed permit (`permit.json`).

Silence, absence, age, damage and doubt all mean: nothing may leave. Standard library only, like the sentinel.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from threading import get_native_id
from typing import Any

from state.clock import NANOS, Clock
from state.sentinel import Anchor, named

ARMED = "armed.json"
PERMIT = "permit.json"
LONGEST_LIFE_S = 15.0
LARGEST = 4096
"""Bytes; both files are a few hundred."""


class Refused(Exception):
    """The file gives no leave; the message is the reason shown to people."""


class Missing(Refused):
    """There is no such file."""

    def __init__(self) -> None:
        super().__init__("missing")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a permit must have been given to: the code and the configuration that this process runs."""

    build: str
    config_hash: str


def seal(fields: dict[str, Any]) -> str:
    """sha256 over every field but the seal itself, in canonical JSON."""
    return hashlib.sha256(encode({key: value for key, value in fields.items() if key != "sha256"})).hexdigest()


def encode(fields: dict[str, Any]) -> bytes:
    """Canonical JSON: the one spelling of these fields in which a sealed file is taken."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def read_sealed(anchor: Anchor, name: str) -> dict[str, Any]:
    """The object in `name` of the anchored state folder. Raises Refused for whatever else may be found there."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=anchor.fd)
    except FileNotFoundError:
        raise Missing from None
    except OSError as error:
        raise Refused(f"cannot be opened: {named(error)}") from error
    try:
        _refuse_foreign(os.fstat(fd))
        raw = os.read(fd, LARGEST + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {named(error)}") from error
    finally:
        os.close(fd)
    return _unsealed(raw)


def _unsealed(raw: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(f"damaged: not JSON ({len(raw)} bytes)") from error
    if not isinstance(fields, dict):
        raise Refused("damaged: not an object")
    if fields.get("sha256") != seal(fields):
        raise Refused("damaged: seal does not match")
    if encode(fields) != raw:
        raise Refused("damaged: not as it was written")
    return fields


def _refuse_foreign(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Refused("not a regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise Refused(f"owned by uid {found.st_uid}")
    if found.st_mode & 0o022:
        raise Refused(f"writable by others (mode {found.st_mode & 0o777:o})")
    if found.st_size > LARGEST:
        raise Refused(f"damaged: {found.st_size} bytes")


@dataclass(frozen=True, slots=True)
class Leave:
    """Armed and permit as one look found them; a reason is empty when that file gives leave."""

    armed: bool
    armed_reason: str
    permit_reason: str
    arming_id: str = ""
    permit_age_s: float | None = None
    mode: str | None = None

    @property
    def granted(self) -> bool:
        """Whether an order may leave, as far as start and permit are concerned."""
        return self.armed and not self.permit_reason


NO_MEMORY = Leave(False, "start and permit cannot be read: MemoryError", "start and permit cannot be read: MemoryError")
"""Made in advance: where there is no memory, none is left to say so."""


class LeaveReader:
    """Looks at armed and permit for one process; parses again only when a file changed (three stats, ≈ 8 µs)."""

    def __init__(self, anchor: Anchor, clock: Clock, identity: Identity) -> None:
        self._anchor = anchor
        self._clock = clock
        self._identity = identity
        self._known: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {}
        self._newest = 0

    def look(self) -> Leave:
        """Never raises; whatever goes wrong is a reason."""
        try:
            return self._look()
        except MemoryError:
            return NO_MEMORY
        except Exception as error:  # noqa: BLE001  (fail closed, whatever else may come)
            doubt = f"start and permit cannot be read: {type(error).__name__}"
            return Leave(False, doubt, doubt)

    def _look(self) -> Leave:
        if self._anchor.doubt:
            return Leave(False, self._anchor.doubt, self._anchor.doubt)
        try:
            armed = self._fields(ARMED)
            arming_id = self._check_armed(armed)
        except Refused as refused:
            return Leave(False, f"not started: armed.json {refused}", f"no permit: {self._permit_word()}")
        try:
            permit = self._fields(PERMIT)
            age = self._check_permit(permit, armed)
        except Refused as refused:
            return Leave(True, "", f"no permit: permit.json {refused}", arming_id)
        return Leave(True, "", "", arming_id, age, str(permit.get("mode")))

    def _permit_word(self) -> str:
        try:
            self._fields(PERMIT)
        except Refused as refused:
            return f"permit.json {refused}"
        return "not armed"

    def _fields(self, name: str) -> dict[str, Any]:
        """The sealed fields of `name`. Only what was read well is remembered: trouble may pass with its cause."""
        signature = self._signature(name)
        known = self._known.get(name)
        if known is not None and known[0] == signature:
            return known[1]
        fields = read_sealed(self._anchor, name)
        self._known[name] = (signature, fields)
        return fields

    def _signature(self, name: str) -> tuple[int, ...]:
        try:
            found = os.stat(name, dir_fd=self._anchor.fd, follow_symlinks=False)
        except FileNotFoundError:
            raise Refused("missing") from None
        except OSError as error:
            raise Refused(f"cannot be read: {named(error)}") from error
        return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)

    def _check_armed(self, armed: dict[str, Any]) -> str:
        if armed.get("boot_id") != self._clock.boot_id():
            raise Refused("is of another boot")
        self._check_identity(armed)
        arming_id = armed.get("arming_id")
        if not isinstance(arming_id, str) or not arming_id:
            raise Refused("damaged: no arming_id")
        return arming_id

    def _check_permit(self, permit: dict[str, Any], armed: dict[str, Any]) -> float:
        if permit.get("boot_id") != self._clock.boot_id():
            raise Refused("is of another boot")
        self._check_identity(permit)
        if permit.get("arming_id") != armed["arming_id"]:
            raise Refused("belongs to another start")
        if permit.get("supervisor") != armed.get("supervisor"):
            raise Refused("is of another supervisor than the start")
        written, life = permit.get("seq"), permit.get("life_s")
        if not isinstance(written, int) or not isinstance(life, int | float) or not 0 < life <= LONGEST_LIFE_S:
            raise Refused("damaged: no life")
        age = (self._clock.boottime_ns() - written) / NANOS
        if age < 0:
            raise Refused(f"is from the future ({-age:.1f} s)")
        if age > life:
            raise Refused(f"ran out {age - life:.0f} s ago")
        if written < self._newest:
            raise Refused("was rolled back to an older one")
        self._newest = written
        return age

    def _check_identity(self, fields: dict[str, Any]) -> None:
        if fields.get("build") != self._identity.build:
            raise Refused("is of another build")
        if fields.get("config_hash") != self._identity.config_hash:
            raise Refused("is of another configuration")


def write_sealed(anchor: Anchor, name: str, fields: dict[str, Any], *, durable: bool) -> None:
    """Replace `name` by the sealed `fields`, mode 0640; a durable one is on disk when this returns. Raises OSError."""
    body = encode({**fields, "sha256": seal(fields)})
    temporary = f".{name}.{os.getpid()}-{get_native_id()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(temporary, flags, 0o640, dir_fd=anchor.fd)
    try:
        try:
            if os.write(fd, body) != len(body):
                raise OSError(errno.ENOSPC, "short write", name)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=anchor.fd, dst_dir_fd=anchor.fd)
    except OSError:
        remove(anchor, temporary)  # it may hold the last block of a full disk
        raise
    if durable:
        os.fsync(anchor.fd)


def remove(anchor: Anchor, name: str, *, durable: bool = False) -> bool:
    """Take `name` away; whether it was there. A folder gives no leave, and stays. Raises OSError when it stays else."""
    try:
        os.unlink(name, dir_fd=anchor.fd)
    except (FileNotFoundError, IsADirectoryError):
        return False
    if durable:
        os.fsync(anchor.fd)
    return True
