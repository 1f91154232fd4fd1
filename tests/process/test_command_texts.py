"""Whatever the home is, a command ends with a code of the house and a few clear words, never with a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.process.conftest import Desk

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

HOUSE = {0, 1, 2, 69, 74, 75, 78}
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("kill", "status"),
    ("kill", "status", "--json"),
    ("kill", "clear", "--reason", "a test", "--confirm", "CLEAR"),
    ("kill", "start", "--confirm", "START"),
    ("kill", "start"),
    ("kill", "on"),
    ("cancel", "--timeout", "0.2"),
    ("logs", "logs/run.jsonl"),
    ("files",),
    ("config", "explain"),
    ("down",),
    ("up",),
    ("engine",),
    ("engine", "--parent", "1", "--lock-fd", "77"),
    ("demo",),
    ("demo", "--headless", "--seconds", "0"),
    ("console",),
    ("exchange", "--credentials", "/dev/null/nowhere"),
)


def absent(home: Path) -> None:
    pass


def a_file(home: Path) -> None:
    home.write_text("not a folder")


def empty(home: Path) -> None:
    home.mkdir()


def below_a_file(home: Path) -> None:
    home.mkdir()
    (home / "state").write_text("not a folder")
    (home / "logs").write_text("not a folder")


def folders_for_files(home: Path) -> None:
    for name in ("flightdeck.toml", "state/kill_switch", "state/supervisor.lock", "logs/kill.jsonl", "logs/run.jsonl"):
        (home / name).mkdir(parents=True)


def pipes_for_files(home: Path) -> None:
    (home / "state").mkdir(parents=True)
    (home / "logs").mkdir()
    for name in ("state/bot_heartbeat.json", "state/armed.json", "state/supervisor.lock", "logs/kill.jsonl"):
        os.mkfifo(home / name)


def hostile_config(home: Path) -> None:
    home.mkdir()
    (home / "flightdeck.toml").write_bytes(b'[exchange]\nbase_url = "http://127.0.0.1:1/x\\u001b]0;owned\\u0007"\n\xff')


def dead_exchange(home: Path) -> None:
    home.mkdir()
    key = home / "key.pem"
    key.write_text("not a key")
    key.chmod(0o600)
    (home / "flightdeck.toml").write_text(
        f'[exchange]\nbase_url = "http://127.0.0.1:1/trade-api/v2"\nkey_id = "a"\nprivate_key_path = "{key}"\n'
    )


HOMES = (
    absent, a_file, empty, below_a_file, folders_for_files, pipes_for_files, hostile_config, dead_exchange,
)  # fmt: skip


@pytest.mark.parametrize("home", HOMES, ids=lambda make: make.__name__)
def test_every_command_ends_in_words_on_any_home(desk: Desk, home: Callable[[Path], None]) -> None:
    wrong = []
    for number, command in enumerate(COMMANDS):
        desk.home = desk.said.parent / f"home{number}"
        home(desk.home)
        code, said = desk.run(*command, seconds=20), desk.err()
        if code not in HOUSE or said.count("\n") > 6 or "Traceback" in said or "\x1b" in said:
            wrong.append(f"{' '.join(command)} → {code}: {said[-300:]}")
    assert "\n".join(wrong) == ""
