"""The clock the exchange shows to the world: real time, or what a fault makes of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.venues.simulated.faults import FaultName, Faults
from state.clock import Clock


class ShownClock:
    """Real time plus the skew that stands; signatures are judged, answers dated and frames stamped by it."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults

    def now(self) -> datetime:
        """What the exchange takes for now, UTC."""
        now = self._clock.now()
        if not self._faults:
            return now
        fault = self._faults.stands(FaultName.CLOCK_SKEW_S)
        return now if fault is None else now + timedelta(seconds=fault.number())
