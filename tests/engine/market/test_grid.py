from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.grid import PriceGrid

CENTS = PriceGrid.of([{"start": "0.0000", "end": "1.0000", "step": "0.0100"}])
TAPERED = PriceGrid.of(
    [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
    ]
)


def test_a_cent_grid_has_99_prices_and_neither_end() -> None:
    assert CENTS.ticks == tuple(range(100, 10_000, 100))
    assert not CENTS.allows(0) and not CENTS.allows(10_000)


def test_a_tapered_grid_is_fine_at_the_ends_only() -> None:
    assert TAPERED.allows(10) and TAPERED.allows(990) and TAPERED.allows(9_010)
    assert not TAPERED.allows(1_010)
    assert TAPERED.next_above(1_000) == 1_100
    assert TAPERED.next_below(1_000) == 990


def test_beyond_the_last_tick_there_is_no_price() -> None:
    assert CENTS.floor(99) is None
    assert CENTS.ceil(9_901) is None
    assert CENTS.next_below(100) is None
    assert CENTS.next_above(9_900) is None


@given(st.sampled_from([CENTS, TAPERED]), st.integers(-100, 10_100))
def test_floor_and_ceil_are_the_nearest_ticks(grid: PriceGrid, price: int) -> None:
    below = [tick for tick in grid.ticks if tick <= price]
    above = [tick for tick in grid.ticks if tick >= price]
    assert grid.floor(price) == (below[-1] if below else None)
    assert grid.ceil(price) == (above[0] if above else None)
    assert grid.allows(price) == (grid.floor(price) == price == grid.ceil(price))


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        [{"start": "0.0000", "end": "1.0000", "step": "0.0000"}],
        [{"start": "0.5", "end": "0.5", "step": "0.01"}],
        [{"start": "0.0000", "end": "1.0000"}],
        [{"start": 0, "end": 1, "step": 0.01}],
    ],
)
def test_damaged_ranges_are_refused(ranges: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError):
        PriceGrid.of(ranges)
