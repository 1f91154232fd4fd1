"""A home in which orders may leave: started, with a permit that can be renewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.last_look import LastLook
from state import permit
from state.clock import SystemClock, stamp
from state.home import Home
from state.models.gate import GateReport
from state.permit import Identity, LeaveReader
from state.sentinel import Anchor

IDENTITY = Identity("benchmark", "0" * 64)
SUPERVISOR = "1-1"


@dataclass(frozen=True, slots=True)
class Permitted:
    """What an order needs to leave, and how to keep it."""

    anchor: Anchor
    look: LastLook
    gate: GateReport
    arming_id: str
    renew: Callable[[], None]


def permitted(home: Home, life_s: float) -> Permitted:
    """Arm `home` and give it a permit of `life_s` seconds."""
    clock, anchor = SystemClock(), Anchor(home)
    arming_id = "a" * 32

    def fields() -> dict[str, object]:
        return {
            "schema_version": 1, "boot_id": clock.boot_id(), "seq": clock.boottime_ns(),
            "written_at": stamp(clock.now()), "arming_id": arming_id, "supervisor": SUPERVISOR,
            "build": IDENTITY.build, "config_hash": IDENTITY.config_hash,
        }  # fmt: skip

    def renew() -> None:
        permit.write_sealed(anchor, permit.ARMED, {**fields(), "by": "benchmark"}, durable=False)
        permit.write_sealed(anchor, permit.PERMIT, {**fields(), "life_s": life_s, "mode": "simulated"}, durable=False)

    renew()
    reader = LeaveReader(anchor, clock, IDENTITY)
    assert reader.look().granted, reader.look()
    return Permitted(anchor, LastLook(anchor, reader), GateReport(open=True, reasons=()), arming_id, renew)
