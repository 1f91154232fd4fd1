"""Settings: precedence, provenance, and baselines that nothing may weaken."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from operator import le
from pathlib import Path

import pytest

from state.config import ConfigError, Settings, config_hash, load
from state.families import canonical
from state.home import Home, HomeError
from state.settings import GUARDRAILS, Guardrail, Supervisor, is_loopback


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "user"), "XDG_CONFIG_HOME": str(tmp_path / "user" / ".config")}


@pytest.fixture(autouse=True)
def system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of /etc/flightdeck/flightdeck.toml."""
    file = tmp_path / "etc" / "flightdeck.toml"

    def files(environ: Mapping[str, str]) -> tuple[Path, ...]:
        return (Path(environ["XDG_CONFIG_HOME"]) / "flightdeck" / "flightdeck.toml", file)

    monkeypatch.setattr("state.config.config_files", files)
    return file


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def user_file(environ: Mapping[str, str]) -> Path:
    return Path(environ["XDG_CONFIG_HOME"]) / "flightdeck" / "flightdeck.toml"


def test_the_stronger_place_wins_and_each_is_named(home: Home, environ: dict[str, str], system_file: Path) -> None:
    def found() -> tuple[object, str]:
        return load(home, environ=environ).explain("engine.cycle_s")

    assert found() == (1.0, "default")
    put(system_file, "[engine]\ncycle_s = 2\n")
    assert found() == (2.0, str(system_file))
    mine = put(user_file(environ), "[engine]\ncycle_s = 3\n")
    assert found() == (3.0, str(mine))
    put(home.config, "[engine]\ncycle_s = 4\n")
    assert found() == (4.0, str(home.config))
    environ["FLIGHTDECK_ENGINE__CYCLE_S"] = "5"
    assert found() == (5.0, "environment FLIGHTDECK_ENGINE__CYCLE_S")
    assert load(home, {"engine.cycle_s": 6}, environ=environ).explain("engine.cycle_s") == (6.0, "flag")
    assert load(home, {"engine.cycle_s": None}, environ=environ).engine.cycle_s == 5


def test_places_are_merged_key_by_key(home: Home, environ: dict[str, str]) -> None:
    put(user_file(environ), "[ladders.CPI]\nmean = 0.5\n[gate]\nprogress_s = 7\n")
    put(home.config, "[ladders.CPI]\nspread = 0.2\n")
    settings = load(home, environ=environ)
    assert (settings.ladders["CPI"].mean, settings.ladders["CPI"].spread) == (0.5, 0.2)
    assert settings.ladders["CPI"].series == ("KXCPI",)
    assert settings.gate.progress_s == 7


WRONG = {
    "[engine]\ncycles = 1\n": "engine.cycles: no such setting",
    "[motor]\ncycle_s = 1\n": "motor: no such setting",
    "[motor]\n": "motor: no such setting",
    "speed = 3\n": "speed: no such setting",
    "engine = 3\n": "engine = 3: ",
    "[engine]\ncycle_s = 'fast'\n": "engine.cycle_s = 'fast': ",
    "[engine]\ncycle_s = nan\n": "engine.cycle_s = nan: ",
    "[engine]\ncycle_s = 0\n": "engine.cycle_s = 0: ",
    "[ladders.FOO]\nmean = 1\n": "ladders.FOO: no family is called 'FOO'",
    "[ladders]\nCPI = 1\n": "ladders.CPI = 1: ",
    "[supervisor]\nhang_s = 16\n": "supervisor.hang_s = 16.0: must be at most 15",
    "home = '/tmp/x'\n": "home: the file of a home cannot name a home",
    "[engine\n": "not valid TOML",
    "\ufffe\udcff": "not valid TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_file_and_key(text: str, home: Home, environ: dict[str, str]) -> None:
    home.config.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as error:
        load(home, environ=environ)
    assert str(error.value).startswith(f"{home.config}: {WRONG[text]}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("FLIGHTDECK_SPEED", "1", "FLIGHTDECK_SPEED sets nothing"),
        ("FLIGHTDECK_ENGINE_CYCLE_S", "1", "FLIGHTDECK_ENGINE_CYCLE_S sets nothing"),
        ("FLIGHTDECK_ENGINE__CYCLES", "1", "engine.cycles: no such setting"),
        ("FLIGHTDECK_ENGINE__CYCLE_S", "fast", "engine.cycle_s = 'fast'"),
        ("FLIGHTDECK_LADDERS__CPI__SERIES", "KXCPI", "a list or table must be JSON"),
        ("FLIGHTDECK_SUPERVISOR__PERMIT_LIFE_S", "16", "must be at most 15"),
    ],
)
def test_the_environment_is_held_to_the_same(
    name: str, value: str, complaint: str, home: Home, environ: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="environment") as error:
        load(home, environ={**environ, name: value})
    assert complaint in str(error.value)


def test_a_file_that_cannot_be_read_is_an_error_not_an_absence(home: Home, environ: dict[str, str]) -> None:
    home.config.mkdir()
    with pytest.raises(ConfigError, match=r"flightdeck\.toml: Is a directory"):
        load(home, environ=environ)


