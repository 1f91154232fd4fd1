"""`flightdeck down` says what became of it, and touches nobody else's process."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from engine.supervisor import down
from state.clock import SystemClock
from state.document import DocumentWriter
from state.home import Home
from state.lock import Holder, start_id
from state.models.supervisor import SupervisorState


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    def by(pid: int, identity: str) -> None:
        monkeypatch.setattr(down, "holder", lambda *_: Holder(pid, identity, "here", "now"))

    return by


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    signals: list[int] = []
    monkeypatch.setattr(down.signal, "pidfd_send_signal", lambda _, number: signals.append(number))
    return signals


def test_where_no_supervisor_runs_there_is_nothing_to_stop(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert down.main(["--home", str(home.root)]) == os.EX_OK
    assert "no supervisor runs" in capsys.readouterr().out


def test_a_lock_that_somebody_left_is_held_by_nobody(home: Home) -> None:
    (home.state / "supervisor.lock").write_text(json.dumps({"pid": 1, "start_id": "1-1", "host": "h", "since": "s"}))
    assert down.main(["--home", str(home.root)]) == os.EX_OK


def test_a_pid_that_is_another_process_now_is_left_alone(home: Home, held: Any, sent: list[int]) -> None:
    held(os.getpid(), f"{os.getpid()}-1")
    assert down.main(["--home", str(home.root)]) == os.EX_TEMPFAIL
    assert sent == []


def test_one_that_does_not_end_in_time_is_said_to_be_there_still(
    home: Home, held: Any, sent: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    held(os.getpid(), start_id(os.getpid()))
    assert down.main(["--home", str(home.root), "--timeout", "0"]) == os.EX_TEMPFAIL
    assert sent == [signal.SIGTERM]
    assert "still there" in capsys.readouterr().err


def test_one_that_is_just_starting_has_no_name_to_stop(home: Home, held: Any, sent: list[int]) -> None:
    held(0, "")
    assert down.main(["--home", str(home.root)]) == os.EX_TEMPFAIL
    assert sent == []


def told(home: Home, **fields: object) -> None:
    """The last word of a supervisor."""
    writer = DocumentWriter(home, Home.supervisor, SystemClock(), lambda *_, **__: None, SupervisorState())
    writer.write(SupervisorState(**fields))


def test_one_that_ended_meanwhile_is_stopped(home: Home, held: Any) -> None:
    held(2**22 + 1, "x")
    told(home, start_id="x", end="verified")
    assert down.main(["--home", str(home.root)]) == os.EX_OK


@pytest.mark.parametrize(
    "word",
    [{"start_id": "x", "end": "unverified"}, {"start_id": "x"}, {"start_id": "another", "end": "verified"}, None],
    ids=["unverified", "died", "of another", "no word"],
)
def test_one_that_is_gone_without_verifying_that_nothing_rests_is_not_well_ended(
    home: Home, held: Any, capsys: pytest.CaptureFixture[str], word: dict[str, object] | None
) -> None:
    held(2**22 + 1, "x")
    if word is not None:
        told(home, **word)
    assert down.main(["--home", str(home.root)]) == 1
    assert capsys.readouterr().err == (
        "flightdeck down: it is not verified that nothing rests at the exchange; see: flightdeck cancel\n"
    )


def test_one_of_another_user_is_told_in_a_line(
    home: Home, held: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(down.signal, "pidfd_send_signal", refuse)
    held(os.getpid(), start_id(os.getpid()))
    assert down.main(["--home", str(home.root)]) == os.EX_IOERR
    assert "Operation not permitted" in capsys.readouterr().err
