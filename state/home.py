"""The file contract of the whole system: every document and journal, who writes it, how old it may grow.

A *document* is one small JSON file with one writer, replaced atomically. A *journal* is append-only JSONL.
Both live below one folder, the home. Healing, watching, freshness, JSON Schemas, the reference page in `docs/`,
bundles and audits are derived from this table: to add a file to the system is to add one line here.
Models are named as "module:Class" below `state.models` and imported only when something typed is read.
"""
# pathlib is among what the start of `kill on` cannot afford
# ruff: noqa: PTH100, PTH102, PTH111, PTH112, PTH117, PTH120

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

TYPE_CHECKING = False  # `kill on` stands on this module: typing, dataclasses and pathlib would double its start
if TYPE_CHECKING:
    from pathlib import Path

CONFIG_NAME = "flightdeck.toml"
PACKAGE_MARKS = ("pyproject.toml", "flightdeck.py", "state/__init__.py")


class HomeError(Exception):
    """The home cannot be used: says what, where and what to do. Exit code 78."""


class Entry:
    """What documents and journals have in common. An entry is itself only: the table below holds each one once."""

    __slots__ = ("durable", "model", "path", "purpose", "writer")

    def __init__(self, path: str, model: str, writer: str, purpose: str, *, durable: bool = False) -> None:
        self.path = path
        self.model = model
        self.writer = writer
        self.purpose = purpose
        self.durable = durable

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


class Document(Entry):
    """One JSON file: path below the home, model, its one writer, seconds until stale (None: never)."""

    __slots__ = ("stale_after",)

    def __init__(
        self,
        path: str,
        model: str,
        writer: str,
        purpose: str,
        stale_after: float | None = None,
        *,
        durable: bool = False,
    ) -> None:
        super().__init__(path, model, writer, purpose, durable=durable)
        self.stale_after = stale_after


class Journal(Entry):
    """One append-only JSONL file; writer "any" means that several processes append to it."""

    __slots__ = ()

    @property
    def shared(self) -> bool:
        """Whether several processes append."""
        return self.writer == "any"


class Home:
    """The folder everything lives in, and the table of what is in it."""

    __slots__ = ("_root",)

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.fspath(root)

    # fmt: off
    heartbeat    = Document("state/bot_heartbeat.json", "heartbeat:Heartbeat", "engine", "the engine is alive and how it works", stale_after=15)
    gate         = Document("state/gate.json", "gate:GateReport", "engine", "may an order leave, gate by gate", stale_after=15)
    positions    = Document("state/shadow_v2_positions.json", "shadow:ShadowBook", "engine", "the shadow book: paper positions and orders", stale_after=15, durable=True)
    exchange     = Document("state/exchange.json", "exchange:ExchangeView", "engine", "what the exchange says rests and is held; written by the supervisor while no engine runs, and by a cancel while neither does", stale_after=30)
    reconciliation = Document("state/reconciliation.json", "reconciliation:Reconciliation", "engine", "our orders, fills and positions against the exchange's", stale_after=30)
    supervisor   = Document("state/supervisor.json", "supervisor:SupervisorState", "supervisor", "the engine's process: starts, exits, brake", stale_after=15)
    permit       = Document("state/permit.json", "permit:Permit", "supervisor", "sealed leave to send orders, renewed every few seconds", stale_after=15)
    armed        = Document("state/armed.json", "permit:Armed", "a person's start", "trading was started by a person", durable=True)
    market_clock = Document("state/market_clock.json", "market_clock:MarketClockSetting", "demo", "where market time starts and how fast it runs; absent when live")

    cycles       = Journal("logs/run.jsonl", "heartbeat:Cycle", "engine", "one line for each cycle of the engine")
    kills        = Journal("logs/kill.jsonl", "kill:KillEvent", "any", "every kill, rung, clear and start, for ever", durable=True)
    events       = Journal("logs/system_events.jsonl", "events:SystemEvent", "any", "structured system events")
    fills        = Journal("logs/shadow_trades.jsonl", "trades:ShadowTrade", "engine", "shadow fills and settlements: what the book is rebuilt from", durable=True)
    trades       = Journal("logs/master_trade_log.jsonl", "trades:MasterTrade", "engine", "one line for each closed trade", durable=True)
    intents      = Journal("logs/intents.jsonl", "orders:OrderEvent", "any", "real orders: intent before it is sent, then what became of it; never rotated, positions are folded from it", durable=True)
    # fmt: on

    @classmethod
    def documents(cls) -> Iterator[Document]:
        """Every document, in table order."""
        return (entry for entry in vars(cls).values() if isinstance(entry, Document))

    @classmethod
    def journals(cls) -> Iterator[Journal]:
        """Every journal, in table order."""
        return (entry for entry in vars(cls).values() if isinstance(entry, Journal))

    def __eq__(self, other: object) -> bool:
        return self.root == other.root if isinstance(other, Home) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        return f"Home({self._root!r})"

    def below(self, name: str) -> str:
        """`name` below the root, as plain text: for the kill path."""
        return f"{self._root}/{name}"

    @property
    def root(self) -> Path:
        """The folder itself."""
        from pathlib import Path

        return Path(self._root)

    @property
    def state(self) -> Path:
        """The folder of documents, kill sentinel and locks."""
        return self.root / "state"

    def path(self, entry: Document | Journal) -> Path:
        """Where `entry` lies in this home."""
        return self.root / entry.path

    @property
    def config(self) -> Path:
        """The home's own configuration file; it may not name a home."""
        return self.root / CONFIG_NAME

    def create(self, folders: tuple[str, ...] = ("state", "logs"), *, durable: bool = True) -> None:
        """Make the home and these folders in it (0750). Only processes that write call this. Raises OSError.

        What was missing survives a power cut when this returns, if `durable`: else no file in it could.
        """
        for folder in (self._root, *map(self.below, folders)):
            _make(folder, durable)

    @classmethod
    def locate(cls, flag: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Home:
        """The home every command agrees on: --home, FLIGHTDECK_HOME, a config file's `home`, the user state folder.

        Raises HomeError when that cannot be told, or the folder looks like this project's own source.
        """
        if flag is not None and not os.fspath(flag):
            raise HomeError("--home is empty; name a folder")  # an unset variable must not mean the default home
        chosen = flag or environ.get("FLIGHTDECK_HOME") or _configured_home(environ)
        return cls(refuse_package_folder(_absolute(chosen or f"{_user_folder(environ, *_STATE)}/flightdeck")))


def _make(folder: str, durable: bool) -> None:
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder) or os.curdir
    _make(above, durable)
    try:
        os.mkdir(folder, 0o750)
    except FileExistsError:
        if not os.path.isdir(folder):  # else another process made it just now
            raise
    if durable:
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


