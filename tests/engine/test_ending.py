"""What goes wrong in a command of ours is one line and one exit code."""

from __future__ import annotations

from typing import NoReturn

import pytest

from engine.ending import ended
from engine.venues.kalshi.errors import CredentialsError, Unavailable, UnknownHost
from state.config import ConfigError
from state.home import HomeError
from state.lock import Held
from state.process import Orphaned

CODES = [
    (HomeError("no home"), 78),
    (ConfigError("no key"), 78),
    (CredentialsError("no file"), 78),
    (UnknownHost("nowhere"), 78),
    (Unavailable("no answer"), 69),
    (Orphaned("parent 7 is gone"), 69),
    (Held("supervisor", None), 75),
    (PermissionError(13, "Permission denied", "/x"), 74),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda each: type(each).__name__)
def test_each_kind_of_trouble_has_its_line_and_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> NoReturn:
        raise error

    assert ended("up", fail) == code
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"flightdeck up: {error}\n")


def test_what_goes_well_keeps_its_own_answer() -> None:
    assert [ended("up", lambda code=code: code) for code in (0, 1, 2)] == [0, 1, 2]


@pytest.mark.parametrize("error", [BrokenPipeError(), ZeroDivisionError()])
def test_what_is_the_roof_s_or_nobody_s_is_not_caught(error: Exception) -> None:
    def fail() -> NoReturn:
        raise error

    with pytest.raises(type(error)):
        ended("up", fail)
