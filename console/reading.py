"""The reader: looks at every document of a home and builds a Snapshot. It and `live.py` read files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Any, TypeVar, cast, get_args

from pydantic import AwareDatetime

from console.snapshot import DRAWN, EngineState, Happening, Leave, Shown, Snapshot, Trends
from state import kill_journal, sentinel
from state.clock import Clock
from state.home import Document, Home
from state.kill_journal import KillState, RungSeen
from state.models import DocumentModel, Model
from state.models.exchange import ExchangeView
from state.models.gate import GateReport
from state.models.heartbeat import Heartbeat
from state.models.permit import Armed, Permit
from state.models.reconciliation import Reconciliation
from state.models.shadow import ShadowBook
from state.models.supervisor import SupervisorState
from state.outcome import Outcome
from state.permit import Identity, LeaveReader
from state.reading import DocumentReader
from state.text import LIMIT, visible

M = TypeVar("M", bound=DocumentModel)
MODELS = "state.models."
WORDLESS = frozenset({bool, int, float, Decimal, datetime, AwareDatetime, NoneType, Ellipsis})


class HomeReader:
    """Reads one home again and again; parses only what changed, and keeps the last good value of each document."""

    def __init__(self, home: Home, clock: Clock, droplet: str = "") -> None:
        self.home = home
        self._clock = clock
        self.call(droplet)
        self._readers = {entry.path: DocumentReader(home, entry, model_of(entry), clock) for entry in Home.documents()}
        self._shown: dict[str, Shown[Any]] = {}
        self._raw: dict[str, DocumentModel] = {}
        self._kill_journal = home.below(Home.kills.path)
        self._kill: tuple[object, KillState] | None = None

    def call(self, droplet: str) -> None:
        """The name of this machine on every screen; its own when there is no other."""
        self._droplet = visible(droplet or os.uname().nodename, 40)

    def read(self, happenings: Iterable[Happening] = (), trends: Trends = Trends()) -> Snapshot:  # noqa: B008 (frozen)
        """The home as it is now. Never raises for anything a file can be."""
        heartbeat = self._document(Home.heartbeat, Heartbeat)
        supervisor = self._document(Home.supervisor, SupervisorState)
        permit = self._document(Home.permit, Permit)
        return Snapshot(
            at=self._clock.now(),
            home=visible(os.fspath(self.home.root), 200),
            droplet=self._droplet,
            engine=engine_state(heartbeat, supervisor),
            heartbeat=heartbeat,
            gate=self._document(Home.gate, GateReport),
            positions=self._document(Home.positions, ShadowBook),
            exchange=self._document(Home.exchange, ExchangeView),
            reconciliation=self._document(Home.reconciliation, Reconciliation),
            supervisor=supervisor,
            supervisor_runs=supervisor.value is not None and runs(supervisor.value.start_id),
            permit=permit,
            armed=self._document(Home.armed, Armed),
            others=tuple(self._document(entry, DocumentModel) for entry in Home.documents() if entry not in DRAWN),
            kill=self._kill_state(),
            leave=self._leave(permit, supervisor, heartbeat),
            happenings=tuple(happenings),
            trends=trends,
        )

    def _document(self, entry: Document, model: type[M]) -> Shown[M]:
        reading = self._readers[entry.path].read()
        before = self._shown.get(entry.path)
        value = before.value if before else None
        if reading.value is not None and reading.value is not self._raw.get(entry.path):
            self._raw[entry.path] = reading.value
            value = visible_model(cast("M", reading.value))
        age = reading.age_s if reading.value is not None else None
        shown = Shown(entry, reading.outcome, value, visible(reading.reason, 160), reading.size, age)
        if value is not None and age is None:
            shown = replace(shown, age_s=(self._clock.now() - value.written_at).total_seconds())
        self._shown[entry.path] = shown
        return shown

    def _kill_state(self) -> KillState:
        """Folded again when the sentinel or its journal is another one, or cannot be told."""
        look = sentinel.look(self.home)
        seen = look.engaged, look.reason, look.kill_id, signature(self._kill_journal)
        if self._kill is None or self._kill[0] != seen or seen[3] is None:
            self._kill = seen, visible_kill(kill_journal.fold(self.home, self._clock, look))
        return self._kill[1]

    def _leave(self, permit: Shown[Permit], *witnesses: Shown[Any]) -> Leave:
        """What the engine itself would see: the look of `state.permit`, for the build that runs."""
        running = next((shown.current for shown in witnesses if shown.current is not None), None)
        age = permit.age_s if permit.value is not None and permit.outcome in (Outcome.OK, Outcome.STALE) else None
        life = permit.value.life_s if permit.value is not None else None
        if permit.outcome is Outcome.MISSING:
            return Leave(False, "none given")
        if running is None:
            return Leave(False, "nobody runs who could hold it", age, life)
        anchor = sentinel.Anchor(self.home)
        try:
            look = LeaveReader(anchor, self._clock, Identity(running.build, running.config_hash)).look()
        finally:
            anchor.close()
        reason = look.armed_reason or look.permit_reason
        return Leave(look.granted, visible(reason.removeprefix("no permit: "), 100), age, life)


def signature(path: str) -> tuple[int, int, int] | None:
    """Inode, size and time of change of a file, the same while it is the same; None when that cannot be told."""
    try:
        found = os.stat(path)  # noqa: PTH116  (Path.stat costs a third more)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_ctime_ns


def model_of(entry: Document) -> type[DocumentModel]:
    """The model class of a document, imported now."""
    module, _, name = entry.model.partition(":")
    return cast("type[DocumentModel]", getattr(import_module(MODELS + module), name))


def engine_state(heartbeat: Shown[Heartbeat], supervisor: Shown[SupervisorState]) -> EngineState:
    """Alive and working, alive, silent, or gone: from the beat and from the kernel's list of processes."""
    beat = heartbeat.current
    if beat is not None:
        if not runs(beat.start_id):
            return EngineState.DOWN
        return EngineState.OK if beat.engine_status == "ok" else EngineState.DEGRADED
    last = heartbeat.value
    if last is not None and runs(last.start_id):
        return EngineState.STALE
    keeper = supervisor.current
    return (
        EngineState.STALE if keeper is not None and keeper.engine_pid and alive(keeper.engine_pid) else EngineState.DOWN
    )