def test_only_a_file_outside_may_name_the_home(home: Home, environ: dict[str, str]) -> None:
    put(user_file(environ), f"home = '{home.root}'\n[engine]\ncycle_s = 2\n")
    assert load(home, environ={**environ, "FLIGHTDECK_HOME": "/elsewhere"}).engine.cycle_s == 2


@pytest.mark.parametrize("rail", GUARDRAILS, ids=lambda rail: rail.key)
def test_each_baseline_holds_at_its_bound_and_refuses_beyond(
    rail: Guardrail, home: Home, environ: dict[str, str]
) -> None:
    bound = rail.bound
    key = rail.key
    beyond = bound * 2 if rail.holds is le else bound / 2
    if key == "supervisor.brake":
        bound, beyond = True, False
    load(home, {key: bound}, environ=environ)
    with pytest.raises(ConfigError, match=key):
        load(home, {key: beyond}, environ=environ)
    simulated = {key: beyond, "exchange.base_url": "http://127.0.0.1:8080/trade-api/v2"}
    if rail.simulated:
        load(home, simulated, environ=environ)
    else:
        with pytest.raises(ConfigError, match=key):
            load(home, simulated, environ=environ)


def test_the_defaults_stand_within_every_baseline(home: Home, environ: dict[str, str]) -> None:
    settings = load(home, environ=environ)
    assert settings == Settings()
    assert {settings.explain(key)[1] for key in settings.dotted_keys()} == {"default"}


def test_a_bare_settings_object_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTDECK_ENGINE__CYCLE_S", "9")
    assert Settings().engine.cycle_s == 1


def test_two_names_of_one_family_add_up_and_never_contradict_each_other(home: Home, environ: dict[str, str]) -> None:
    put(home.config, "[ladders.TNEY]\nmean = 1\n[ladders.TENY]\nspread = 0.1\n")
    ladder = load(home, environ=environ).ladders["TENY"]
    assert (ladder.mean, ladder.spread) == (1, 0.1)
    put(home.config, "[ladders.TNEY]\nmean = 1\n[ladders.TENY]\nmean = 2\n")
    with pytest.raises(ConfigError, match=r"ladders\.TENY\.mean: set twice, by two names of TENY"):
        load(home, environ=environ)


@pytest.mark.parametrize("name", ["TENY", "TNEY", "10Y", "T10Y", "t10y"])
def test_a_family_goes_by_every_name_it_has(name: str, home: Home, environ: dict[str, str]) -> None:
    put(home.config, f"[ladders.{name}]\nmean = 4.5\n")
    assert load(home, environ=environ).ladders["TENY"].mean == 4.5
    assert canonical(name) == "TENY"


def test_families_and_their_series() -> None:
    assert {name: row.series[0] for name, row in Settings().ladders.items()} == {
        "CPI": "KXCPI",
        "CLAIMS": "KXJOBLESSCLAIMS",
        "TENY": "KXTNOTED",
        "WEATHER": "KXHIGHNY",
        "GAS": "KXAAAGASW",
    }
    assert (canonical("UNEMPLOYMENT"), canonical("wx")) == ("CLAIMS", "WEATHER")


def test_the_hash_is_of_what_matters(home: Home, environ: dict[str, str]) -> None:
    plain = config_hash(load(home, environ=environ))
    assert plain == config_hash(load(home, {"engine.cycle_s": 1}, environ=environ))
    assert plain == config_hash(load(home, {"console.theme": "x", "droplet": "y"}, environ=environ))
    assert plain != config_hash(load(home, {"engine.cycle_s": 2}, environ=environ))
    assert plain != config_hash(load(home, {"ladders.CPI.step": Decimal("0.2")}, environ=environ))
    assert len(plain) == 64


def test_a_permit_is_renewed_three_times_in_its_life() -> None:
    assert Supervisor().renew_every_s == 3
    assert Supervisor(permit_life_s=1).renew_every_s == pytest.approx(1 / 3)


def test_an_unknown_key_cannot_be_explained() -> None:
    for key in ("engine", "engine.nothing", "", "ladders.FOO.mean"):
        with pytest.raises(KeyError):
            Settings().explain(key)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1/x", True),
        ("http://[::1]:1", True),
        ("ws://localhost:1", True),
        ("https://127.0.0.1.evil.com", False),
        ("https://api.elections.kalshi.com/trade-api/v2", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_what_stays_on_this_machine(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_every_command_finds_the_same_home(tmp_path: Path, environ: dict[str, str]) -> None:
    named = tmp_path / "named"
    put(user_file(environ), f"home = '{named}'\n")
    assert Home.locate(environ=environ).root == named
    assert Home.locate(environ={**environ, "FLIGHTDECK_HOME": str(tmp_path / "b")}).root == tmp_path / "b"
    assert Home.locate(tmp_path / "c", environ={**environ, "FLIGHTDECK_HOME": "/b"}).root == tmp_path / "c"
    with pytest.raises(HomeError, match="program source"):
        Home.locate(Path(__file__).parents[2], environ=environ)
