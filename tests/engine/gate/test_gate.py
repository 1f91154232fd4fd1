from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gate import BooksLook, ClockLook, Counter, ExchangeLook, GateInputs, Limits, OrdersLook, judge, levels
from engine.levels import Level
from state.models.gate import FreezeWindow, GateReport
from state.permit import Leave
from state.sentinel import Look

LIMITS = Limits(
    permit_life_s=15, exchange_age_s=15, books_fresh_s=10, books_fresh_share=0.8, clock_offset_ms=250, progress_s=10
)
COUNTERS = (Counter("messages", 0.1), Counter("decisions", 0.9), Counter("listings", 4.2))
GOOD = GateInputs(
    kill=Look(False, ""),
    leave=Leave(True, "", "", "arming", 2.4, "simulated"),
    exchange=ExchangeLook(True, 3.0),
    books=BooksLook(60, 60, 2.0),
    clock=ClockLook((-180.0, 212.0), 9.0),
    orders=OrdersLook(2.0, (), 6, ()),
    progress=COUNTERS,
    limits=LIMITS,
)


def shut(report: GateReport) -> list[str]:
    return [line.name for line in report.gates if not line.open]


def test_on_a_good_day_every_gate_is_open_and_the_house_runs() -> None:
    report = judge(GOOD)
    assert report.open
    assert (report.level, report.paper_level) == ("RUN", "RUN")
    assert report.reasons == ()
    assert [line.name for line in report.gates] == [
        "kill switch", "permit", "exchange", "books", "clock", "orders", "progress", "freeze",
    ]  # fmt: skip
    assert all(line.open and not line.reason for line in report.gates)


SHUT = {
    "kill engaged": ("kill switch", replace(GOOD, kill=Look(True, "kill switch is on", "1-2"))),
    "kill unreadable": ("kill switch", replace(GOOD, kill=Look(True, "kill switch cannot be read: EACCES"))),
    "kill engaged, no word why": ("kill switch", replace(GOOD, kill=Look(True, ""))),
    "not started": ("permit", replace(GOOD, leave=Leave(False, "not started: armed.json missing", "no permit"))),
    "started, permit missing": ("permit", replace(GOOD, leave=Leave(True, "", "no permit: permit.json missing"))),
    "permit of no age": ("permit", replace(GOOD, leave=Leave(True, "", "", "arming", None))),
    "permit outlived": ("permit", replace(GOOD, leave=Leave(True, "", "", "arming", 15.1))),
    "permit age NaN": ("permit", replace(GOOD, leave=Leave(True, "", "", "arming", float("nan")))),
    "exchange paused": ("exchange", replace(GOOD, exchange=ExchangeLook(False, 1.0))),
    "exchange silent": ("exchange", replace(GOOD, exchange=ExchangeLook(None, None, "503 exchange unavailable"))),
    "exchange status old": ("exchange", replace(GOOD, exchange=ExchangeLook(True, 15.5, "timed out"))),
    "exchange status age NaN": ("exchange", replace(GOOD, exchange=ExchangeLook(True, float("nan")))),
    "books mostly stale": ("books", replace(GOOD, books=BooksLook(47, 60, 31.0))),
    "no books": ("books", replace(GOOD, books=BooksLook(0, 0, None))),
    "clock ahead": ("clock", replace(GOOD, clock=ClockLook((100.0, 251.0), 1.0))),
    "clock behind": ("clock", replace(GOOD, clock=ClockLook((-260.0, -100.0), 1.0))),
    "clock unmeasured": ("clock", replace(GOOD, clock=ClockLook(None, None))),
    "clock interval empty": ("clock", replace(GOOD, clock=ClockLook((20.0, -20.0), 1.0))),
    "clock NaN": ("clock", replace(GOOD, clock=ClockLook((float("nan"), 10.0), 1.0))),
    "not reconciled": ("orders", replace(GOOD, orders=OrdersLook(None, ("not reconciled yet",), 0, (), "no route"))),
    "an order unresolved": ("orders", replace(GOOD, orders=OrdersLook(1.0, (), 5, ("fd-1-000001",)))),
    "a stranger's order": ("orders", replace(GOOD, orders=OrdersLook(1.0, ("at the exchange rests …: o-1",), 6, ()))),
    "reconciled long ago": ("orders", replace(GOOD, orders=OrdersLook(15.5, (), 6, (), "timed out"))),
    "reconciled in the future": ("orders", replace(GOOD, orders=OrdersLook(-1.0, (), 6, ()))),
    "reconciled at age NaN": ("orders", replace(GOOD, orders=OrdersLook(float("nan"), (), 6, ()))),
    "no decisions": ("progress", replace(GOOD, progress=(Counter("messages", 0.1), Counter("decisions", 11.0)))),
    "no listing yet": ("progress", replace(GOOD, progress=(Counter("messages", 0.1), Counter("listings", None)))),
    "nothing counted": ("progress", replace(GOOD, progress=())),
}