def runs(start_id: str) -> bool:
    """Whether the process that calls itself `start_id` ("pid-starttime") still runs, and is no zombie."""
    pid, _, started = start_id.partition("-")
    fields = process_fields(pid) if pid.isdigit() else None
    return fields is not None and fields[0] not in ("Z", "X") and fields[19] == started


def alive(pid: int) -> bool:
    """Whether a process of that number runs, and is no zombie."""
    fields = process_fields(str(pid))
    return fields is not None and fields[0] not in ("Z", "X")


def process_fields(pid: str) -> list[str] | None:
    """Fields 3 onward of /proc/PID/stat (proc(5)); None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def visible_model(model: M) -> M:
    """The model with every string made visible; the same object when nothing had to be."""
    return cast("M", _visible(model))


def _visible(value: object) -> object:
    if isinstance(value, str):
        shown = visible(value)
        return value if shown == value else shown
    if isinstance(value, Model):
        changed = {}
        for name in _worded(type(value)):
            old = getattr(value, name)
            if type(old) is str and old.isascii() and old.isprintable() and len(old) <= LIMIT:
                continue  # as nearly all of it is
            new = _visible(old)
            if new is not old:
                changed[name] = new
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, tuple):
        made = tuple(_visible(each) for each in value)
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
    return value


@cache
def _worded(model: type[Model]) -> tuple[str, ...]:
    """The fields of a model that may hold words: most of a book are amounts and instants."""
    return tuple(name for name, field in model.model_fields.items() if not _leaves(field.annotation) <= WORDLESS)


def _leaves(annotation: object) -> set[object]:
    """The types that an annotation is made of."""
    inner = get_args(annotation)
    return set().union(*map(_leaves, inner)) if inner else {annotation}


def visible_kill(state: KillState) -> KillState:
    """The kill state with the text of people and journals made visible."""
    rungs = tuple(
        RungSeen(rung.name, visible(rung.at, 40), visible(rung.by, 60), visible(rung.why, 200)) for rung in state.rungs
    )
    return replace(
        state,
        reason=visible(state.reason, 200),
        why=visible(state.why, 200),
        by=visible(state.by, 80),
        since=None if state.since is None else visible(state.since, 40),
        rungs=rungs,
    )
