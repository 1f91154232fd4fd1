"""Every document damaged in every way while a demo runs: its writer heals it, everybody goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from state.home import Document, Home

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks"), pytest.mark.timeout(180)]

DOCUMENTS = tuple(Home.documents())
RUNNING = ("engine", "up", "demo")


def from_the_future(good: bytes) -> bytes:
    told = json.loads(good)
    return json.dumps(told | {"seq": told["seq"] + 86_400 * 10**9, "written_at": "2126-01-01T00:00:00Z"}).encode()


def not_a_number(good: bytes) -> bytes:
    return json.dumps(json.loads(good) | {"seq": float("nan")}).encode()


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda good: b"", "empty"),
    "half": (lambda good: good[: len(good) // 2], "corrupt"),
    "garbage": (lambda good: bytes(range(256)) * 4, "corrupt"),
    "list for object": (lambda good: b"[1, 2, 3]\n", "corrupt"),
    "not a number": (not_a_number, "corrupt"),
    "10 MB": (lambda good: b'{"schema_version":1,"note":"' + b"x" * 10_000_000 + b'"}', "corrupt"),
    "from the future": (from_the_future, "future"),
}


def damage(desk: Desk, entry: Document, kind: str) -> bytes:
    """Put something else in the place of a document, whole, as a bad copy would."""
    path = desk.path(entry.path)
    bad = DAMAGE[kind][0](path.read_bytes())
    other = path.with_name("somebody-elses-copy")
    other.write_bytes(bad)
    other.chmod(0o640)
    os.replace(other, path)
    return bad


def kept(desk: Desk, entry: Document, bad: bytes) -> str | None:
    """The name of the quarantine file that holds these very bytes."""
    path = desk.path(entry.path)
    found = sorted(path.parent.glob(f"{path.name}.corrupted.*.json"))
    return next((file.name for file in reversed(found) if file.read_bytes() == bad), None)


def healed(desk: Desk, entry: Document, bad: bytes) -> bool:
    """Set aside and named by an event, and put back; a damaged start is gone and its permit with it, and safe so."""
    name = kept(desk, entry, bad)
    if name is None or not any(name in event["message"] for event in desk.events("DOCUMENT_HEALED")):
        return False
    if entry in (Home.armed, Home.permit) and not desk.path(entry.path).exists():
        return True
    return desk.document(desk.path(entry.path).stem).get("seq", 0) > 0


def stopped(desk: Desk) -> bool:
    for name in RUNNING:
        desk.signal(name, signal.SIGSTOP)
    if not list(desk.path("state").glob(".*.tmp")):
        return True
    for name in RUNNING:
        desk.signal(name, signal.SIGCONT)
    return False


def start_again(desk: Desk) -> None:
    desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
    desk.wait_for("the gate opens", lambda: desk.document("gate")["open"])


def test_each_damaged_document_is_set_aside_and_healed_while_the_engine_cycles(desk: Desk) -> None:
    desk.environ["FLIGHTDECK_SUPERVISOR__RENEW_S"] = "0.5"
    demo = desk.demo()
    before = desk.processes()
    for entry in DOCUMENTS:
        for kind in DAMAGE:
            # a document may be replaced by its writer at the very moment; then nobody ever saw the damage
            for _ in range(3):
                bad, cycle = damage(desk, entry, kind), len(desk.lines("run"))
                desk.wait_for(
                    f"{entry.path}, {kind}: healed",
                    lambda entry=entry, bad=bad, cycle=cycle: (  # type: ignore[misc]
                        healed(desk, entry, bad) or len(desk.lines("run")) > cycle + 8
                    ),
                )
                if healed(desk, entry, bad):
                    break
            assert healed(desk, entry, bad), f"{entry.path}, {kind}"
            if entry is Home.armed:
                start_again(desk)
    assert desk.processes() == before
    assert desk.events("TRADING_ENGINE_EXITED") == []
    desk.wait_for("the gate is open", lambda: desk.document("gate").get("open"))
    assert {line["engine_status"] for line in desk.lines("run")} == {"ok"}
    assert set(desk.status()["documents"].values()) == {"ok"}
    desk.end(demo)


def test_status_names_every_damaged_document_and_tells_nothing_from_it(desk: Desk) -> None:
    demo = desk.demo()
    for kind, (_, outcome) in DAMAGE.items():
        desk.wait_for("everybody is stopped, and nobody while writing", lambda: stopped(desk))
        bad = {entry: damage(desk, entry, kind) for entry in DOCUMENTS}
        told = desk.status()
        assert told["documents"] == {entry.path: outcome for entry in DOCUMENTS}, kind
        assert told["engine"].pop("state") in {"stale", "down"}
        assert set(told["engine"].values()) == {None}
        assert (told["source"], told["armed"]) == (None, None)
        assert told["permit"] == {"valid": False, "age_s": None}
        assert told["gate"] == {"open": None, "reasons": None}
        assert told["exchange"] == {"resting_orders": None, "as_of": None}
        assert set(told["shadow"].values()) == {None}
        for name in RUNNING:
            desk.signal(name, signal.SIGCONT)
        desk.wait_for("all are healed", lambda bad=bad: all(healed(desk, *each) for each in bad.items()))  # type: ignore[misc]
        start_again(desk)
    assert desk.events("TRADING_ENGINE_EXITED") == []
    desk.end(demo)