@pytest.mark.parametrize(("gate", "inputs"), SHUT.values(), ids=SHUT)
def test_every_gate_shuts_alone_and_says_why(gate: str, inputs: GateInputs) -> None:
    report = judge(inputs)
    assert not report.open
    assert report.level == "HALT"
    assert shut(report) == [gate]
    (reason,) = report.reasons
    assert reason.startswith(f"{gate}: ") and len(reason) > len(gate) + 2


AT_THE_LIMIT = {
    "permit": replace(GOOD, leave=Leave(True, "", "", "arming", 15.0)),
    "exchange": replace(GOOD, exchange=ExchangeLook(True, 15.0)),
    "books": replace(GOOD, books=BooksLook(48, 60, 31.0)),
    "clock": replace(GOOD, clock=ClockLook((-250.0, 250.0), 1.0)),
    "orders": replace(GOOD, orders=OrdersLook(15.0, (), 0, ())),
    "progress": replace(GOOD, progress=(Counter("decisions", 10.0),)),
    "quiet night": replace(GOOD, progress=(Counter("messages", 900.0, expected=False), Counter("decisions", 1.0))),
}


@pytest.mark.parametrize("inputs", AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
def test_a_gate_is_open_up_to_its_limit(inputs: GateInputs) -> None:
    assert judge(inputs).open


def test_a_kill_stops_shadow_too() -> None:
    assert judge(replace(GOOD, kill=Look(True, "kill switch is on"))).paper_level == "HALT"


@pytest.mark.parametrize(
    "leave", [Leave(False, "not started: armed.json missing", "no permit"), Leave(True, "", "no permit: missing")]
)
def test_a_missing_start_or_permit_does_not_stop_paper(leave: Leave) -> None:
    report = judge(replace(GOOD, leave=leave))
    assert (report.level, report.paper_level) == ("HALT", "RUN")


def test_paper_pauses_with_the_exchange_but_not_with_its_silence() -> None:
    assert judge(replace(GOOD, exchange=ExchangeLook(False, 1.0))).paper_level == "HALT"
    assert judge(replace(GOOD, exchange=ExchangeLook(None, None))).paper_level == "RUN"


def test_without_a_calendar_the_freeze_gate_is_open_and_says_so() -> None:
    freeze = judge(GOOD).gates[-1]
    assert (freeze.open, freeze.value) == (True, "no calendar yet")
    assert judge(GOOD).windows is None


def test_a_frozen_series_halts_for_itself_alone() -> None:
    inputs = replace(GOOD, windows=(FreezeWindow(series="KXCPI", frozen=True, reason="release Thu 08:30 ET"),))
    report = judge(inputs)
    assert report.open
    assert report.gates[-1].value == "KXCPI frozen"
    assert levels(inputs).level(series="KXCPI") is Level.HALT
    assert levels(inputs).level(series="KXHIGHNY") is Level.RUN


def test_the_report_survives_its_file() -> None:
    report = judge(SHUT["permit age NaN"][1])
    assert GateReport.model_validate_json(report.model_dump_json()) == report


@given(st.sets(st.sampled_from(sorted(SHUT)), min_size=1))
def test_the_house_is_open_only_when_nothing_is_wrong(wrong: set[str]) -> None:
    inputs = GOOD
    fields = {"kill switch": "kill", "permit": "leave"}
    for name in wrong:
        gate, bad = SHUT[name]
        inputs = replace(inputs, **{fields.get(gate, gate): getattr(bad, fields.get(gate, gate))})
    assert not judge(inputs).open
    assert set(shut(judge(inputs))) == {SHUT[name][0] for name in wrong}
