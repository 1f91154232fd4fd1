"""`flightdeck schema`: a JSON Schema for every model of the files, found by walking `state.models`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass
from json import dumps
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

from pydantic import BaseModel

from state import models

OK, NO, IO_ERROR = 0, 1, 74
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class BrokenModel(Exception):
    """A module of models cannot be imported: says which and why."""


def main(argv: list[str]) -> int:
    """Write the schemas, or --check that the committed ones are current. 1 when they differ, 74 without schemas."""
    parser = argparse.ArgumentParser(prog="flightdeck schema", description="JSON Schemas of all files")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the schemas")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the folder is not current")
    parser.add_argument("--home", help="accepted by every command; schemas are the same for all homes")
    options = parser.parse_args(argv)
    try:
        wanted = schemas()
        return check(options.out, wanted) if options.check else write(options.out, wanted)
    except BrokenModel as error:
        print(f"flightdeck schema: {error}", file=sys.stderr)
    except OSError as error:
        print(f"flightdeck schema: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
    return IO_ERROR


def schemas(package: ModuleType = models) -> dict[str, str]:
    """File name → JSON Schema, for every model below `package`. Raises BrokenModel."""
    return {f"{name}.json": _schema(model) for name, model in sorted(find_models(package))}


def find_models(package: ModuleType) -> Iterator[tuple[str, type[BaseModel]]]:
    """("module.Class", class) of every public model that a module below `package` defines."""
    prefix = f"{package.__name__}."
    for found in walk_packages(package.__path__, prefix, onerror=_broken):
        try:
            module = import_module(found.name)
        except Exception as error:  # noqa: BLE001  (whatever a module raises, it hides a model)
            _broken(found.name, error)
        for name, item in getmembers(module, isclass):
            if issubclass(item, BaseModel) and item.__module__ == found.name and not name.startswith("_"):
                yield f"{found.name.removeprefix(prefix)}.{name}", item


def check(folder: Path, wanted: dict[str, str]) -> int:
    """Name what differs between the folder and the models."""
    there = {path.name: path.read_bytes() for path in folder.glob("*.json")} if folder.is_dir() else {}
    differing = [f"missing: {name}" for name in wanted if name not in there]
    differing += [f"no model any more: {name}" for name in sorted(there) if name not in wanted]
    differing += [
        f"differs: {name}" for name, text in wanted.items() if there.get(name, text.encode()) != text.encode()
    ]
    for line in differing:
        print(f"{folder}: {line}", file=sys.stderr)
    if differing:
        print(f"mend with: flightdeck schema --out {folder}", file=sys.stderr)
    return NO if differing else OK


def write(folder: Path, wanted: dict[str, str]) -> int:
    """Write every schema, and remove those whose model is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.name not in wanted and DIALECT.encode() in path.read_bytes():
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} schemas in {folder}")
    return OK


def _schema(model: type[BaseModel]) -> str:
    return dumps({"$schema": DIALECT, **model.model_json_schema(mode="serialization")}, indent=2) + "\n"


def _broken(name: str, error: Exception | None = None) -> None:
    cause = error or sys.exc_info()[1]
    raise BrokenModel(f"{name}: cannot be imported ({type(cause).__name__}: {cause})")
