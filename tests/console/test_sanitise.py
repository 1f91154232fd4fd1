"""The last line filter in its ASCII form: cell for cell, and nothing known reads as unknown."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual.color import Color

from console.widgets.sanitise import VisibleFilter

BLACK = Color(0, 0, 0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("71 of 71 fresh  ≥ 80% within ±250 ms", "71 of 71 fresh  > 80% within ~250 ms"),
        ("≤ 15 s · x → y", "< 15 s . x > y"),
        ("KXÜ-\x1b[2J\u202e", "KX?-?[2J?"),
    ],
)
def test_what_has_no_ascii_becomes_its_nearest_cell(text: str, shown: str) -> None:
    (segment,) = VisibleFilter(ascii_only=True).apply([Segment(text)], BLACK)
    assert segment.text == shown
    assert len(segment.text) == len(text)
