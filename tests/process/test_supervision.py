"""`flightdeck up` and `down`: hanging engines, wrong configuration, full disks, one supervisor at a time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("desks"), pytest.mark.timeout(120)]


def another_engine_beats(desk: Desk, than: int) -> bool:
    pid = desk.document("bot_heartbeat").get("pid")
    return pid not in {None, than} and pid in desk.processes()


def test_an_engine_that_hangs_is_dumped_ended_and_started_again(desk: Desk) -> None:
    desk.exchange(supervisor={"hang_s": 4.0, "heartbeat_s": 1.0, "backoff_base_s": 0.1})
    desk.up()
    hung = desk.signal("engine", signal.SIGSTOP)
    desk.wait_for("no permit without a heart", lambda: not desk.path("state/permit.json").exists())
    desk.wait_for("another engine beats", lambda: another_engine_beats(desk, hung))
    assert hung not in desk.processes()
    assert f"engine {hung}: no heartbeat for 4 s; ended" in desk.events("ENGINE_UNRESPONSIVE")[0]["message"]
    assert [event["details"]["exit_class"] for event in desk.events("TRADING_ENGINE_EXITED")] == ["unresponsive"]
    desk.wait_for("it trades again", lambda: desk.document("gate")["open"])
    assert desk.run("down") == 0


def test_an_engine_stopped_for_a_moment_only_loses_its_permit_for_that_moment(desk: Desk) -> None:
    desk.exchange(supervisor={"heartbeat_s": 1.0})
    desk.up()
    paused = desk.signal("engine", signal.SIGSTOP)
    desk.wait_for("no permit without a heart", lambda: not desk.path("state/permit.json").exists())
    os.kill(paused, signal.SIGCONT)
    desk.wait_for("the permit is back", lambda: desk.path("state/permit.json").exists())
    desk.wait_for("it trades again", lambda: desk.document("gate")["open"])
    assert desk.document("bot_heartbeat")["pid"] == paused
    assert desk.events("TRADING_ENGINE_EXITED") == []


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("[supervisor]\nhang = 3\n", "supervisor.hang"),
        ("[supervisor]\nhang_s = 99\n", "supervisor.hang_s"),
        ("[gate]\nprogress_s = 'fast'\n", "gate.progress_s"),
        (
            "[exchange]\nbase_url = 'https://example.com/trade-api/v2'\nkey_id='a'\nprivate_key_path='/nowhere'\n",
            "example",
        ),
        ("", "exchange.base_url"),
        ("[exchange\n", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line_and_78(desk: Desk, setting: str, named: str) -> None:
    desk.home.mkdir()
    desk.path("flightdeck.toml").write_text(setting)
    assert desk.run("up") == 78
    assert desk.err().startswith("flightdeck up: ")
    assert desk.err().count("\n") == 1
    assert named in desk.err()


def test_an_engine_whose_configuration_turned_wrong_is_not_started_again_and_the_supervisor_says_why(
    desk: Desk,
) -> None:
    desk.exchange(supervisor={"brake": False, "backoff_base_s": 0.1})
    up = desk.up()
    config = desk.path("flightdeck.toml")
    config.write_text(config.read_text() + "[gate]\nprogress_s = -1\n")
    desk.signal("engine", signal.SIGKILL)
    assert up.wait(30) == 78
    assert desk.err(up).count("\n") == 1
    assert "configuration" in desk.err(up)
    assert "gate.progress_s" in desk.err(up)
    assert desk.resting() == []
    assert len(desk.events("TRADING_ENGINE_STARTING")) == 2


def test_a_second_supervisor_is_refused_and_names_the_first(desk: Desk) -> None:
    desk.exchange()
    up = desk.up()
    assert desk.run("up") == 75
    assert desk.err().count("\n") == 1
    assert f"pid {up.pid} " in desk.err()
    assert f"pid {up.pid} " in desk.events("ALREADY_RUNNING")[-1]["message"]
    desk.cycles(2)
    assert len(desk.resting()) == 6
    assert desk.run("down") == 0


def test_of_two_supervisors_between_which_the_locks_were_deleted_the_first_ends_in_good_order(desk: Desk) -> None:
    desk.exchange()
    first = desk.up()
    for name in ("supervisor", "engine"):
        desk.path(f"state/{name}.lock").unlink()
    second = desk.start("up")
    assert first.wait(30) == 70
    assert desk.err(first).count("\n") == 1
    assert ".lock is gone or another file" in desk.err(first)
    desk.wait_for(
        "the second one's engine beats", lambda: desk.document("bot_heartbeat").get("pid") in desk.processes()
    )
    assert sorted(desk.processes().values()) == ["engine", "exchange", "up"]
    assert desk.resting() == []
    desk.wait_for("start is taken", lambda: desk.run("kill", "start", "--confirm", "START") == 0)
    desk.wait_for("orders rest", lambda: len(desk.resting()) == 6)
    assert desk.run("down") == 0
    assert second.wait(1) == 0


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text.strip()


def test_a_stop_of_which_nobody_knows_what_it_left_says_so_by_its_exit_code(desk: Desk) -> None:
    desk.exchange()
    up = desk.up()
    desk.signal("exchange", signal.SIGSTOP)
    assert desk.run("down") == 1
    assert one_line(desk.err()).endswith("not verified that nothing rests at the exchange; see: flightdeck cancel")
    assert up.wait(1) == 1
    assert one_line(desk.err(up)).startswith("flightdeck up: not verified within ")
    desk.signal("exchange", signal.SIGCONT)
    assert desk.run("cancel") == 0
    assert desk.resting() == []
    assert desk.document("exchange")["resting"] == []


def test_down_waits_until_everything_is_cancelled_and_gone(desk: Desk) -> None:
    desk.exchange()
    up = desk.up()
    assert desk.run("down") == 0
    assert list(desk.processes().values()) == ["exchange"]
    assert up.wait(1) == 0
    assert desk.err(up) == ""
    assert desk.resting() == []
    assert not desk.path("state/armed.json").exists()
    assert not desk.path("state/permit.json").exists()
    assert [event["details"]["exit_class"] for event in desk.events("TRADING_ENGINE_EXITED")] == ["commanded"]
    assert desk.run("down") == 0
    assert "no supervisor runs" in desk.out()


def test_down_says_so_when_the_supervisor_does_not_end(desk: Desk) -> None:
    desk.exchange()
    desk.up()
    supervisor = desk.signal("up", signal.SIGSTOP)
    assert desk.run("down", "--timeout", "0.5") == 75
    assert f"supervisor {supervisor} is still there" in desk.err()
    os.kill(supervisor, signal.SIGCONT)
    desk.wait_for("it ends as it was told", lambda: supervisor not in desk.processes())


def test_an_exchange_that_is_gone_keeps_no_supervisor_from_ending(desk: Desk) -> None:
    exchange = desk.exchange(supervisor={"stop_timeout_s": 1.0})
    up = desk.up()
    exchange.kill()
    desk.wait_for("it is said", lambda: desk.document("exchange").get("error"))
    desk.wait_for("the gate is shut", lambda: desk.document("gate").get("open") is False)
    assert desk.run("down") == 1
    assert up.wait(1) == 1
    assert desk.processes() == {}


@pytest.fixture
def small_disk(desk: Desk) -> Iterator[Path]:
    """The home on a disk of its own, of 8 MB."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size=8m,uid={os.geteuid()}"
    desk.home.mkdir()
    try:
        subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", options, "small", str(desk.home)], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("only root can mount a small disk")
    try:
        yield desk.home
    finally:
        for command in reversed(desk.commands):  # the exchange was the first
            if command.poll() is None:
                command.terminate()
                command.wait(30)
        subprocess.run([*as_root, "umount", "-l", str(desk.home)], check=True)