_STATE = ("XDG_STATE_HOME", ".local/state")
_CONFIG = ("XDG_CONFIG_HOME", ".config")


def user_state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """XDG state folder of this user, as the environment says, else ~/.local/state."""
    from pathlib import Path

    return Path(_user_folder(environ, *_STATE))


def config_files(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The configuration files outside a home, strongest first."""
    from pathlib import Path

    return tuple(map(Path, _config_files(environ)))


def refuse_package_folder(root: str) -> str:
    """`root`, unless it holds program source: a home there would mix `state/` the data with `state/` the code."""
    for mark in PACKAGE_MARKS:
        if os.path.lexists(f"{root}/{mark}"):
            raise HomeError(f"{root} holds program source ({mark}); name another folder with --home or FLIGHTDECK_HOME")
    return root


def _user_folder(environ: Mapping[str, str], variable: str, below: str) -> str:
    return environ.get(variable) or f"{environ.get('HOME') or _absolute('~')}/{below}"


def _config_files(environ: Mapping[str, str]) -> tuple[str, ...]:
    return (f"{_user_folder(environ, *_CONFIG)}/flightdeck/{CONFIG_NAME}", f"/etc/flightdeck/{CONFIG_NAME}")


def _absolute(chosen: str | os.PathLike[str]) -> str:
    """The folder meant, without following links or touching the disk. Raises HomeError when it cannot be told."""
    text = os.path.expanduser(chosen)
    if text.startswith("~") or "\0" in text:
        raise HomeError(f"{text!r} names no folder; name one with --home or FLIGHTDECK_HOME")
    try:
        return os.path.abspath(text)
    except FileNotFoundError as error:
        raise HomeError(f"{text} is below a working directory that is gone; give the whole path") from error


def _configured_home(environ: Mapping[str, str]) -> str | None:
    for file in _config_files(environ):
        try:
            with open(file, "rb") as opened:
                text = opened.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise HomeError(f"{file}: {error.strerror}; cannot tell where the home is, use --home") from error
        home = _home_in(file, text)
        if home is not None:
            return home
    return None


def _home_in(file: str, text: bytes) -> str | None:
    import tomllib  # 5 ms that most runs of `kill` never need

    try:
        home = tomllib.loads(text.decode()).get("home")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HomeError(f"{file}: not valid TOML ({error}); mend it or use --home") from error
    if home is not None and not (isinstance(home, str) and os.path.isabs(os.path.expanduser(home))):
        raise HomeError(f"{file}: home must be an absolute path; mend it or use --home")
    return home
