"""The settings of the whole system, typed, with their defaults, and the baselines that nothing may weaken."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, le
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from state.families import FAMILIES, Family, canonical

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_NOTHING = object()
Number = Annotated[float, Field(allow_inf_nan=False)]


class Section(BaseModel):
    """One table of flightdeck.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Exchange(Section):
    """Where we trade and as whom. `source` follows from the host."""

    base_url: str = ""
    ws_url: str = ""
    key_id: str = ""
    private_key_path: str = ""
    market_clock: bool = False
    """Market time comes from state/market_clock.json instead of system time."""


class Engine(Section):
    """The cycle."""

    cycle_s: Seconds = 1.0
    reconcile_every: int = Field(default=5, ge=1)
    """Cycles between two listings of our orders and positions."""
    order_life_s: Seconds = 300.0
    """Market seconds until a real order expires by itself."""
    request_life_s: Seconds = 60.0
    """The exchange accepts no request that was signed longer ago; a lost order may arrive until then."""


class Gate(Section):
    """Thresholds of the gates."""

    books_fresh_s: Seconds = 10.0
    books_fresh_share: Share = 0.8
    clock_offset_ms: Seconds = 250.0
    progress_s: Seconds = 10.0
    exchange_age_s: Seconds = 15.0


class ScheduledRun(Section):
    """A command of ours that the supervisor starts again and again, where there are no timers."""

    command: str
    arguments: tuple[str, ...] = ()
    every_s: Seconds


class Supervisor(Section):
    """Watching the engine, and renewing the permit."""

    permit_life_s: Seconds = 15.0
    renew_s: Seconds = 3.0
    heartbeat_s: Seconds = 5.0
    """Oldest beat with which a permit is renewed."""
    hang_s: Seconds = 15.0
    """A beat older than this is a hang: stack dump, SIGKILL."""
    stop_timeout_s: Seconds = 10.0
    backoff_base_s: Seconds = 0.5
    backoff_cap_s: Seconds = 30.0
    brake_exits: int = Field(default=5, ge=1)
    brake_window_s: Seconds = 300.0
    brake: bool = True
    healthy_after_s: Seconds = 60.0
    cancel_after_s: Seconds = 0.5
    """The supervisor cancels when no "cancel sent" stands so long after the sentinel."""
    disk_free_share: Share = 0.02
    schedule: tuple[ScheduledRun, ...] = ()

    @property
    def renew_every_s(self) -> float:
        """Seconds between renewals: `renew_s`, and at least three in the life of a permit."""
        return min(self.renew_s, self.permit_life_s / 3)


class Start(Section):
    """What a person's start waits for."""

    wait_after_cancel_s: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    """The exchange's cancel-all still catches orders placed so long after it."""


class Pilot(Section):
    """The few real resting orders of the demo."""

    enabled: bool = False
    contracts: int = Field(default=1, ge=1)
    orders: int = Field(default=6, ge=0)


class Ladder(Section):
    """One family of ladders."""

    series: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    enabled: bool = True
    mean: Number = 0.0
    spread: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Standard deviation, units of the published value; 0: not configured."""
    step: Decimal = Field(default=Decimal(1), gt=0)
    min_edge_cents: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    contracts: int = Field(default=10, ge=1)
    max_position: int = Field(default=100, ge=0)
    """Most contracts of either side of one market, resting orders included."""


class Console(Section):
    """How the console looks."""

    theme: str = "ansi-dark"


def default_ladders() -> dict[str, Ladder]:
    """Every family with the belief of the table in `state.families`."""
    return {family.name: _ladder(family) for family in FAMILIES}


def _ladder(family: Family) -> Ladder:
    return Ladder(
        series=family.series, aliases=family.aliases, mean=family.mean, spread=family.spread, step=family.step
    )


def _canonical_names(ladders: object) -> object:
    """Families under their one name, so that [ladders.10Y] and [ladders.TENY] are the same table."""
    if not isinstance(ladders, dict):
        return ladders
    return {canonical(str(name)): ladder for name, ladder in ladders.items()}


class Settings(BaseSettings):
    """Everything that can be set. Load with `state.config.load`, which knows where each value comes from."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FLIGHTDECK_", env_nested_delimiter="__", case_sensitive=False
    )

    droplet: str = ""
    """Name shown on the console; empty: the host's name."""
    exchange: Exchange = Exchange()
    engine: Engine = Engine()
    gate: Gate = Gate()
    supervisor: Supervisor = Supervisor()
    start: Start = Start()
    pilot: Pilot = Pilot()
    ladders: Annotated[dict[str, Ladder], BeforeValidator(_canonical_names)] = Field(default_factory=default_ladders)
    console: Console = Console()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` merged: a bare Settings() is the defaults, whatever the environment says."""
        return (init_settings,)

    def explain(self, key: str) -> tuple[object, str]:
        """The value of a dotted key and where it comes from. Raises KeyError for a key that does not exist."""
        value = dict(leaves(self.model_dump())).get(key, _NOTHING)
        if value is _NOTHING:
            raise KeyError(key)
        return value, self._origins.get(key, "default")

    def dotted_keys(self) -> list[str]:
        """Every dotted key that holds a value."""
        return [key for key, _ in leaves(self.model_dump())]


def leaves(tree: dict[str, object], above: str = "") -> list[tuple[str, object]]:
    """(dotted key, value) for everything in a nested table that is not a table itself; an empty table is a value."""
    found: list[tuple[str, object]] = []
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            found += leaves(value, f"{above}{name}.")
        else:
            found.append((f"{above}{name}", value))
    return found


def is_loopback(url: str) -> bool:
    """Whether an address stays on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A baseline that no file, flag or environment may weaken. `simulated`: a loopback exchange may."""

    key: str
    holds: Callable[[float, float], bool]
    bound: float
    why: str
    simulated: bool = False

    def __str__(self) -> str:
        unless = ", unless the exchange is a simulated one on loopback" if self.simulated else ""
        return f"must be {'at most' if self.holds is le else 'at least'} {self.bound:g}{unless} ({self.why})"


GUARDRAILS = (
    Guardrail("supervisor.permit_life_s", le, 15, "a permit nobody renews must die quickly"),
    Guardrail("supervisor.heartbeat_s", le, 5, "no permit on the word of an engine that fell silent"),
    Guardrail("supervisor.hang_s", le, 15, "an engine that hangs with orders out is a crash"),
    Guardrail("supervisor.stop_timeout_s", le, 60, "a stop has an end"),
    Guardrail("supervisor.cancel_after_s", le, 5, "somebody must cancel when the engine does not"),
    Guardrail("supervisor.disk_free_share", ge, 0.02, "the last blocks belong to the journals"),
    Guardrail("supervisor.brake", ge, 1, "a crash loop must stop trading", simulated=True),
    Guardrail("supervisor.brake_exits", le, 20, "a crash loop must stop trading", simulated=True),
    Guardrail("gate.clock_offset_ms", le, 1000, "signatures and ages need a true clock"),
    Guardrail("gate.books_fresh_s", le, 60, "an old book is no book"),
    Guardrail("gate.books_fresh_share", ge, 0.5, "a desk that sees half its markets sees none"),
    Guardrail("gate.progress_s", le, 60, "alive is not working"),
    Guardrail("gate.exchange_age_s", le, 60, "what rests must have been asked lately"),
    Guardrail("engine.order_life_s", le, 3600, "orders must expire by themselves"),
    Guardrail("engine.request_life_s", ge, 60, "so long production may take a signed order", simulated=True),
    Guardrail("start.wait_after_cancel_s", ge, 60, "the last cancel-all may still catch new orders", simulated=True),
)
