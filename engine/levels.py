"""The level in force: the maximum over every source that covers what is asked about.

Sources are *latched* (kill, brake, panic: only a person lowers them) or *momentary* (gates, freezes: they lift with
their cause). Because the level is a maximum over a set, the order in which sources come and go does not matter, and
releasing one lowers nothing that another holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """What may leave: anything, only what shrinks exposure, nothing, nothing while positions are closed."""

    RUN = 0
    REDUCE = 1
    HALT = 2
    FLATTEN = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """What a source covers; both None covers all."""

    desk: str | None = None
    series: str | None = None

    def covers(self, desk: str | None, series: str | None) -> bool:
        """Whether this scope reaches `desk` and `series`; asking with None asks about the whole house."""
        return self.desk in (None, desk) and self.series in (None, series)


ALL = Scope()


@dataclass(frozen=True, slots=True)
class Source:
    """One reason to hold the level up. `paper`: it binds shadow orders too."""

    name: str
    level: Level
    reason: str
    latched: bool = False
    paper: bool = False
    scope: Scope = ALL


class Latched(Exception):
    """Software tried to lower what only a person lowers."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The sources in force."""

    sources: frozenset[Source] = field(default_factory=frozenset)

    def raised(self, source: Source) -> Levels:
        """With `source` beside all others: what stands already keeps its height and its latch."""
        return Levels(self.sources | {source})

    def released(self, name: str) -> Levels:
        """Without the momentary source `name`; raises Latched for one that only a person lowers."""
        if any(each.latched for each in self.sources if each.name == name):
            raise Latched(f"{name} is latched: only a person lowers it (flightdeck kill clear)")
        return self._without(name)

    def cleared(self, name: str, *, by: str) -> Levels:
        """Without `name`, latched or not; `by` is the person who answers for it."""
        if not by:
            raise Latched(f"{name}: a person must answer for lowering it")
        return self._without(name)

    def level(self, *, desk: str | None = None, series: str | None = None, paper: bool = False) -> Level:
        """The level in force for one desk and series; paper orders feel only the sources that bind them."""
        return max(
            (each.level for each in self.sources if each.scope.covers(desk, series) and (each.paper or not paper)),
            default=Level.RUN,
        )

    def _without(self, name: str) -> Levels:
        return Levels(frozenset(each for each in self.sources if each.name != name))
