"""`flightdeck config explain [KEY]`: each setting, its value, and where it comes from."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from decimal import Decimal

from state.config import ConfigError, Settings, load
from state.families import canonical
from state.home import Home, HomeError
from state.redact import MASK, is_secret_key
from state.text import visible

OK, NO, CONFIG = 0, 1, 78


def main(argv: list[str]) -> int:
    """Print settings. 1 when KEY names nothing, 78 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="flightdeck config", description="settings and where they come from")
    acts = parser.add_subparsers(dest="act", required=True, metavar="explain")
    explain = acts.add_parser("explain", help="each value and its origin")
    explain.add_argument("key", nargs="?", help="a key such as engine.cycle_s, or a section such as engine")
    explain.add_argument("--json", action="store_true")
    for each in (parser, explain):
        each.add_argument("--home", default=argparse.SUPPRESS, help="the home whose file is read")
    options = parser.parse_args(argv)
    try:
        home = Home.locate(getattr(options, "home", None))
        settings = load(home)
    except (ConfigError, HomeError) as error:
        print(f"flightdeck config: {visible(str(error))}", file=sys.stderr)
        return CONFIG
    found = explained(settings, _one_name(options.key))
    if not found:
        print(f"flightdeck config: no setting {options.key!r}; without a key all are listed", file=sys.stderr)
        return NO
    print(json.dumps(found, indent=2) if options.json else as_text(home, found))
    return OK


def explained(settings: Settings, key: str | None) -> dict[str, dict[str, object]]:
    """Key → value and origin, for one key, for a section, or for all. Secrets are masked."""
    found: dict[str, dict[str, object]] = {}
    for each in settings.dotted_keys():
        if key is None or each == key or each.startswith(f"{key}."):
            value, origin = settings.explain(each)
            masked = MASK if value and is_secret_key(each.rpartition(".")[2]) else _plain(value)
            found[each] = {"value": masked, "origin": origin}
    return found


def as_text(home: Home, found: Mapping[str, Mapping[str, object]]) -> str:
    """Aligned columns: key, value, origin."""
    rows = [(key, visible(json.dumps(item["value"])), visible(str(item["origin"]))) for key, item in found.items()]
    wide = max(len(row[0]) for row in rows)
    wide_value = min(max(len(row[1]) for row in rows), 48)
    lines = [f"{key.ljust(wide)} = {value.ljust(wide_value)}  {origin}" for key, value, origin in rows]
    return "\n".join([f"home: {visible(str(home.root))}", "", *lines])


def _one_name(key: str | None) -> str | None:
    """The key with a family under its one name."""
    parts = key.split(".") if key else []
    if len(parts) < 2 or parts[0] != "ladders":
        return key
    try:
        return ".".join([parts[0], canonical(parts[1]), *parts[2:]])
    except ValueError:
        return key


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
