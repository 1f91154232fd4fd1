"""Ages step rarely, so that little is repainted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from console.lines import Tone
from console.present.ages import age, clock_millis, clock_time, count, price, signed


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "?"), (-3, "future"), (0.4, "<1s"), (1.0, "1s"), (9.99, "9s"), (10, "10s"), (19.9, "15s"), (59, "55s"),
        (60, "1m"), (3599, "59m"), (3600, "1h00m"), (8040, "2h14m"), (86_400, "1d00h"), (100_000, "1d03h"),
    ],
)  # fmt: skip
def test_ages(seconds: float | None, said: str) -> None:
    assert age(seconds) == said


def test_an_age_changes_at_most_once_a_second_below_ten_and_every_five_below_a_minute() -> None:
    tenths = [age(step / 10) for step in range(600)]
    changes = [step / 10 for step in range(1, 600) if tenths[step] != tenths[step - 1]]
    assert changes == [*range(1, 10), *range(10, 60, 5)]


def test_the_one_clock_is_in_new_york() -> None:
    assert clock_time(datetime(2026, 11, 24, 19, 31, 7, tzinfo=UTC)) == "14:31:07"
    assert clock_time(datetime(2026, 7, 1, 19, 31, 7, tzinfo=UTC)) == "15:31:07"
    assert clock_millis(datetime(2026, 11, 24, 19, 31, 7, 4999, tzinfo=UTC)) == "14:31:07.004"


def test_an_amount_carries_its_sign_and_unknown_is_not_zero() -> None:
    assert signed(Decimal("1234.5")).text == "+1,234.50"
    assert signed(Decimal("-0.25")) == ("-0.25", Tone.LOSS)
    assert signed(Decimal("-0.001")).text == "0.00"
    assert signed(None).text == price(None).text == "?"


def test_contracts_show_no_needless_zeros() -> None:
    assert (count(Decimal("1250.00")), count(Decimal("0.25"))) == ("1,250", "0.25")
