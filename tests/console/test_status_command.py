"""`flightdeck status`: the documented shape, null for whatever is not known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.picture import healthy
from console.snapshot import Snapshot
from console.status import as_json, as_text, main
from state.clock import SimulatedClock
from state.home import Home
from state.models.heartbeat import Heartbeat

States = dict[str, Callable[[], Snapshot]]
ROOT = Path(__file__).parents[2]


def test_the_shape_is_the_documented_one(states: States) -> None:
    for make in states.values():
        found = as_json(make())
        assert list(found) == [
            "source", "home", "engine", "armed", "permit", "gate", "kill", "exchange", "shadow", "documents",
        ]  # fmt: skip
        assert list(found["engine"]) == ["state", "pid", "cycle", "beat_age_s", "restarts"]
        assert list(found["permit"]) == ["valid", "age_s"]
        assert list(found["gate"]) == ["open", "reasons"]
        assert list(found["kill"]) == ["engaged", "level", "why", "since", "rungs"]
        assert list(found["exchange"]) == ["resting_orders", "as_of"]
        assert list(found["shadow"]) == ["positions", "fills", "unrealised_usd", "realised_usd"]
        assert set(found["documents"]) == {entry.path for entry in Home.documents()}


def test_a_healthy_desk(states: States) -> None:
    found = as_json(states["healthy"]())
    assert found["source"] == "simulated"
    assert found["engine"] == {"state": "ok", "pid": 4121, "cycle": 8041, "beat_age_s": 0.6, "restarts": 0}
    assert found["armed"] is True
    assert found["permit"] == {"valid": True, "age_s": 2.4}
    assert found["gate"] == {"open": True, "reasons": []}
    assert found["exchange"] == {"resting_orders": 6, "as_of": "2026-11-24T19:31:03.000000Z"}
    assert found["shadow"] == {"positions": 9, "fills": 143, "unrealised_usd": None, "realised_usd": 212.75}


def test_a_supervisor_that_has_ended_restarts_nothing(states: States) -> None:
    gone = replace(states["healthy"](), supervisor_runs=False)
    assert as_json(gone)["engine"]["restarts"] is None
    assert "keeper    the supervisor, pid 4100, has ended" in as_text(gone)
    assert not any(row.startswith("keeper") for row in as_text(states["healthy"]()))


@pytest.mark.parametrize("name", ["stale", "empty", "corrupt"])
def test_what_is_not_fresh_is_null_and_never_zero(states: States, name: str) -> None:
    found = as_json(states[name]())
    assert found["engine"]["pid"] is None and found["engine"]["cycle"] is None
    assert found["gate"] == {"open": None, "reasons": None}
    assert set(found["shadow"].values()) == {None}
    assert set(found["exchange"].values()) == {None}


def test_a_missing_start_is_known_and_a_damaged_one_is_not(home: Home, clock: SimulatedClock, capsys: object) -> None:
    assert read(home, clock, capsys)["armed"] is False
    home.path(Home.armed).write_bytes(b"{")
    assert read(home, clock, capsys)["armed"] is None


def test_the_state_of_the_engine_does_not_depend_on_gate_and_kill(states: States) -> None:
    assert as_json(states["killed"]())["engine"]["state"] == "ok"


def test_rungs_are_in_their_order(states: States) -> None:
    names = [rung["name"] for rung in as_json(states["killed"]())["kill"]["rungs"]]
    assert names == ["sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2"]


def read(home: Home, clock: SimulatedClock, capsys: object) -> dict[str, object]:
    assert main(["--home", str(home.root), "--json"], clock) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[attr-defined]


def test_documents_on_disk_are_told_by_outcome(
    home: Home, clock: SimulatedClock, write: Callable[..., None], capsys: object
) -> None:
    write(Home.gate, healthy().gate.value)
    write(Home.heartbeat, Heartbeat(), age_s=60.0)
    home.path(Home.exchange).write_bytes(b"")
    documents = read(home, clock, capsys)["documents"]
    known = {"state/gate.json": "ok", "state/bot_heartbeat.json": "stale", "state/exchange.json": "empty"}
    assert documents == {entry.path: known.get(entry.path, "missing") for entry in Home.documents()}


def test_text_names_the_trouble_and_the_exit_code_says_no(home: Home, clock: SimulatedClock, capsys: object) -> None:
    assert main(["--home", str(home.root)], clock) == 1
    shown = capsys.readouterr().out  # type: ignore[attr-defined]
    assert "engine    down" in shown
    assert "state/gate.json: missing" in shown


def test_text_of_a_healthy_desk(states: States) -> None:
    assert "trading   may trade" in as_text(states["healthy"]())


def test_text_of_a_kill_tells_what_must_be_known_with_a_rung(states: States) -> None:
    killed = states["killed"]()
    doubted = tuple(replace(rung, why="never acknowledged") for rung in killed.kill.rungs)
    shown = as_text(replace(killed, kill=replace(killed.kill, rungs=doubted)))
    assert sum("(never acknowledged)" in row for row in shown) == 5


def test_a_home_that_is_program_source_is_refused(capsys: object) -> None:
    assert main(["--home", str(ROOT)]) == 78
    assert "holds program source" in capsys.readouterr().err  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "module", ["console.status", "console.logs", "console.main", "console.actions", "console.keys"]
)
def test_the_headless_part_never_imports_textual_or_watchfiles(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('textual', 'watchfiles') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=dict(os.environ))
    assert told.stdout.strip() == "[]", told.stderr
