"""What the panes say in each state: pure functions of a literal snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from console.lines import Line, Tone, plain, text, width
from console.modals.release import facts
from console.picture import NOON
from console.present import outside, positions, rungs, vitals
from console.present.glyphs import ASCII, UNICODE, Glyphs
from console.present.panel import WORDS, trouble
from console.present.top import top_line
from console.snapshot import EngineState, Happening, Leave, Snapshot, Trading
from state.document import Outcome
from state.models.gate import GateLine

States = dict[str, Callable[[], Snapshot]]


def everything(snapshot: Snapshot, cells: int, glyphs: Glyphs) -> list[Line]:
    rows = [top_line(snapshot, cells, glyphs)]
    rows += vitals.gates(snapshot, cells, glyphs) + vitals.engine(snapshot, cells, glyphs)
    rows += outside.exchange(snapshot, cells, 9, glyphs) + outside.windows(snapshot, cells, glyphs)
    rows += [*outside.events(snapshot, cells, 9, glyphs), positions.heading(snapshot, cells, glyphs)]
    rows += [row.cells for row in positions.rows(snapshot, cells, glyphs)]
    rows += [positions.empty(snapshot), *rungs.ladder(snapshot, cells, glyphs)]
    return rows + facts(snapshot, snapshot.kill.kill_id, snapshot.kill.engaged, cells, glyphs)


@pytest.mark.parametrize("cells", [40, 60, 80, 100, 120, 160, 200])
def test_the_top_line_fits_its_width_in_every_state(any_state: Snapshot, cells: int) -> None:
    for glyphs in (UNICODE, ASCII):
        assert width(top_line(any_state, cells, glyphs)) <= cells


@pytest.mark.parametrize("cells", [80, 120, 200])
def test_the_ascii_set_is_ascii_but_for_text_from_outside(any_state: Snapshot, cells: int) -> None:
    shown = plain(everything(replace(any_state, happenings=()), cells, ASCII)).replace("±", "+-")
    assert shown.isascii(), [character for character in shown if not character.isascii()]


def test_the_top_line_answers_in_each_state(states: States) -> None:
    said = {name: plain([top_line(make(), 120, UNICODE)]) for name, make in states.items()}
    assert "● MAY TRADE" in said["healthy"]
    assert "engine ● ok <1s" in said["healthy"]
    assert "kill ○ off" in said["healthy"]
    assert "14:31:07 ET" in said["healthy"]
    assert "NO TRADE: engine down" in said["empty"]
    assert "◐ STALE 40s" in said["stale"]
    assert "■ KILLING  3 left" in said["killing"]
    assert '"fat finger in config"' in said["killing"]
    assert "■ KILLED  0 left" in said["killed"]


def test_a_supervisor_that_has_ended_is_not_shown_as_keeping_the_engine(states: States) -> None:
    gone = replace(states["healthy"](), supervisor_runs=False)
    shown = plain(vitals.engine(gone, 60, UNICODE))
    assert "○ the supervisor, pid 4100, has ended" in shown.splitlines()[1], "a small terminal shows few rows"
    assert "engine running" not in shown
    withheld = replace(gone, leave=Leave(False, "ran out 2 s ago", 17.0, 15.0))
    assert "no permit: the supervisor, pid 4100, has ended" in plain([top_line(withheld, 200, UNICODE)])


def test_killed_is_never_said_before_the_exchange_agreed_twice(states: States) -> None:
    killed = states["killed"]()
    for reached in range(5):
        kill = replace(killed.kill, rungs=killed.kill.rungs[:reached])
        snapshot = replace(killed, kill=kill)
        assert snapshot.verdict.trading is Trading.KILLING
        assert "KILLED" not in plain([top_line(snapshot, 120, UNICODE)])
    assert killed.verdict.trading is Trading.KILLED


def test_an_unknown_number_of_orders_left_is_not_none_left(states: States) -> None:
    killing = states["killing"]()
    unknown = replace(killing, kill=replace(killing.kill, left=None))
    assert "? left" in plain([top_line(unknown, 120, UNICODE)])


def test_the_killed_line_is_reversed_from_edge_to_edge(states: States) -> None:
    shown = top_line(states["killing"](), 120, UNICODE)
    assert width(shown) == 120
    assert {span.tone for span in shown} == {Tone.KILL}


def test_the_ladder_shows_each_rung_with_its_time(states: States) -> None:
    shown = plain(rungs.ladder(states["killing"](), 60, UNICODE))
    assert "● sentinel durable     14:31:07.004" in shown
    assert "● cancel sent          +13 ms" in shown
    assert "◐ exchange: none rest  waiting" in shown
    assert "○ verified again       –" in shown


def test_the_ladder_shows_what_must_be_known_with_a_rung(states: States) -> None:
    killed = states["killed"]()
    why = "never acknowledged, and nothing rests (cancel all: ReadTimeout)"
    doubted = tuple(replace(rung, why=why if rung.name == "cancel_sent" else "") for rung in killed.kill.rungs)
    shown = plain(rungs.ladder(replace(killed, kill=replace(killed.kill, rungs=doubted)), 60, UNICODE))
    assert "◐ cancel sent          +13 ms" in shown
    assert "    never acknowledged, and nothing rests (cancel all: Read…" in shown
    assert "● verified again" in shown
    assert "R releases" in shown


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome.MISSING, "? MISSING"), (Outcome.EMPTY, "✖ EMPTY"), (Outcome.STALE, "◐ STALE"),
        (Outcome.CORRUPT, "✖ CORRUPT"),
        (Outcome.FUTURE, "✖ FROM THE FUTURE"), (Outcome.ROLLED_BACK, "✖ ROLLED BACK"),
    ],
)  # fmt: skip
def test_every_panel_names_what_is_wrong_with_its_file(states: States, outcome: Outcome, word: str) -> None:
    well = states["healthy"]()
    panels = {
        "gate": lambda s: vitals.gates(s, 80, UNICODE),
        "heartbeat": lambda s: vitals.engine(s, 80, UNICODE),
        "positions": lambda s: [positions.heading(s, 80, UNICODE), *trouble(s.positions, 80, UNICODE)],
        "exchange": lambda s: outside.exchange(s, 80, 9, UNICODE),
    }
    for name, draw in panels.items():
        shown = getattr(well, name)
        wrong = replace(well, **{name: replace(shown, outcome=outcome, reason="why (812 bytes)", age_s=14.0)})
        said = plain(draw(wrong))
        assert word in said, name
        assert shown.entry.path in " ".join(said.split())


def test_a_value_past_its_age_is_struck_and_a_fresh_one_is_not(states: States) -> None:
    def tones(snapshot: Snapshot) -> set[Tone]:
        return {cell.tone for row in positions.rows(snapshot, 120, UNICODE) for cell in row.cells}

    assert tones(states["stale"]()) == {Tone.FADED}
    assert Tone.FADED not in tones(states["healthy"]())


def test_empty_is_not_unknown(states: States) -> None:
    well = states["healthy"]()
    none = well.positions.value.model_copy(update={"positions": ()})
    empty = replace(well, positions=replace(well.positions, value=none))
    assert "no open positions (as of 14:31:07 ET)" in plain([positions.empty(empty)])
    assert "positions unknown" in plain([positions.empty(states["empty"]())])


def test_resting_orders_that_are_unknown_are_not_none(states: States) -> None:
    well = states["healthy"]()
    silent = well.exchange.value.model_copy(update={"resting": None, "error": "time-out after 5 s"})
    said = plain(outside.exchange(replace(well, exchange=replace(well.exchange, value=silent)), 100, 9, UNICODE))
    assert "? resting" in said
    assert "time-out after 5 s" in said
    assert "0 resting" not in said


def reconciled(snapshot: Snapshot, outcome: Outcome = Outcome.OK, cells: int = 100, **changes: object) -> str:
    """What the pane says when the last reconciliation was like that."""
    shown = snapshot.reconciliation
    value = shown.value.model_copy(update={"ok": False, "reasons": (), **changes}) if changes else shown.value
    shown = replace(shown, outcome=outcome, value=value, reason="why (812 bytes)")
    return plain(outside.exchange(replace(snapshot, reconciliation=shown), cells, 9, UNICODE))


def test_what_is_reconciled_says_how_long_ago_it_was_asked(states: States) -> None:
    assert "● reconciled 4s ago   214 orders, 143 fills" in reconciled(states["healthy"]())


def test_unresolved_orders_are_named(states: States) -> None:
    said = reconciled(states["healthy"](), reasons=("unresolved: fd-7-12, fd-7-13",), orders_unresolved=2)
    assert "✖ NOT RECONCILED, asked 4s ago: unresolved: fd-7-12, fd-7-13" in said


def test_what_was_not_answered_is_not_reconciled(states: States) -> None:
    said = reconciled(states["healthy"](), error="ReadTimeout: after 5 s")
    assert "✖ NOT RECONCILED, asked 4s ago: not answered: ReadTimeout: after 5 s" in said
    never = reconciled(states["healthy"](), as_of=None, reasons=("not reconciled yet",))
    assert "? not reconciled yet" in never and "● reconciled" not in never


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.OK])
def test_no_old_broken_or_missing_reconciliation_passes_for_one(states: States, outcome: Outcome) -> None:
    said = reconciled(states["healthy"](), outcome)
    assert "● reconciled" not in said
    assert f"{WORDS[outcome]} reconciliation: " in said
    assert "state/reconciliation.json" in said


def test_a_long_list_of_differences_is_cut_where_one_sees_it(states: States) -> None:
    reasons = tuple(f"positions differ: KXCPI-26NOV-T0.{n} should be 1.00 and is 2.00" for n in range(9))
    rows = [row for row in reconciled(states["healthy"](), cells=80, reasons=reasons).splitlines() if "differ" in row]
    assert 1 <= len(rows) <= 2
    assert rows[-1].endswith("…")


def test_a_total_that_has_no_room_is_left_out_not_cut(states: States) -> None:
    for cells in range(60, 140):
        row = text(positions.heading(states["healthy"](), cells, UNICODE, place="1-7 seen")).rstrip()
        assert "…" not in row, cells


def test_the_killed_line_says_where_and_whether_the_engine_lives(states: States) -> None:
    killed = states["killed"]()
    assert "nyc-1 · SIMULATED   14:31:07 ET" in plain([top_line(killed, 140, UNICODE)])
    assert "SIMULATED   14:31:07 ET" in plain([top_line(killed, 100, UNICODE)])
    dead = plain([top_line(replace(killed, engine=EngineState.DOWN), 100, UNICODE)])
    assert dead.startswith(" ■ KILLED  0 left") and "engine DOWN" in dead


def test_a_source_that_nobody_says_any_more_is_marked_as_the_last_one_known(states: States) -> None:
    assert "nyc-1 · SIMULATED? " in plain([top_line(states["stale"](), 120, UNICODE)])
    assert "SOURCE UNKNOWN" in plain([top_line(states["empty"](), 120, UNICODE)])
    assert states["stale"]().source is None


def test_an_engine_whose_beat_is_late_is_not_well(states: States) -> None:
    well = states["healthy"]()
    late = replace(well, heartbeat=replace(well.heartbeat, age_s=6.0))
    assert "engine ◐ LATE 6s" in plain([top_line(late, 120, UNICODE)])
    assert "ENGINE   ◐ LATE" in plain(vitals.engine(late, 60, UNICODE))


def test_a_gate_does_not_say_the_same_twice(states: States) -> None:
    well = states["healthy"]()
    twice = (
        GateLine(name="kill switch", open=True, value="off", threshold="off"),
        GateLine(name="permit", open=True, value="3.0 s of 15 s", threshold="≤ 15 s", age_s=3.0),
        GateLine(name="exchange", open=True, value="trading", threshold="trading, said within 15 s", age_s=1.0),
    )
    gate = replace(well.gate, value=well.gate.value.model_copy(update={"gates": twice}))
    said = [" ".join(row.split()) for row in plain(vitals.gates(replace(well, gate=gate), 60, UNICODE)).splitlines()]
    assert said[1:] == ["● kill switch off", "● permit 3.0 s of 15 s 3s", "● exchange trading said within 15 s 1s"]


def test_no_calendar_is_said_honestly(states: States) -> None:
    assert "no calendar yet" in plain(outside.windows(states["healthy"](), 60, UNICODE))


def test_a_shut_gate_says_so_in_words_and_gives_its_reason(states: States) -> None:
    said = plain(vitals.gates(states["killing"](), 70, UNICODE))
    assert "○ kill switch     SHUT  fat finger in config" in said


def test_a_position_without_a_mark_leaves_the_total_unknown_and_says_what_is_known(states: States) -> None:
    said = text(positions.heading(states["healthy"](), 120, UNICODE))
    assert "unrealised ? (8 marked: +1.56)" in said


def test_numbers_of_gain_and_loss_differ_by_sign_not_only_by_colour(states: States) -> None:
    cells = [cell for row in positions.rows(states["healthy"](), 120, UNICODE) for cell in row.cells]
    assert all(cell.text.startswith("+") for cell in cells if cell.tone is Tone.GAIN)
    assert all(cell.text.startswith("-") for cell in cells if cell.tone is Tone.LOSS)


def test_the_filter_hides_positions_and_tells_how_many(states: States) -> None:
    rows = positions.rows(states["healthy"](), 120, UNICODE, "claims")
    assert [row.key for row in rows] == ["KXJOBLESSCLAIMS-26NOV26-215000 YES", "KXJOBLESSCLAIMS-26NOV26-225000 NO"]
    assert "/claims hides 7" in text(positions.heading(states["healthy"](), 120, UNICODE, 7, "claims"))


@pytest.mark.parametrize("engine", list(EngineState))
def test_no_engine_that_is_down_or_silent_may_trade(states: States, engine: EngineState) -> None:
    verdict = replace(states["healthy"](), engine=engine).verdict
    assert (verdict.trading is Trading.MAY) == (engine in (EngineState.OK, EngineState.DEGRADED))


@pytest.mark.parametrize("broken", ["armed", "leave", "gate"])
def test_each_precondition_alone_forbids_trading_with_its_reason(states: States, broken: str) -> None:
    bad = states["empty"]()
    verdict = replace(states["healthy"](), **{broken: getattr(bad, broken)}).verdict
    assert verdict.trading is Trading.NOT
    assert verdict.reason


def test_the_release_page_shows_target_evidence_and_stakes(states: States) -> None:
    killed = states["killed"]()
    said = plain(facts(killed, killed.kill.kill_id, True, 120, UNICODE))
    for part in ("kill 1234-99", "mara on pts/2", "verified again", "balance $9,998.40", "0 real orders rest"):
        assert part in said


def test_the_release_page_notices_that_the_kill_is_another_one(states: States) -> None:
    assert "changed since this opened" in plain(facts(states["killed"](), "other", True, 120, UNICODE))


def test_a_burst_of_like_events_leaves_room_for_the_others(states: States) -> None:
    fills = [Happening(NOON - timedelta(seconds=n), "SHADOW_FILL", "info", f"fill {n}") for n in range(40)]
    lost = Happening(NOON - timedelta(seconds=50), "FEED_LOST", "error", "connection reset")
    said = plain(outside.events(replace(states["healthy"](), happenings=(*fills, lost)), 100, 8, UNICODE)).splitlines()
    assert [row.split("  ")[-1].strip() for row in said[1:]] == [
        "fill 0", "fill 1", "and 38 more since then", "connection reset",
    ]  # fmt: skip
    assert "14:30:28" in said[3], "the time is that of the oldest"