def test_a_full_disk_takes_the_permit_and_nothing_else_and_all_is_well_once_there_is_room(
    desk: Desk, small_disk: Path
) -> None:
    desk.exchange(supervisor={"hang_s": 2.0, "heartbeat_s": 1.0})
    up = desk.up()
    before = desk.processes()
    engine, cycle = desk.pid("engine"), desk.document("bot_heartbeat")["cycle"]
    big = small_disk / "big"
    with big.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4_096)
    desk.wait_for("permit withheld", lambda: not desk.path("state/permit.json").exists())
    desk.changes(60)  # some ten seconds of an engine that goes on, and touches its heartbeat every cycle
    assert desk.pid("engine") == engine
    assert desk.document("bot_heartbeat")["cycle"] <= cycle + 8

    big.unlink()
    desk.wait_for("cycles went on", lambda: desk.document("bot_heartbeat").get("cycle", 0) > cycle + 20)
    desk.wait_for("the gate opens", lambda: desk.document("gate").get("open"))
    assert "degraded" in {line["engine_status"] for line in desk.lines("run")}
    assert desk.processes() == before
    # not by its lines: the full disk may have torn one, and in a journal of many writers nobody may cut it off
    assert b"TRADING_ENGINE_EXITED" not in desk.path("logs/system_events.jsonl").read_bytes()
    assert desk.run("down") == 0
    assert up.wait(1) == 0


def test_a_kill_on_a_full_disk_stops_everything(desk: Desk, small_disk: Path) -> None:
    desk.exchange()
    up = desk.up()
    big = small_disk / "big"
    with big.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4_096)
    assert desk.run("kill", "on") == 0
    desk.wait_for("nothing rests", lambda: desk.resting() == [])
    desk.wait_for("no start is left", lambda: not desk.path("state/armed.json").exists())
    desk.wait_for("no permit is left", lambda: not desk.path("state/permit.json").exists())
    big.unlink()
    assert desk.run("kill", "on", "--cancel") == 0
    assert desk.status()["kill"]["engaged"] is True
    assert desk.run("down") == 0
    assert up.wait(1) == 0
