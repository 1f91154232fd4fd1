"""What a writer of the state floor is to these tests: what was there before, what it does, what must then be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from state.clock import SimulatedClock
from state.home import Home

Acknowledge = Callable[[], None]


class End(Enum):
    """How the writer's work ended."""

    POWER_CUT = "power cut"
    KILLED = "killed"
    RAISED = "raised"
    """An error that names what is wrong; a command exits 74."""
    TOLD = "told"
    """It said why not, or what it could not promise."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Found:
    """What is looked at: the home, how many of its acts the writer acknowledged, and how it ended."""

    home: Home
    clock: SimulatedClock
    """A minute later, in the same boot: what a later one would refuse for its boot id alone is looked at too."""
    acked: int
    end: End

    def sure(self, *, durable: bool = True) -> int:
        """How many of the acknowledged acts must be there."""
        return self.acked if durable or self.end is not End.POWER_CUT else 0


@dataclass(frozen=True, slots=True)
class Writer:
    """`act` returns what it refused or could not promise, "" when all is well. `check` asserts."""

    prepare: Callable[[Home, SimulatedClock], None]
    act: Callable[[Home, SimulatedClock, Acknowledge], str]
    check: Callable[[Found], None]


def new_clock() -> SimulatedClock:
    """The same moment in the writer and in the test."""
    return SimulatedClock(datetime(2026, 11, 17, 19, 0, tzinfo=UTC))
