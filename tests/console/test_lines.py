"""Fitting text into cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.lines import Span, Tone, clip, fit, fold, line, middle, pad, spread, text, width, wrap

WORDS = st.text(st.characters(exclude_categories=("C", "M", "Z")), max_size=30)
CELLS = st.integers(0, 40)


@given(WORDS, CELLS)
def test_padded_text_takes_exactly_its_cells(word: str, cells: int) -> None:
    assert width(line(pad(word, cells))) == cells
    assert width(line(pad(word, cells, right=True))) == cells


@given(st.lists(WORDS, max_size=5), CELLS)
def test_a_fitted_line_never_exceeds_its_cells(words: list[str], cells: int) -> None:
    assert width(fit(line(*words), cells)) <= cells


@given(WORDS, WORDS, st.integers(10, 60))
def test_a_spread_line_never_exceeds_its_cells(left: str, right: str, cells: int) -> None:
    assert width(spread(line(left), line(right), cells)) <= cells


def test_a_cut_is_marked() -> None:
    assert clip("KXHIGHNY-26NOV25", 8) == "KXHIGHN…"
    assert text(fit(line("KXHIGH", Span("NY-26NOV25", Tone.NOTE)), 8)) == "KXHIGHN…"


def test_a_ticker_keeps_both_of_its_ends() -> None:
    assert middle("KXJOBLESSCLAIMS-26NOV26-215000", 20) == "KXJOBLESS…V26-215000"


def test_the_right_side_of_a_spread_line_stays_whole() -> None:
    assert text(spread(line("a long title that gives way"), line("as of 4s"), 20)) == "a long tit… as of 4s"


def test_wrapped_text_keeps_every_word() -> None:
    rows = wrap("engine is silent: it should write state/gate.json within 15 s", 24)
    assert " ".join(text(row) for row in rows) == "engine is silent: it should write state/gate.json within 15 s"
    assert all(width(row) <= 24 for row in rows)


@given(st.lists(WORDS, max_size=5), st.integers(6, 40))
def test_a_folded_line_loses_nothing_and_never_exceeds_its_cells(words: list[str], cells: int) -> None:
    rows = fold(line(*words), cells, 2)
    assert all(width(row) <= cells for row in rows)
    assert "".join(text(row).strip() for row in rows) == "".join(words)
