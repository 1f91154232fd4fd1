"""Runs an order path again and again, each time in a process forked for it, as the crash storm tells it to.

As a program (HOME PORT): each line of stdin is one run; prints how it ended.
    record FILE     the whole of `trade`, noting every line of the order path that ran
    kill POINT      `trade`, killed there
    recover         `calm`: what the next engine does before it sends anything, until all agrees
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path

from engine.orders import reconciling
from tests.process.conftest import Desk
from tests.process.exchange_rig import Rig
from tests.process.kill_points import kill_at, record
from tests.process.trader import Trader, signer_of
from tests.process.wire_tap import WireTap

CREATES = "POST /portfolio/events/orders"
LAG = timedelta(seconds=0.1)


async def trade(rig: Rig) -> None:
    """Each way an order can go: it rests, its answer is lost, it is refused, filled in part, cancelled."""
    trader = await begun(rig)
    order = await trader.rests()
    rig.fault({"name": "timeout_after_accept", "value": "on", "where": CREATES, "count": 1})
    await trader.rests()
    await trader.agree()
    rig.fault({"name": "error_503", "value": "before", "where": CREATES, "count": 1})
    await trader.rests()
    rig.fault({"name": "storm_429", "value": "on", "where": CREATES, "count": 1})
    await trader.rests()
    rig.fault({"name": "reject_all", "value": "insufficient_balance", "count": 1})
    await trader.rests()
    await trader.partly_filled()
    await trader.path.cancel(order)
    await trader.agree()


async def calm(rig: Rig) -> None:
    """Reconcile; then end what rests, so that the rounds do not pile up."""
    rig.fault()
    trader = await begun(rig)
    await trader.rest.cancel_all()
    await trader.agree()


async def begun(rig: Rig) -> Trader:
    trader = Trader(rig)
    await trader.rest.load_limits()
    await trader.agree()
    await trader.find_market()
    return trader


def main(home: str, port: str) -> int:
    reconciling.LAG = LAG
    rig = Rig(Desk(Path(home), Path(home)), WireTap(0, int(port)))
    signer_of(rig)  # before any fork
    for line in sys.stdin:
        word, _, what = line.strip().partition(" ")
        sys.stdout.write(f"{_forked(rig, word, what)}\n")
        sys.stdout.flush()
    return 0


def _forked(rig: Rig, word: str, what: str) -> str:
    pid = os.fork()
    if not pid:
        os._exit(_run(rig, word, what))
    _, status = os.waitpid(pid, 0)
    return "killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else f"ended {status}"


def _run(rig: Rig, word: str, what: str) -> int:
    if word == "record":
        record(Path(what))
    elif word == "kill":
        kill_at(what)
    try:
        asyncio.run(calm(rig) if word == "recover" else trade(rig))
    except BaseException:  # noqa: BLE001  (whoever forked this reads it)
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
