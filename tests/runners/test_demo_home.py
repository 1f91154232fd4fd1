"""What a demo takes for its home, what it writes there, and what it says at the end."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from runners.demo_home import MARKET_START, DemoHomeError, prepare_home, set_market_clock, write_config
from runners.demo_report import DemoReport
from state.clock import SimulatedClock
from state.document import DocumentWriter, read
from state.home import Home
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat, Progress
from state.models.market_clock import MarketClockSetting
from state.models.shadow import ShadowBook


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(MARKET_START)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def ignore(*_: object, **__: object) -> None:
    """No event is of interest here."""


def put(home: Home, clock: SimulatedClock, entry: Any, value: Any) -> None:
    home.create()
    DocumentWriter(home, entry, clock, ignore, value).write(value)


def credentials(home: Home) -> dict[str, str]:
    told = {
        "key_id": "an id",
        "private_key_path": f"{home.root}/credentials/private_key.pem",
        "base_url": "http://127.0.0.1:4711/trade-api/v2",
        "ws_url": "ws://127.0.0.1:4711/trade-api/ws/v2",
    }
    folder = home.root / "credentials"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "credentials.json").write_text(json.dumps(told))
    return told


class TestPreparing:
    def test_a_new_folder_becomes_a_home(self, home: Home, clock: SimulatedClock) -> None:
        prepare_home(home, clock)
        assert home.state.is_dir()

    @pytest.mark.parametrize("source", ["live", "demo", "replay"])
    @pytest.mark.parametrize(("entry", "model"), [(Home.heartbeat, Heartbeat), (Home.exchange, ExchangeView)])
    def test_a_home_in_which_anything_else_ran_is_refused(
        self, home: Home, clock: SimulatedClock, source: str, entry: Any, model: Any
    ) -> None:
        put(home, clock, entry, model(source=source))
        clock.advance(86_400)
        with pytest.raises(DemoHomeError, match=f"of a {source} desk"):
            prepare_home(home, clock)

    def test_its_own_home_is_taken_again(self, home: Home, clock: SimulatedClock) -> None:
        put(home, clock, Home.heartbeat, Heartbeat(source="simulated"))
        credentials(home)
        write_config(home)
        prepare_home(home, clock)


class TestConfiguration:
    def test_names_address_and_key_of_the_exchange(self, home: Home) -> None:
        told = credentials(home)
        write_config(home)
        written = tomllib.loads(home.config.read_text())
        assert written["exchange"] == {**told, "market_clock": True}
        assert written["pilot"] == {"enabled": True}

    def test_keeps_what_a_person_set_and_wrote_beside_it(self, home: Home) -> None:
        credentials(home)
        home.config.write_text(
            "# mine\ndroplet = 'nyc-1'\n[pilot]\nenabled = false # not now\n[exchange]\nbase_url = 'http://127.0.0.1:1'\n"
        )
        write_config(home)
        text = home.config.read_text()
        assert "# mine" in text
        assert "enabled = false # not now" in text
        assert tomllib.loads(text)["droplet"] == "nyc-1"
        assert tomllib.loads(text)["exchange"]["base_url"] == "http://127.0.0.1:4711/trade-api/v2"


def test_market_time_starts_at_its_tuesday_each_time(home: Home, clock: SimulatedClock) -> None:
    home.create()
    for _ in range(2):
        clock.advance(1_000)
        set_market_clock(home, clock, ignore, 60.0)
        found = read(home, Home.market_clock, MarketClockSetting, clock).value
        assert found is not None
        assert (found.start, found.anchor_ns, found.speed) == (MARKET_START, clock.boottime_ns(), 60.0)


class TestReport:
    def test_a_desk_that_works_is_summed_up(self, home: Home, clock: SimulatedClock) -> None:
        report = DemoReport(home, clock)
        put(home, clock, Home.heartbeat, Heartbeat(cycle=12, engine_status="ok", progress=Progress(messages=3_400)))
        put(home, clock, Home.positions, ShadowBook(fills=21))
        text, worked = report.summary()
        assert worked
        assert "cycles 12   messages 3400" in text
        assert "shadow fills 21 " in text
        assert "kill switch off" in text
        assert "engine ok cycle 12" in report.progress_line()

    def test_a_desk_that_fell_silent_is_none_that_works(self, home: Home, clock: SimulatedClock) -> None:
        report = DemoReport(home, clock)
        put(home, clock, Home.heartbeat, Heartbeat(cycle=12))
        put(home, clock, Home.positions, ShadowBook(fills=21))
        clock.advance(16)
        text, worked = report.summary()
        assert not worked
        assert "the desk is not up: heartbeat 16.0 s old" in text
        assert "engine 16.0 s old" in report.progress_line()

    @pytest.mark.parametrize("seconds", [0.001, 1, 16])
    def test_what_an_earlier_run_left_is_none_that_works(
        self, home: Home, clock: SimulatedClock, seconds: float
    ) -> None:
        put(home, clock, Home.heartbeat, Heartbeat(cycle=12))
        put(home, clock, Home.positions, ShadowBook(fills=21))
        clock.advance(seconds)
        report = DemoReport(home, clock)
        text, worked = report.summary()
        assert not worked
        assert "the desk is not up: heartbeat of an earlier run, book of an earlier run" in text
        assert "engine of an earlier run" in report.progress_line()

    def test_an_unknown_is_never_told_as_zero(self, home: Home, clock: SimulatedClock) -> None:
        home.create()
        report = DemoReport(home, clock)
        assert "resting unknown" in report.progress_line()
        assert "engine missing" in report.progress_line()
        assert not report.summary()[1]
