"""The file contract of the whole system: every document and journal, who writes it, how old it may grow.

A *document* is one small JSON file with one writer, replaced atomically. A *journal* is append-only JSONL.
Both live below one folder, the home. Healing, watching, freshness, JSON Schemas, the reference page in `docs/`,
bundles and audits are derived from this table: to add a file to the system is to add one line here.
Models are named as "module:Class" below `state.models` and imported only when something typed is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CONFIG_NAME = "flightdeck.toml"
PACKAGE_MARKS = ("pyproject.toml", "flightdeck.py", "state/__init__.py")


class HomeError(Exception):
    """The home cannot be used: says what, where and what to do. Exit code 78."""


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON file: path below the home, model, its one writer, seconds until stale (None: never)."""

    path: str
    model: str
    writer: str
    purpose: str
    stale_after: float | None = None
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Journal:
    """One append-only JSONL file; writer "any" means that several processes append to it."""

    path: str
    model: str
    writer: str
    purpose: str
    durable: bool = False

    @property
    def shared(self) -> bool:
        """Whether several processes append."""
        return self.writer == "any"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder everything lives in, and the table of what is in it."""

    root: Path

    # fmt: off
    heartbeat    = Document("state/bot_heartbeat.json", "heartbeat:Heartbeat", "engine", "the engine is alive and how it works", stale_after=15)
    gate         = Document("state/gate.json", "gate:GateReport", "engine", "may an order leave, gate by gate", stale_after=15)
    positions    = Document("state/shadow_v2_positions.json", "shadow:ShadowBook", "engine", "the shadow book: paper positions and orders", stale_after=15, durable=True)
    exchange     = Document("state/exchange.json", "exchange:ExchangeView", "engine", "what the exchange says rests and is held; written by the supervisor while no engine runs", stale_after=30)
    supervisor   = Document("state/supervisor.json", "supervisor:SupervisorState", "supervisor", "the engine's process: starts, exits, brake", stale_after=15)
    permit       = Document("state/permit.json", "permit:Permit", "supervisor", "sealed leave to send orders, renewed every few seconds", stale_after=15)
    armed        = Document("state/armed.json", "permit:Armed", "a person's start", "trading was started by a person", durable=True)
    market_clock = Document("state/market_clock.json", "market_clock:MarketClockSetting", "demo", "where market time starts and how fast it runs; absent when live")

    cycles       = Journal("logs/run.jsonl", "heartbeat:Cycle", "engine", "one line for each cycle of the engine")
    kills        = Journal("logs/kill.jsonl", "kill:KillEvent", "any", "every kill, rung, clear and start, for ever", durable=True)
    events       = Journal("logs/system_events.jsonl", "events:SystemEvent", "any", "structured system events")
    fills        = Journal("logs/shadow_trades.jsonl", "trades:ShadowTrade", "engine", "shadow fills and settlements: what the book is rebuilt from", durable=True)
    trades       = Journal("logs/master_trade_log.jsonl", "trades:MasterTrade", "engine", "one line for each closed trade", durable=True)
    intents      = Journal("logs/intents.jsonl", "orders:OrderEvent", "engine", "real orders: intent before it is sent, then what became of it", durable=True)
    # fmt: on

    @classmethod
    def documents(cls) -> Iterator[Document]:
        """Every document, in table order."""
        return (entry for entry in vars(cls).values() if isinstance(entry, Document))

    @classmethod
    def journals(cls) -> Iterator[Journal]:
        """Every journal, in table order."""
        return (entry for entry in vars(cls).values() if isinstance(entry, Journal))

    def path(self, entry: Document | Journal) -> Path:
        """Where `entry` lies in this home."""
        return self.root / entry.path

    @property
    def state(self) -> Path:
        """The folder of documents, kill sentinel and locks."""
        return self.root / "state"

    @property
    def config(self) -> Path:
        """The home's own configuration file; it may not name a home."""
        return self.root / CONFIG_NAME

    def create(self) -> None:
        """Make the folders of the home (0750). Only processes that write call this."""
        for folder in (self.root, self.state, self.root / "logs"):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    @classmethod
    def locate(cls, flag: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Home:
        """The home every command agrees on: --home, FLIGHTDECK_HOME, a config file's `home`, the user state folder.

        Raises HomeError when a config file cannot be read, or the folder looks like this project's own source.
        """
        chosen = flag or environ.get("FLIGHTDECK_HOME") or _configured_home(environ)
        root = Path(chosen).expanduser() if chosen else user_state_folder(environ) / "flightdeck"
        root = Path(os.path.abspath(root))  # noqa: PTH100  (resolve() would follow links and touch the disk)
        return cls(refuse_package_folder(root))


def user_state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """XDG state folder of this user, as the environment says, else ~/.local/state."""
    return Path(environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or Path.home()) / ".local" / "state")


def config_files(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The configuration files outside a home, strongest first."""
    user = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config")
    return (user / "flightdeck" / CONFIG_NAME, Path("/etc/flightdeck") / CONFIG_NAME)


def refuse_package_folder(root: Path) -> Path:
    """`root`, unless it holds program source: a home there would mix `state/` the data with `state/` the code."""
    for mark in PACKAGE_MARKS:
        if os.path.lexists(root / mark):
            raise HomeError(f"{root} holds program source ({mark}); name another folder with --home or FLIGHTDECK_HOME")
    return root


def _configured_home(environ: Mapping[str, str]) -> str | None:
    for file in config_files(environ):
        try:
            text = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise HomeError(f"{file}: {error.strerror}; cannot tell where the home is, use --home") from error
        home = _home_in(file, text)
        if home is not None:
            return home
    return None


def _home_in(file: Path, text: bytes) -> str | None:
    import tomllib  # 5 ms that most runs of `kill` never need

    try:
        home = tomllib.loads(text.decode()).get("home")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HomeError(f"{file}: not valid TOML ({error}); mend it or use --home") from error
    if home is not None and not isinstance(home, str):
        raise HomeError(f"{file}: home must be a string; mend it or use --home")
    return home
