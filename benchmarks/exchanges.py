"""An exchange to trade on, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.processes import line_of, running
from engine.venues.kalshi.signing import Signer


@dataclass(frozen=True, slots=True)
class Venue:
    """Where it is, who we are there, and its process."""

    base_url: str
    ws_url: str
    signer: Signer
    key_file: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return urlsplit(self.base_url).port or 0

    def emptied_ns(self) -> int:
        """When its account's last resting order was gone (CLOCK_MONOTONIC); waits for the next time that is so."""
        return int(line_of(self.process).removeprefix("emptied "))


@contextmanager
def venue(core: int | None = None) -> Iterator[Venue]:
    """A populated exchange whose cancel-all catches nothing that comes later."""
    with TemporaryDirectory() as folder:
        arguments = ("--credentials", folder, "--seed", "7", "--cancel-all-holds", "0")
        with running("benchmarks.venue", *arguments, core=core) as process:
            line_of(process)
            given = json.loads(Path(folder, "credentials.json").read_text())
            signer = Signer.load(given["key_id"], Path(given["private_key_path"]))
            yield Venue(given["base_url"], given["ws_url"], signer, given["private_key_path"], process)
