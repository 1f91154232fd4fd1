"""The exchange's own process for the order path's tests, and the order path of one engine on it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.account import Account
from engine.market.money import ONE_CONTRACT
from engine.orders.identity import account_of
from engine.orders.journal import OrderJournal
from engine.orders.path import OrderPath, Wish
from engine.orders.reconciler import Reconciler
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import Intent
from state.clock import LiveMarketClock, SystemClock
from state.document import DocumentWriter
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.reconciliation import Reconciliation

RUN = "import sys; from engine.venues.simulated.main import main; sys.exit(main(sys.argv[1:]))"
CREATES = "POST /portfolio/events/orders"
PATIENCE_S = 20.0


class Exchange:
    """The exchange's process, at market time = system time, and the port that makes it fail."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.clock = SystemClock()
        market = folder / "market_clock.json"
        start = self.clock.now().isoformat()
        market.write_text(json.dumps({"start": start, "anchor_ns": self.clock.boottime_ns(), "speed": 1.0}))
        argv = ["--port", "0", "--admin-port", "0", "--credentials", folder, "--seed", "7", "--cancel-all-holds", "0"]
        argv += ["--tier", "basic"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, *map(str, argv), "--market-clock", str(market), *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert "exchange ready" in self.process.stdout.readline()
        given = json.loads((folder / "credentials.json").read_text())
        self.base_url = given["base_url"]
        self.signer = Signer.load(given["key_id"], Path(given["private_key_path"]))
        self.faults_url = json.loads((folder / "admin.json").read_text())["faults_url"]

    def fault(self, *faults: dict[str, object]) -> None:
        """Let exactly these stand."""
        body = json.dumps(list(faults)).encode()
        request = urllib.request.Request(self.faults_url, data=body, method="PUT")
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Run:
    """The order path of one engine on the real exchange."""

    def __init__(self, home: Home, server: Exchange, rest: KalshiRest, emit: Any) -> None:
        clock, account = server.clock, account_of(rest.source, server.signer.key_id)
        journal = OrderJournal.open(home, clock, account, rest.source, emit)
        self.path = OrderPath(rest, clock, LiveMarketClock(clock), journal, emit, timedelta(minutes=5))
        view = Account(rest, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "engine")
        written = DocumentWriter(home, Home.reconciliation, clock, emit, Reconciliation())
        self.reconciler = Reconciler(self.path, view, written, request_life_s=2.0)

    async def place(self, ticker: str, price: int = 100) -> Any:
        return await self.path.place(Wish(ticker, Intent.BUY_YES, price, ONE_CONTRACT), "start-1", lambda _: None)

    async def agree(self) -> None:
        """Reconcile as the engine does, until all fits."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await self.reconciler.run_once()
                if self.reconciler.result.ok:
                    return
                await asyncio.sleep(0.2)
