from __future__ import annotations

import os
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from engine.venues.kalshi.errors import CredentialsError
from engine.venues.kalshi.signing import Signer

KEY_ID = "5c0a3a6e-7f6b-4f63-9d8f-6a0e1f8f1c11"
NOW = datetime(2026, 6, 11, 6, 29, 8, 379_000, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: object, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_signature_is_pss_with_a_digest_long_salt_over_time_method_and_path(tmp_path, form) -> None:
    signer = Signer.load(KEY_ID, write(tmp_path / "key.pem", pem(RSA_KEY, form)))
    headers = signer.headers("get", "/trade-api/v2/portfolio/balance", NOW)
    assert headers["KALSHI-ACCESS-KEY"] == KEY_ID
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1781159348379"
    RSA_KEY.public_key().verify(
        b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True),
        b"1781159348379GET/trade-api/v2/portfolio/balance",
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32),
        hashes.SHA256(),
    )


def test_an_ed25519_signature_is_the_plain_64_bytes(tmp_path) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signer = Signer.load(KEY_ID, write(tmp_path / "key.pem", pem(key)))
    signature = b64decode(signer.headers("POST", "/trade-api/v2/x", NOW)["KALSHI-ACCESS-SIGNATURE"])
    assert signature == key.sign(b"1781159348379POST/trade-api/v2/x")
    assert len(signature) == 64


def test_a_query_is_never_signed() -> None:
    key = Ed25519PrivateKey.generate()
    signer = Signer(KEY_ID, key)
    assert signer.headers("GET", "/a?limit=1", NOW) == signer.headers("GET", "/a", NOW)
    with pytest.raises(InvalidSignature):
        key.public_key().verify(
            b64decode(signer.headers("GET", "/a", NOW)["KALSHI-ACCESS-SIGNATURE"]), b"1781159348379GET/b"
        )


def test_a_signer_does_not_show_its_key() -> None:
    assert "PRIVATE" not in repr(Signer(KEY_ID, RSA_KEY)).upper().replace("PRIVATEKEY", "")
    assert "key=" not in repr(Signer(KEY_ID, RSA_KEY))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_key_that_others_can_reach_is_refused(tmp_path, mode) -> None:
    path = write(tmp_path / "key.pem", pem(RSA_KEY), mode)
    with pytest.raises(CredentialsError, match=f"{path}.*{mode:04o}.*chmod 600"):
        Signer.load(KEY_ID, path)


def test_a_symbolic_link_is_refused(tmp_path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(write(tmp_path / "key.pem", pem(RSA_KEY)))
    with pytest.raises(CredentialsError, match="symbolic link"):
        Signer.load(KEY_ID, link)


def test_a_foreign_owner_is_refused(tmp_path, monkeypatch) -> None:
    path = write(tmp_path / "key.pem", pem(RSA_KEY))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(CredentialsError, match="belongs to uid"):
        Signer.load(KEY_ID, path)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (fifo, tmp_path, tmp_path / "missing"):
        with pytest.raises(CredentialsError, match=str(path)):
            Signer.load(KEY_ID, path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a key",
        pem(RSA_KEY)[:200],
        pem(ec.generate_private_key(ec.SECP256R1())),
        RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        b"x" * 70_000,
    ],
    ids=["empty", "not a key", "cut short", "another curve", "encrypted", "too large"],  # keys differ in every process
)
def test_what_is_no_usable_private_key_is_refused_in_one_line_that_shows_none_of_it(tmp_path, data) -> None:
    with pytest.raises(CredentialsError) as caught:
        Signer.load(KEY_ID, write(tmp_path / "key.pem", data))
    assert "\n" not in str(caught.value)
    assert "key.pem" in str(caught.value)


def test_an_empty_key_id_is_refused(tmp_path) -> None:
    with pytest.raises(CredentialsError, match="key id"):
        Signer.load("", write(tmp_path / "key.pem", pem(RSA_KEY)))
