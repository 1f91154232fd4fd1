"""`python -m benchmarks.soak`: a storm of the tests with as many rounds as wanted, and a seed of its own.

processes   supervisor, engine, console and exchange killed -9, frozen and interrupted at random; about 2 s a round
crashes     the engine killed -9 at random on its order path; about 1.5 s a round
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STORMS = {
    "processes": ("tests/process/test_process_storm.py", "k11_p01"),
    "crashes": ("tests/process/test_crash_storm.py", "at_random"),
}
"""File of the storm, and what its name holds."""


def main(argv: list[str]) -> int:
    """Run one storm; the exit code of its test. The seed is printed first: it makes the same storm again."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("storm", choices=STORMS)
    parser.add_argument("--rounds", type=int, default=1_000, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=None, help="default: one that nobody knows yet")
    options = parser.parse_args(argv)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    print(f"{options.storm}: {options.rounds} rounds, seed {seed}", flush=True)
    file, name = STORMS[options.storm]
    environ = os.environ | {"STORM_ROUNDS": str(options.rounds), "STORM_SEED": str(seed)}
    argv = [sys.executable, "-m", "pytest", "-q", file, "-m", "storm", "-k", name]
    return subprocess.run(argv, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
