"""Numbers on a command line: what cannot be meant is a usage error, never a traceback later on."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from state.arguments import count, port, seconds, speed


@pytest.mark.parametrize(
    ("take", "text", "value"),
    [
        (seconds, "0", 0.0),
        (seconds, "1.5", 1.5),
        (speed, "60", 60.0),
        (speed, "0.5", 0.5),
        (port, "0", 0),
        (port, "65535", 65_535),
        (count, "0", 0),
        (count, "20000", 20_000),
    ],
)
def test_what_can_be_meant_is_taken(take: Callable[[str], float], text: str, value: float) -> None:
    assert take(text) == value


@pytest.mark.parametrize(
    ("take", "texts"),
    [
        (seconds, ("nan", "inf", "-inf", "-1", "-0.1", "1e400", "1e12", "", "x")),
        (speed, ("nan", "inf", "0", "-5", "100001", "x")),
        (port, ("-1", "65536", "99999", "8.5", "", "x", "²")),
        (count, ("-3", "1.5", "nan", "x", "9" * 5_000)),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(take: Callable[[str], float], texts: tuple[str, ...]) -> None:
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match="expected"):
            take(text)


@pytest.mark.parametrize(
    "argv",
    [
        ["demo", "--headless", "--seconds", "nan"],
        ["demo", "--headless", "--seconds", "-5"],
        ["demo", "--headless", "--speed", "0"],
        ["demo", "--headless", "--speed", "inf"],
        ["down", "--timeout", "nan"],
        ["down", "--timeout", "-1"],
        ["cancel", "--timeout", "inf"],
        ["flatten", "--confirm", "FLATTEN", "--timeout", "nan"],
        ["exchange", "--credentials", "unused", "--port", "99999"],
        ["exchange", "--credentials", "unused", "--admin-port", "-1"],
        ["exchange", "--credentials", "unused", "--cancel-all-holds", "nan"],
        ["exchange", "--credentials", "unused", "--speed", "nan"],
        ["logs", "cycles", "-n", "-3"],
    ],
    ids=" ".join,
)
def test_commands_refuse_numbers_that_cannot_be_meant(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    import flightdeck

    assert flightdeck.main(argv) == 2
    assert "expected" in capsys.readouterr().err
