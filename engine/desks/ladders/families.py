"""What the configuration says of one family, in this house's integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from engine.market.money import ONE_CONTRACT, Count, Price
from state.settings import Ladder, Settings

CENT: Price = 100


@dataclass(frozen=True, slots=True)
class FamilySettings:
    """One family of ladders: which series it trades, what it believes, how much it may do."""

    name: str
    series: tuple[str, ...]
    mean: float
    spread: float
    """Standard deviation, units of the published value; 0: not configured."""
    step: Decimal
    """What the publisher rounds to: 1 for whole degrees."""
    min_edge: Price
    """Least EV after fees of one contract, 1/10,000 dollar; more than 0."""
    contracts: Count
    """Size of one order."""
    max_position: Count
    """Most contracts of either side of one market, resting orders included."""
    enabled: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.spread) and self.spread >= 0):
            raise ValueError(f"family {self.name}: mean {self.mean}, spread {self.spread}: expected numbers")
        if self.step <= 0 or self.min_edge <= 0 or self.contracts <= 0 or self.max_position < 0:
            raise ValueError(f"family {self.name}: step, min_edge and contracts must be more than 0")

    @property
    def configured(self) -> bool:
        """Whether there is a belief to trade on."""
        return self.enabled and self.spread > 0


def families_of(settings: Settings) -> dict[str, FamilySettings]:
    """Every family of the configuration by its one name, dollars and contracts in this house's units."""
    return {name: _family(name, ladder) for name, ladder in settings.ladders.items()}


def _family(name: str, ladder: Ladder) -> FamilySettings:
    return FamilySettings(
        name=name,
        series=ladder.series,
        mean=ladder.mean,
        spread=ladder.spread,
        step=ladder.step,
        min_edge=math.ceil(ladder.min_edge_cents * CENT),
        contracts=ladder.contracts * ONE_CONTRACT,
        max_position=ladder.max_position * ONE_CONTRACT,
        enabled=ladder.enabled,
    )
