from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.levels import Latched, Level, Levels, Scope, Source

DESKS, SERIES = ("ladders", "flow"), ("KXCPI", "KXHIGHNY")

scopes = st.builds(Scope, desk=st.sampled_from((None, *DESKS)), series=st.sampled_from((None, *SERIES)))
sources = st.builds(
    Source,
    name=st.sampled_from(("kill", "brake", "panic", "freeze", "books")),
    level=st.sampled_from(Level),
    reason=st.just("because"),
    latched=st.booleans(),
    paper=st.booleans(),
    scope=scopes,
)


def raise_all(found: list[Source]) -> Levels:
    levels = Levels()
    for source in found:
        levels = levels.raised(source)
    return levels


@given(st.lists(sources), st.randoms(), st.sampled_from((None, *DESKS)), st.sampled_from((None, *SERIES)))
def test_the_order_in_which_sources_come_does_not_matter(
    found: list[Source], random: object, desk: str | None, series: str | None
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert raise_all(found).level(desk=desk, series=series) == raise_all(shuffled).level(desk=desk, series=series)


@given(st.lists(sources, min_size=1), st.sampled_from(DESKS), st.sampled_from(SERIES), st.booleans())
def test_releasing_one_source_lowers_nothing_that_another_holds(
    found: list[Source], desk: str, series: str, paper: bool
) -> None:
    name = found[0].name
    left = raise_all(found).cleared(name, by="mara").level(desk=desk, series=series, paper=paper)
    held = [s for s in found if s.name != name and s.scope.covers(desk, series) and (s.paper or not paper)]
    assert left == max((s.level for s in held), default=Level.RUN)


@given(st.lists(sources), sources, st.sampled_from(DESKS), st.sampled_from(SERIES))
def test_a_new_source_never_lowers_a_level(found: list[Source], new: Source, desk: str, series: str) -> None:
    before = raise_all(found)
    assert before.raised(new).level(desk=desk, series=series) >= before.level(desk=desk, series=series)


def test_no_software_lowers_a_latched_source_and_a_person_does() -> None:
    levels = Levels().raised(Source("kill", Level.HALT, "fat finger", latched=True))
    levels = levels.raised(Source("kill", Level.HALT, "gate", latched=False))
    with pytest.raises(Latched):
        levels.released("kill")
    with pytest.raises(Latched):
        levels.cleared("kill", by="")
    assert levels.cleared("kill", by="mara").level() is Level.RUN


def test_a_momentary_source_lifts_with_its_cause() -> None:
    levels = Levels().raised(Source("books", Level.HALT, "stale"))
    assert levels.level() is Level.HALT
    assert levels.released("books").level() is Level.RUN


def test_a_freeze_of_one_series_stops_that_series_alone() -> None:
    levels = Levels().raised(Source("freeze", Level.HALT, "release at 08:30", scope=Scope(series="KXCPI")))
    assert levels.level(desk="ladders", series="KXCPI") is Level.HALT
    assert levels.level(desk="ladders", series="KXHIGHNY") is Level.RUN
    assert levels.level() is Level.RUN
