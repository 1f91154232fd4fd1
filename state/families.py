"""The families of ladders and every name they go by: one table, read at the edge. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Family:
    """One family: canonical name, aliases, exchange series, and the belief it starts with."""

    name: str
    aliases: tuple[str, ...]
    series: tuple[str, ...]
    mean: float
    spread: float
    """Standard deviation, units of the published value."""
    step: Decimal
    """What the publisher rounds to."""


FAMILIES = (
    Family("CPI", (), ("KXCPI",), 0.26, 0.11, Decimal("0.1")),
    Family("CLAIMS", ("UNEMPLOYMENT",), ("KXJOBLESSCLAIMS",), 224_000, 8_000, Decimal(1_000)),
    Family("TENY", ("TNEY", "10Y", "T10Y"), ("KXTNOTED",), 4.12, 0.05, Decimal("0.01")),
    Family("WEATHER", ("WX",), ("KXHIGHNY",), 48, 4, Decimal(1)),
    Family("GAS", (), ("KXAAAGASW",), 3.08, 0.035, Decimal("0.001")),
)
"""The beliefs are those of a demo: near the middle of the ladders that the simulated exchange lists first."""
_BY_NAME = {name: family for family in FAMILIES for name in (family.name, *family.aliases)}


def canonical(name: str) -> str:
    """The one name of a family, whatever it is called. Raises ValueError for a name nobody knows."""
    try:
        return _BY_NAME[name.upper()].name
    except KeyError:
        known = ", ".join(_BY_NAME)
        raise ValueError(f"no family is called {name!r}; known: {known}") from None


def names() -> Iterator[str]:
    """Every canonical name, in table order."""
    return (family.name for family in FAMILIES)
