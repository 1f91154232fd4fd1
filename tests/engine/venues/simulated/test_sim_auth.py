"""Signatures are checked strictly: what is signed, with what, and when."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from engine.venues.simulated.account import Account
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.credentials import KEY_NAME, ApiKey, issue
from engine.venues.simulated.refusals import Refusal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1_000)
PATH = "/trade-api/v2/portfolio/balance"


class Door:
    def __init__(self, folder: Path) -> None:
        self.key: ApiKey = issue(folder, 1)
        private = serialization.load_pem_private_key((folder / KEY_NAME).read_bytes(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        self.private = private
        self.account = Account("user", 0)
        self.keeper = Doorkeeper(lambda: NOW)
        self.keeper.admit(self.key, self.account)

    def headers(self, message: str = "GET" + PATH, stamp: int = NOW_MS, salt: int = 32) -> dict[str, str]:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        signature = self.private.sign(f"{stamp}{message}".encode(), pss, hashes.SHA256())
        return {
            "kalshi-access-key": self.key.key_id,
            "kalshi-access-signature": base64.b64encode(signature).decode(),
            "kalshi-access-timestamp": str(stamp),
        }

    def refused(self, headers: dict[str, str]) -> dict[str, str]:
        with pytest.raises(Refusal) as caught:
            self.keeper.require(headers, "GET", PATH)
        assert caught.value.status == 401
        error: dict[str, str] = caught.value.body["error"]
        return error


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return Door(tmp_path_factory.mktemp("door"))


def test_a_signed_request_is_its_account(door: Door) -> None:
    assert door.keeper.require(door.headers(), "GET", PATH).account() is door.account


@pytest.mark.parametrize("signature", ["", "not base64", "é", "AAAA", "A" * 5_000])
def test_a_signature_that_is_none_is_wrong(door: Door, signature: str) -> None:
    error = door.refused({**door.headers(), "kalshi-access-signature": signature})
    assert error["details"] == "INCORRECT_API_KEY_SIGNATURE"


@pytest.mark.parametrize("message", ["GET" + PATH + "?limit=1", "POST" + PATH, PATH, "GET/portfolio/balance"])
def test_a_signature_over_anything_else_is_wrong(door: Door, message: str) -> None:
    assert door.refused(door.headers(message)) == {
        "code": "authentication_error",
        "message": "authentication_error",
        "details": "INCORRECT_API_KEY_SIGNATURE",
    }


def test_a_salt_of_another_length_is_wrong(door: Door) -> None:
    assert door.refused(door.headers(salt=20))["details"] == "INCORRECT_API_KEY_SIGNATURE"


def test_what_is_no_base64_is_wrong(door: Door) -> None:
    broken = door.headers() | {"kalshi-access-signature": "not*base64"}
    assert door.refused(broken)["details"] == "INCORRECT_API_KEY_SIGNATURE"


def test_an_unknown_key_is_not_found(door: Door) -> None:
    unknown = door.headers() | {"kalshi-access-key": "00000000-0000-0000-0000-000000000000"}
    assert door.refused(unknown)["details"] == "NOT_FOUND"


@pytest.mark.parametrize("skew_s", [-15, -5, 5, 30])
def test_a_clock_within_the_window_is_taken(door: Door, skew_s: int) -> None:
    assert door.keeper.require(door.headers(stamp=NOW_MS + skew_s * 1_000), "GET", PATH).account() is door.account


@pytest.mark.parametrize("skew_ms", [-15_001, -300_000, 30_001])
def test_a_clock_outside_the_window_has_expired(door: Door, skew_ms: int) -> None:
    assert door.refused(door.headers(stamp=NOW_MS + skew_ms))["code"] == "header_timestamp_expired"


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e13", "٣"])
def test_a_time_that_is_no_number_has_expired(door: Door, stamp: str) -> None:
    assert door.refused(door.headers() | {"kalshi-access-timestamp": stamp})["code"] == "header_timestamp_expired"


def test_missing_headers_are_named(door: Door) -> None:
    unsigned = {key: value for key, value in door.headers().items() if key != "kalshi-access-signature"}
    assert door.refused(unsigned)["code"] == "signature_is_missing_from_headers"
    assert door.refused({})["code"] == "token_authentication_failure"


def test_a_public_endpoint_takes_no_signature_but_no_wrong_one_either(door: Door) -> None:
    assert door.keeper.check({}, "GET", PATH) is None
    with pytest.raises(Refusal):
        door.keeper.check(door.headers("GET/elsewhere"), "GET", PATH)


def test_credentials_are_private_whole_and_replaced(tmp_path: Path) -> None:
    import json

    first = issue(tmp_path, 1)
    second = issue(tmp_path, 4_711)
    content = json.loads((tmp_path / "credentials.json").read_bytes())
    assert content == {
        "key_id": second.key_id,
        "private_key_path": str(tmp_path / KEY_NAME),
        "base_url": "http://127.0.0.1:4711/trade-api/v2",
        "ws_url": "ws://127.0.0.1:4711/trade-api/ws/v2",
    }
    assert first.key_id != second.key_id
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "credentials.json": 0o600,
        KEY_NAME: 0o600,
    }
    assert (tmp_path / KEY_NAME).read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
