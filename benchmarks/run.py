"""`make bench`: every claim of `benchmarks/bench_*.py`, or those whose module is named; 1 when one was missed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import orjson

from benchmarks.claim import Claim, Result, tried
from state.build import build_id
from state.clock import SystemClock, stamp

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
"""Local, not committed: one line for each claim of each run."""


def main(names: list[str]) -> int:
    """Run the claims of the modules named (`startup` for bench_startup.py), or of all."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"make bench: no benchmark {unknown[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results = []
    for claim in _claims(names or known):
        results.append(tried(claim))
        print(results[-1], flush=True)
    _keep(results)
    return 0 if all(result.held for result in results) else 1


def _claims(names: list[str]) -> Iterator[Claim]:
    for name in names:
        yield from import_module(f"benchmarks.bench_{name}").claims()


def _keep(results: list[Result]) -> None:
    about = {"at": stamp(SystemClock().now()), "build": build_id()}
    with RESULTS.open("ab") as file:
        for result in results:
            file.write(orjson.dumps({**about, **asdict(result), "ratio": result.ratio, "held": result.held}) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
