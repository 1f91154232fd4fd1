"""The journal explains a kill and never decides it: whatever its bytes are, the state is folded and nobody waits."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state import kill, sentinel
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import RUNGS, KillState, fold, recent, record, record_anyway
from state.models.kill import KillEvent

if TYPE_CHECKING:
    from tests.state.kill.conftest import Trading

ON = sentinel.Look(True, "kill switch is on", "1-2")
shared_home = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
known = {
    "act": st.sampled_from(["engaged", "again", "rung", "left", "cleared"]),
    "kill_id": st.sampled_from(["1-2", "3-4"]),
    "rung": st.sampled_from(RUNGS),
    "via": st.sampled_from(["touch", "brake", "console"]),
}
events = st.fixed_dictionaries(
    {},
    optional={
        **{name: each | junk for name, each in known.items()},
        **dict.fromkeys(("at", "by", "why", "left", "seq", "boot_id"), junk),
    },
)


def lines(*found: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)


def folded(home: Home, clock: SimulatedClock, body: bytes, look: sentinel.Look = ON) -> KillState:
    home.path(Home.kills).write_bytes(body)
    return fold(home, clock, look)


def event(act: str, **fields: Any) -> dict[str, Any]:
    return {"at": "2026-11-17T19:00:00.000000Z", "act": act, "kill_id": "1-2", "by": "ann", "why": "", **fields}


@shared_home
@given(body=st.binary(max_size=400))
def test_any_bytes_are_folded(home: Home, clock: SimulatedClock, body: bytes) -> None:
    state = folded(home, clock, body)

    assert (state.engaged, state.level, state.rungs) == (True, "HALT", ())
    assert folded(home, clock, body, sentinel.ABSENT).level == "RUN"


@shared_home
@given(found=st.lists(events, max_size=12))
def test_any_objects_are_folded_into_the_types_that_readers_expect(
    home: Home, clock: SimulatedClock, found: list[object]
) -> None:
    state = folded(home, clock, lines(*found))

    assert state.engaged
    assert all(type(each) is str for each in (state.why, state.by, state.reason))
    assert state.since is None or type(state.since) is str
    assert state.left is None or (type(state.left) is int and state.left >= 0)
    assert state.last_cancel_ns is None or type(state.last_cancel_ns) is int
    assert [rung.name for rung in state.rungs] == [name for name in RUNGS if state.rung(name)]
    json.dumps(state.as_json())


@shared_home
@given(found=st.lists(events, max_size=8), data=st.data())
def test_lines_told_twice_change_nothing(
    home: Home, clock: SimulatedClock, found: list[object], data: st.DataObject
) -> None:
    doubled = [each for one in found for each in [one] * data.draw(st.integers(1, 3))]

    assert folded(home, clock, lines(*doubled)) == folded(home, clock, lines(*found))


@shared_home
@given(found=st.lists(events, min_size=1, max_size=8), data=st.data())
def test_a_torn_last_line_is_no_line_and_the_next_writer_ends_it(
    home: Home, clock: SimulatedClock, found: list[object], data: st.DataObject
) -> None:
    torn = lines(event("engaged", why="torn"))
    body = lines(*found) + torn[: data.draw(st.integers(0, len(torn) - 2))]

    assert folded(home, clock, body) == folded(home, clock, lines(*found))

    home.path(Home.kills).write_bytes(body)
    record(home, clock, "left", by="engine", kill_id="1-2", left=7)
    assert fold(home, clock, ON).left == 7


def test_the_rungs_stand_in_their_order_and_as_first_reported(home: Home, clock: SimulatedClock) -> None:
    told = [event("rung", rung=name, by=f"{who} {name}") for who in ("first", "second") for name in reversed(RUNGS)]

    state = folded(home, clock, lines(*told))

    assert [(rung.name, rung.by) for rung in state.rungs] == [(name, f"first {name}") for name in RUNGS]


FOUND = event("engaged", via="touch", why="found", by="owner root", at="2026-11-17T19:00:01.000000Z")
REPEATED = event("again", via="console", why="K", by="bob")
TOLD = event("engaged", via="command line", why="drill", by="ann")


@pytest.mark.parametrize(
    ("told", "why", "by"),
    [
        ([FOUND], "found", "owner root"),
        ([FOUND, TOLD], "drill", "ann"),
        ([TOLD, FOUND], "drill", "ann"),
        ([FOUND, REPEATED], "K", "bob"),
        ([TOLD, REPEATED], "drill", "ann"),
        ([REPEATED, FOUND], "K", "bob"),
        ([FOUND, REPEATED, TOLD], "drill", "ann"),
    ],
)
def test_who_placed_the_sentinel_knows_better_than_who_found_it(
    home: Home, clock: SimulatedClock, told: list[object], why: str, by: str
) -> None:
    state = folded(home, clock, lines(*told))

    assert (state.why, state.by, state.since) == (why, by, told[0]["at"])  # type: ignore[index]


def test_rungs_of_an_earlier_kill_say_nothing_about_this_one(home: Home, clock: SimulatedClock) -> None:
    earlier = [event("engaged", kill_id="0-0"), *(event("rung", rung=name, kill_id="0-0") for name in RUNGS)]

    state = folded(home, clock, lines(*earlier))

    assert (state.since, state.rungs, state.left) == (None, (), None)


def test_a_cancel_whose_answer_was_lost_counts_from_its_verification(home: Home, clock: SimulatedClock) -> None:
    told = [{"act": "rung", "rung": "verified_2", "boot_id": clock.boot_id(), "seq": 7}]
    assert folded(home, clock, lines(*told), sentinel.ABSENT).last_cancel_ns == 7


def test_the_last_cancel_of_this_boot_is_the_newest_whoever_wrote_last(home: Home, clock: SimulatedClock) -> None:
    sent = {"rung": "cancel_sent", "kill_id": None}
    told = [
        event("rung", **sent, boot_id=boot, seq=seq) for boot, seq in ((clock.boot, 9), (clock.boot, 5), ("other", 99))
    ]

    assert folded(home, clock, lines(*told), sentinel.ABSENT).last_cancel_ns == 9


def test_a_count_of_orders_that_is_none_is_unknown_and_never_zero(home: Home, clock: SimulatedClock) -> None:
    for left in (True, -1, "0", 0.0, None):
        assert folded(home, clock, lines(event("left", left=left))).left is None


def test_deep_nesting_is_no_event(home: Home, clock: SimulatedClock) -> None:
    assert folded(home, clock, b"[" * 100_000 + b"\n" + lines(TOLD)).why == "drill"


def test_only_the_end_of_a_long_journal_is_read(home: Home, clock: SimulatedClock) -> None:
    state = folded(home, clock, lines(event("rung", rung="verified_2")) + b"x" * 300_000 + b"\n" + lines(TOLD))

    assert (state.why, state.rungs) == ("drill", ())


FORMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "EINVAL"),
    "a fifo": (os.mkfifo, "EINVAL"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "EINVAL"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "ELOOP"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_journal_that_cannot_be_read_is_named_and_never_waited_for(
    home: Home, clock: SimulatedClock, form: str
) -> None:
    make, errno_name = FORMS[form]
    make(home.path(Home.kills))

    state = fold(home, clock)

    assert (state.engaged, state.rungs) == (False, ())
    assert errno_name in state.unread


@pytest.mark.parametrize("form", FORMS)
def test_a_journal_that_cannot_be_written_keeps_nobody_from_killing(
    home: Home, clock: SimulatedClock, form: str
) -> None:
    FORMS[form][0](home.path(Home.kills))

    done = kill.engage(home, clock, why="drill", via="test")

    assert done.unsynced.startswith("not journalled: ")
    assert sentinel.look(home).engaged


def test_no_journal_yet_is_no_trouble(home: Home, clock: SimulatedClock) -> None:
    assert recent(home) == []
    assert fold(home, clock).unread == ""


def test_a_short_write_is_an_error(home: Home, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, body: write(fd, body[:20]))

    with pytest.raises(OSError, match="short write") as raised:
        record(home, clock, "left", by="engine")
    assert raised.value.errno == errno.ENOSPC
    assert record_anyway(home, clock, "left", by="engine").startswith("not journalled: ENOSPC")

    monkeypatch.undo()
    record(home, clock, "left", by="engine")
    assert len(recent(home)) == 1


def test_every_line_is_one_of_the_model(trading: Trading) -> None:
    home, clock = trading.home, trading.clock
    trading.supervise()
    kill.engage(home, clock, why="drill", via="test")
    kill.disarm(trading.anchor, clock, by="engine", why="killed")
    trading.verify()
    kill.clear(home, clock, reason="over")
    kill.start(home, clock, wait_after_cancel_s=60)
    kill.start(home, clock, wait_after_cancel_s=0)

    told = [KillEvent.model_validate_json(line) for line in home.path(Home.kills).read_bytes().splitlines()]

    assert [each.act for each in told] == trading.acts()
    assert set(trading.acts()) >= {"engaged", "rung", "disarmed", "cleared", "started"}


def test_secrets_and_long_texts_do_not_reach_the_journal(home: Home, clock: SimulatedClock) -> None:
    kill.engage(home, clock, why="password=hunter2hunter2 " + "x" * 10_000, via="test")

    body = home.path(Home.kills).read_text()
    assert "hunter2" not in body
    assert len(body) < 2_000
