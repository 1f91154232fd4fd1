"""`flightdeck cancel`: the way out when everything else is dead; it ends only when it is done or out of time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine import cancel
from state.home import Home

PROJECT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:1/trade-api/v2"


def configure(home: Home, base_url: str, mode: int = 0o600) -> None:
    home.create()
    key = home.root / "key.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(mode)
    home.config.write_text(f'[exchange]\nbase_url = "{base_url}"\nkey_id = "a"\nprivate_key_path = "{key}"\n')


@pytest.mark.parametrize(
    ("base_url", "mode"),
    [("https://example.org/trade-api/v2", 0o600), ("http://127.0.0.1:99999/trade-api/v2", 0o600), (NOBODY, 0o644)],
    ids=["unknown host", "no such port", "key that others may read"],
)
def test_settings_that_lead_to_no_exchange_are_a_matter_of_configuration(
    home: Home, base_url: str, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(home, base_url, mode)
    assert cancel.main(["--home", str(home.root)]) == 78
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.process
@pytest.mark.xdist_group("process")
@pytest.mark.parametrize("redirection", ["| true", ">/dev/full", ">&-", ""], ids=["gone", "full", "closed", "read"])
def test_it_tries_until_its_time_is_over_and_tells_each_problem_once(home: Home, redirection: str) -> None:
    configure(home, NOBODY)
    words = [sys.executable, "-P", "-m", "flightdeck", "cancel", "--home", str(home.root), "--timeout", "1.5"]
    script = f'"$@" {redirection}' if "|" not in redirection else f'{{ "$@"; echo $? >&3; }} 3>&2 {redirection}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *words],
        env={**os.environ, "PYTHONPATH": os.fspath(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    assert lines[0] == "flightdeck cancel: not verified within 2 s", done.stderr
    assert (lines[1:] == ["1"]) if "|" in redirection else (done.returncode, lines[1:]) == (1, [])
    told = done.stdout.splitlines()
    assert len(told) == len(set(told)) <= 4
