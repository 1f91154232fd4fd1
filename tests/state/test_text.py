"""Nothing from outside steers a terminal or hides."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.text import LIMIT, visible

HOSTILE = {
    "\x1b]52;c;aGk=\x07": "␛]52;c;aGk=␇",
    "\x1b[31mred": "␛[31mred",
    "\x9b31m": "<U+009B>31m",
    "a\nb\tc\r": "a␊b␉c␍",
    "\x00": "␀",
    "\x7f": "␡",
    "\u202eevil": "<U+202E>evil",
    "\u2066x\u2069": "<U+2066>x<U+2069>",
    "zero\u200bwidth": "zero<U+200B>width",
    "\ufeffbom": "<U+FEFF>bom",
    "line\u2028para\u2029": "line<U+2028>para<U+2029>",
    "\ud800": "<U+D800>",
    "\U000e0041": "<U+E0041>",
    "\ue000": "<U+E000>",
    "\uffff": "<U+FFFF>",
    "soft\u00adhyphen": "soft<U+00AD>hyphen",
    "\u3164": "<U+3164>",
    "no\u00a0break": "no break",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_each_hostile_character_is_shown(text: str) -> None:
    assert visible(text) == HOSTILE[text]


@pytest.mark.parametrize("text", ["KXCPI-26NOV-T0.3", "[@click=app.kill]x[/bold]", "Grüße, 日本 ✓", "🚀"])
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_bytes_that_are_no_text_are_spelt_out() -> None:
    assert visible(b"ok \xff\xfe") == "ok \\xff\\xfe"


def test_combining_marks_are_cut_short_and_never_sit_on_a_neighbour() -> None:
    assert visible("e" + "\u0301" * 50) == "e" + "\u0301" * 3
    assert visible("\u0301x") == "\u25cc\u0301x"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert visible("x" * 10_000) == "x" * (LIMIT - 1) + "…"
    assert visible("x" * 10_000, limit=None) == "x" * 10_000
    assert visible("\x00\u202e" * 10, limit=8) == "␀<U+202…"


@given(st.text(alphabet=st.characters(), max_size=200), st.integers(1, 50))
def test_nothing_but_printable_text_comes_out(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert len(shown) <= limit
    shown.encode()
    for character in shown:
        assert character.isprintable()
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(alphabet=st.characters(), max_size=100))
def test_showing_twice_changes_nothing_more(text: str) -> None:
    assert visible(visible(text, None), None) == visible(text, None)
