"""Faults on demand: what this exchange does wrong when it is asked to, where, how often.

A fault is a name, a value and a scope: a glob over "METHOD /path" (without /trade-api/v2) for requests, over the
channel's name for frames, over "stream" for whole connections of the WebSocket, over the key's id for a revocation.
Chances come from one seeded generator, so the same requests meet the same faults.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

Change = Callable[[], None]
MOST_TIMES = 1_000_000_000
# what faults call the WebSocket as a whole, and the act of connecting to it
STREAM, CONNECTING = "stream", "GET /trade-api/ws/v2"


class FaultError(ValueError):
    """A fault that does not exist, or not with that value."""


class FaultName(StrEnum):
    """Every fault; docs/exchange.md has the table."""

    LATENCY_MS = "latency_ms"
    LATE_MS = "late_ms"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    HALF_OPEN = "half_open"
    STORM_429 = "storm_429"
    ERROR_500 = "error_500"
    ERROR_503 = "error_503"
    ERROR_504 = "error_504"
    REJECT_ALL = "reject_all"
    CANCEL_ACKNOWLEDGED_NOT_DONE = "cancel_acknowledged_not_done"
    STALE_READ_MS = "stale_read_ms"
    EXCHANGE_PAUSE = "exchange_pause"
    TRADING_PAUSE = "trading_pause"
    MARKET_PAUSE = "market_pause"
    DISPUTE_S = "dispute_s"
    DISPUTE_VALUE = "dispute_value"
    REVOKE_KEY = "revoke_key"
    CLOCK_SKEW_S = "clock_skew_s"
    DROP_FRAMES = "drop_frames"
    DUPLICATE_FRAMES = "duplicate_frames"
    REORDER_FRAMES = "reorder_frames"
    GAP = "gap"
    OVERFLOW = "overflow"
    CHANNEL_ERROR = "channel_error"
    COMMAND_TIMEOUT = "command_timeout"
    DISCONNECT = "disconnect"


ERRORS = {FaultName.ERROR_500: 500, FaultName.ERROR_503: 503, FaultName.ERROR_504: 504}
_WORDS: dict[FaultName, tuple[str, ...]] = {
    FaultName.DISCONNECT: ("before", "after"),
    **dict.fromkeys(ERRORS, ("before", "after")),
}
_TEXTS = frozenset({FaultName.REJECT_ALL})
# switches: any value means on, and "on" is what people write
_SWITCHES = frozenset(
    {
        FaultName.TIMEOUT_AFTER_ACCEPT,
        FaultName.HALF_OPEN,
        FaultName.STORM_429,
        FaultName.CANCEL_ACKNOWLEDGED_NOT_DONE,
        FaultName.EXCHANGE_PAUSE,
        FaultName.MARKET_PAUSE,
        FaultName.REVOKE_KEY,
        FaultName.TRADING_PAUSE,
        FaultName.DROP_FRAMES,
        FaultName.DUPLICATE_FRAMES,
        FaultName.REORDER_FRAMES,
        FaultName.OVERFLOW,
        FaultName.CHANNEL_ERROR,
        FaultName.COMMAND_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `chance` of each time it could happen, at most `count` times (None: for ever)."""

    name: FaultName
    value: str
    where: str = "*"
    chance: float = 1.0
    count: int | None = None

    def __post_init__(self) -> None:
        words = _WORDS.get(self.name)
        if words is not None and self.value not in words:
            raise FaultError(f"fault {self.name}={self.value}: expected {' or '.join(words)}")
        if words is None and self.name not in _TEXTS | _SWITCHES:
            self.number()
        if self.name in _SWITCHES and self.value not in ("on", "1", "true"):
            raise FaultError(f"fault {self.name}={self.value}: expected on")
        if not 0 < self.chance <= 1:
            raise FaultError(f"fault {self.name}: chance {self.chance} is not in (0, 1]")
        if self.count is not None and not 1 <= self.count <= MOST_TIMES:
            raise FaultError(f"fault {self.name}: count {self.count} is not from 1 to {MOST_TIMES}")

    def number(self) -> float:
        """The value as a finite number."""
        try:
            value = float(self.value)
        except ValueError:
            raise FaultError(f"fault {self.name}={self.value}: expected a number") from None
        if not -1e9 < value < 1e9:
            raise FaultError(f"fault {self.name}={self.value}: out of range")
        return value

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `NAME=VALUE[,where=GLOB][,chance=P][,count=N]`. Raises FaultError."""
        first, *options = text.split(",")
        name, _, value = first.partition("=")
        fields: dict[str, Any] = {"name": name, "value": value}
        for option in options:
            key, _, given = option.partition("=")
            fields[key] = given
        return cls.of(fields)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Fault:
        """Read a JSON object with the fields of a fault. Raises FaultError."""
        unknown = fields.keys() - {"name", "value", "where", "chance", "count", "happened"}
        if unknown:
            raise FaultError(f"fault {fields.get('name')}: unknown option {min(unknown)}")
        try:
            name = FaultName(str(fields.get("name")))
        except ValueError:
            raise FaultError(f"no fault {fields.get('name')!r}; there are {', '.join(FaultName)}") from None
        value = fields.get("value")
        value = "on" if value is True else str(value)
        try:
            count = fields.get("count")
            number = None if count is None else int(count)
            return cls(name, value, str(fields.get("where", "*")), float(fields.get("chance", 1)), number)
        except (TypeError, ValueError) as error:
            raise error if isinstance(error, FaultError) else FaultError(f"fault {name}: {error}") from None


@dataclass(slots=True)
class _Standing:
    fault: Fault
    happened: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.count is not None and self.happened >= self.fault.count


class Faults:
    """The faults that stand now. False when there are none, so that asking costs nothing."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._standing: list[_Standing] = []
        self._told: list[Change] = []

    def __bool__(self) -> bool:
        return bool(self._standing)

    def listen(self, changed: Change) -> None:
        """Have `changed` called after each change of what stands."""
        self._told.append(changed)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Let exactly these stand."""
        self._standing = [_Standing(fault) for fault in faults]
        self._tell()

    def put(self, fault: Fault) -> None:
        """Let one more stand, in place of one of the same name and scope."""
        kept = [each for each in self._standing if (each.fault.name, each.fault.where) != (fault.name, fault.where)]
        self._standing = [*kept, _Standing(fault)]
        self._tell()

    def clear(self, name: FaultName | None = None) -> None:
        """Let those of a name go, or all."""
        self._standing = [each for each in self._standing if name is not None and each.fault.name != name]
        self._tell()

    def fires(self, name: FaultName, at: str) -> Fault | None:
        """The fault that happens now at `at`, counted; None when none does."""
        for each in self._standing:
            fault = each.fault
            if fault.name is name and not each.spent and fnmatchcase(at, fault.where):
                if fault.chance < 1 and self._chance.random() >= fault.chance:
                    continue
                each.happened += 1
                return fault
        return None

    def stands(self, name: FaultName) -> Fault | None:
        """The fault of this name that stands, whatever its scope, uncounted."""
        return next((each.fault for each in self._standing if each.fault.name is name), None)

    def covers(self, name: FaultName, at: str) -> bool:
        """Whether a fault of this name stands for `at`, uncounted."""
        return any(each.fault.name is name and fnmatchcase(at, each.fault.where) for each in self._standing)

    def report(self) -> list[dict[str, Any]]:
        """What stands, and how often each has happened."""
        return [
            {
                "name": str(each.fault.name),
                "value": each.fault.value,
                "where": each.fault.where,
                "chance": each.fault.chance,
                "count": each.fault.count,
                "happened": each.happened,
            }
            for each in self._standing
        ]

    def _tell(self) -> None:
        for changed in self._told:
            changed()
