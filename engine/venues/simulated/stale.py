"""The stale read: for a moment after a cancel, a GET still shows the order resting (seen 360 ms later, facts §0.4)."""

from __future__ import annotations

from collections.abc import Callable

from engine.venues.simulated import wire_account
from engine.venues.simulated.faults import FaultName, Faults
from engine.venues.simulated.happenings import Happening, OrderChanged
from engine.venues.simulated.instants import rfc3339
from engine.venues.simulated.orders import ClientOrder, OrderStatus, UpdateReason
from engine.venues.simulated.wire import Body

_READS = "GET /portfolio/orders"


class StaleReads:
    """What reads show of orders. `system_ns` is real time: the delay is that of machines, not of markets."""

    def __init__(self, faults: Faults, system_ns: Callable[[], int]) -> None:
        self._faults = faults
        self._system_ns = system_ns
        self._until: dict[str, int] = {}

    def hear(self, happening: Happening) -> None:
        """Note a cancel that reads are not to see yet."""
        if not self._faults or not isinstance(happening, OrderChanged):
            return
        order = happening.order
        if order.status is not OrderStatus.CANCELED or order.reason is not UpdateReason.DECREASE:
            return
        fault = self._faults.fires(FaultName.STALE_READ_MS, _READS)
        if fault is not None:
            self._until[order.order_id] = self._system_ns() + round(fault.number() * 1_000_000)

    def status(self, order: ClientOrder) -> OrderStatus:
        """The status that reads show."""
        return OrderStatus.RESTING if self._is_stale(order) else order.status

    def body(self, order: ClientOrder) -> Body:
        """The order as reads show it."""
        body = wire_account.order(order)
        if self._is_stale(order):
            left = order.initial - order.filled - order.reduced
            body |= wire_account.still_resting(left) | {"last_update_time": rfc3339(order.created)}
        return body

    def _is_stale(self, order: ClientOrder) -> bool:
        until = self._until.get(order.order_id) if self._until else None
        if until is None:
            return False
        if self._system_ns() < until:
            return True
        del self._until[order.order_id]
        return False
