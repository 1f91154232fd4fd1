"""The exchange's own process with its faults on demand, and a wire before it that counts what leaves."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.process.conftest import Desk
from tests.process.wire_tap import WireTap, wire_tap

MARKET_START = "2026-11-17T19:00:00Z"


@dataclass
class Rig:
    """A home with an exchange behind a tap: `desk` asks the exchange itself, everybody else goes by the tap."""

    desk: Desk
    tap: WireTap

    @property
    def credentials(self) -> dict[str, str]:
        """As the exchange issued them, but by way of the tap."""
        told: dict[str, str] = json.loads(self.desk.path("credentials/credentials.json").read_bytes())
        theirs = f":{port_of(told)}/"
        return {key: value.replace(theirs, f":{self.tap.port}/") for key, value in told.items()}

    def fault(self, *faults: dict[str, object]) -> None:
        """Let exactly these stand."""
        self._admin("PUT", json.dumps(list(faults)).encode())

    def revise(self, ticker: str, **changes: object) -> None:
        """Change a market as its exchange may."""
        url = json.loads(self.desk.path("credentials/admin.json").read_bytes())["markets_url"]
        body = json.dumps(changes).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}/{ticker}", data=body, method="PUT"), timeout=5).close()

    def happened(self, name: str) -> int:
        """How often the fault of this name has happened."""
        return sum(each["happened"] for each in self._admin("GET")["faults"] if each["name"] == name)

    def _admin(self, method: str, body: bytes | None = None) -> dict[str, Any]:
        url = json.loads(self.desk.path("credentials/admin.json").read_bytes())["faults_url"]
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)
        return told


def port_of(credentials: dict[str, str]) -> int:
    port = urllib.parse.urlsplit(credentials["base_url"]).port
    assert port is not None
    return port


def write_market_clock(desk: Desk, start: str = MARKET_START, speed: float = 1.0) -> None:
    """Market time from now on, `speed` market seconds in a second."""
    for folder in ("state", "logs"):
        desk.path(folder).mkdir(parents=True, exist_ok=True)
    anchor = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    clock = {"start": start, "speed": speed, "anchor_ns": anchor}
    about = {"schema_version": 1, "boot_id": boot, "seq": anchor, "written_at": start}
    desk.path("state/market_clock.json").write_text(json.dumps(clock | about))


def start_exchange(desk: Desk, *, port: int = 0, seed: int = 7, holds_s: float = 0.0, tier: str = "unlimited") -> None:
    """An exchange on this home's market clock, with its admin port; its credentials lie in the home."""
    where = ["--credentials", desk.path("credentials"), "--market-clock", desk.path("state/market_clock.json")]
    ports = ["--port", port, "--admin-port", 0]
    words = ["exchange", *ports, "--seed", seed, "--cancel-all-holds", holds_s, "--tier", tier, *where]
    exchange = desk.start(*map(str, words))
    desk.wait_for("the exchange is ready", lambda: "exchange ready" in desk.out(exchange))


@contextlib.contextmanager
def rig(
    desk: Desk, start: str = MARKET_START, speed: float = 1.0, holds_s: float = 0.0, tier: str = "unlimited"
) -> Iterator[Rig]:
    """An exchange on `desk`, behind a tap. The exchange's process is the desk's to end."""
    write_market_clock(desk, start, speed)
    start_exchange(desk, holds_s=holds_s, tier=tier)
    port = port_of(json.loads(desk.path("credentials/credentials.json").read_bytes()))
    with wire_tap(port) as tap:
        yield Rig(desk, tap)


def write_config(rig: Rig, **tables: dict[str, object]) -> None:
    """A configuration for the exchange behind the tap, as an operator would write it; `tables` besides."""
    told: dict[str, dict[str, object]] = {
        "exchange": {**rig.credentials, "market_clock": True},
        "pilot": {"enabled": True},
        "start": {"wait_after_cancel_s": 0.0},
        **tables,
    }
    line: Callable[[str, object], str] = lambda key, value: f"{key} = {json.dumps(value)}\n"  # noqa: E731
    text = "".join(f"[{name}]\n{''.join(line(*each) for each in table.items())}" for name, table in told.items())
    rig.desk.path("flightdeck.toml").write_text(text)
