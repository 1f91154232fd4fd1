"""Configuration: from flags, environment and files to typed settings, and where each value came from.

Strongest first: flag, FLIGHTDECK_SECTION__KEY, <home>/flightdeck.toml, ~/.config/flightdeck/flightdeck.toml,
/etc/flightdeck/flightdeck.toml, default.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from state.families import canonical
from state.home import Home, config_files
from state.settings import GUARDRAILS, Ladder, Settings, default_ladders, is_loopback, leaves

__all__ = ["ConfigError", "Ladder", "Settings", "config_hash", "is_loopback", "load"]

PREFIX = "FLIGHTDECK_"
NOT_SETTINGS = frozenset({"FLIGHTDECK_HOME"})
UNHASHED = {"droplet", "console"}
"""How it looks and what it is called changes nothing about what it does."""


class ConfigError(Exception):
    """A setting is wrong: says which, where and what to do. Exit code 78."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place sets, and the name of that place."""

    origin: str
    tree: dict[str, Any]

    def origin_of(self, key: str) -> str:
        """The place, as a person would look it up."""
        return f"environment {PREFIX}{key.upper().replace('.', '__')}" if self.origin == "environment" else self.origin


def load(home: Home, flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force in `home`. `flags` has dotted keys ("engine.cycle_s"); a flag that is None is not given.

    Raises ConfigError for an unknown key, a value of the wrong kind, a weakened baseline, an unreadable file.
    """
    layers = [_from_flags(flags or {}), _from_environment(environ), _from_home(home)]
    layers += [_from_file(file) for file in config_files(environ)]
    merged: dict[str, Any] = {"ladders": {name: row.model_dump() for name, row in default_ladders().items()}}
    origins: dict[str, str] = {}
    for layer in reversed(layers):
        for key, value in leaves(layer.tree):
            _put(merged, key, value)
            origins[key] = layer.origin_of(key)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise _explained(error, origins) from None
    settings._origins.update(origins)
    _hold_guardrails(settings)
    return settings


def config_hash(settings: Settings) -> str:
    """SHA-256 over every value that changes what the system does, hex."""
    values = settings.model_dump(mode="json", exclude=UNHASHED)
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _from_flags(flags: Mapping[str, object]) -> Layer:
    tree: dict[str, Any] = {}
    for key, value in flags.items():
        if value is not None:
            _put(tree, key, value)
    return Layer("flag", _named(tree, "flag"))


def _from_environment(environ: Mapping[str, str]) -> Layer:
    given = {name.upper(): value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    given = {name: value for name, value in given.items() if name not in NOT_SETTINGS}
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in given.items()}
    try:
        tree = source()
    except SettingsError as error:
        raise ConfigError(f"environment: {error} (a list or table must be JSON)") from None
    for name in given:
        if name.removeprefix(PREFIX).lower().split("__")[0] not in Settings.model_fields:
            raise ConfigError(f"environment: {name} sets nothing that exists; see `flightdeck config explain`")
    return Layer("environment", _named(tree, "environment"))


def _from_home(home: Home) -> Layer:
    tree = _read(home.config)
    if "home" in tree:
        raise ConfigError(f"{home.config}: home: the file of a home cannot name a home; remove the line")
    return Layer(str(home.config), _named(tree, str(home.config)))


def _from_file(file: Path) -> Layer:
    tree = _read(file)
    tree.pop("home", None)  # Home.locate has read it
    return Layer(str(file), _named(tree, str(file)))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; settings cannot be told without it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML ({error})") from None


def _named(tree: dict[str, Any], origin: str) -> dict[str, Any]:
    """The tree with families under their one name."""
    ladders = tree.get("ladders")
    if isinstance(ladders, dict):
        rows: dict[str, Any] = {}
        for name, row in ladders.items():
            try:
                family = canonical(name)
            except ValueError as error:
                raise ConfigError(f"{origin}: ladders.{name}: {error}") from None
            before = rows.get(family, {})
            if isinstance(before, dict) and isinstance(row, dict):
                if twice := sorted(before.keys() & row.keys()):
                    raise ConfigError(f"{origin}: ladders.{name}.{twice[0]}: set twice, by two names of {family}")
                row = {**before, **row}
            rows[family] = row
        tree = {**tree, "ladders": rows}
    return tree


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    *above, last = key.split(".")
    for part in above:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    if value == {}:
        tree.setdefault(last, value)
    else:
        tree[last] = value


def _explained(error: ValidationError, origins: Mapping[str, str]) -> ConfigError:
    """The first thing that is wrong: place, key, and what was expected."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    origin = next(
        (place for known, place in origins.items() if known == key or known.startswith(f"{key}.")), "settings"
    )
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{origin}: {key}: no such setting; see `flightdeck config explain`")
    return ConfigError(f"{origin}: {key} = {first['input']!r}: {first['msg'][:1].lower()}{first['msg'][1:]}")


def _hold_guardrails(settings: Settings) -> None:
    simulated = is_loopback(settings.exchange.base_url)
    for rail in GUARDRAILS:
        value, origin = settings.explain(rail.key)
        assert isinstance(value, int | float)
        if not rail.holds(value, rail.bound) and not (rail.simulated and simulated):
            raise ConfigError(f"{origin}: {rail.key} = {value}: {rail}")
