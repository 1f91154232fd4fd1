"""The keys that accounts trade with: made on the spot, written where a client finds them."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

FILE_NAME = "credentials.json"
ADMIN_NAME = "admin.json"
KEY_NAME = "private_key.pem"

PublicKey: TypeAlias = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class KeyType(StrEnum):
    RSA = "rsa"
    ED25519 = "ed25519"


class Scope(StrEnum):
    """What a key may do; a parent grants all of its children."""

    READ = "read"
    WRITE = "write"
    READ_BALANCE = "read::portfolio_balance"
    READ_BLOCK_TRADE = "read::block_trade_accept"
    WRITE_TRADE = "write::trade"
    WRITE_TRANSFER = "write::transfer"
    WRITE_FCM_RISK = "write::fcm_risk"
    WRITE_BLOCK_TRADE = "write::block_trade_accept"

    @property
    def parent(self) -> str:
        return self.partition("::")[0]


EVERYTHING = frozenset({Scope.READ, Scope.WRITE})


class UnreadableKey(ValueError):
    """A public key that is no PEM of a kind that can sign."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the exchange knows of a key. `subaccount`: the only account it may act for, None for all of the member's."""

    key_id: str
    public_key: PublicKey
    name: str = "first"
    scopes: frozenset[Scope] = EVERYTHING
    subaccount: int | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do what `scope` names."""
        return scope in self.scopes or scope.parent in self.scopes


def make(kind: KeyType) -> PrivateKey:
    """A new private key: RSA of 2048 bits, or Ed25519."""
    if kind is KeyType.ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def pem(key: PrivateKey, *, pkcs1: bool = False) -> bytes:
    """A private key as PEM, unencrypted: PKCS#8, or PKCS#1 as the exchange hands out RSA keys."""
    style = serialization.PrivateFormat.TraditionalOpenSSL if pkcs1 else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, style, serialization.NoEncryption())


def read_public(text: str) -> PublicKey:
    """A public key from PEM. Raises UnreadableKey."""
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnreadableKey(str(error)) from None
    if not isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise UnreadableKey("neither RSA nor Ed25519")
    return key


def issue(folder: Path, port: int, kind: KeyType = KeyType.RSA) -> ApiKey:
    """Make a key, write it (PKCS#8, 0600) and then `credentials.json` (0600) into `folder`, each whole.

    What an earlier run left there is replaced. Raises OSError when the folder cannot be written.
    """
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_key = make(kind)
    key_id = str(uuid.uuid4())
    _replace(folder / KEY_NAME, pem(private_key))
    credentials = {
        "key_id": key_id,
        "private_key_path": str(folder / KEY_NAME),
        "base_url": f"http://127.0.0.1:{port}/trade-api/v2",
        "ws_url": f"ws://127.0.0.1:{port}/trade-api/ws/v2",
    }
    _replace(folder / FILE_NAME, json.dumps(credentials, indent=2).encode() + b"\n")
    return ApiKey(key_id, private_key.public_key())


def issue_admin(folder: Path, port: int) -> str:
    """Write `admin.json` into `folder`: where faults are set and markets revised. The address. Raises OSError."""
    address = f"http://127.0.0.1:{port}"
    told = {"faults_url": f"{address}/faults", "markets_url": f"{address}/markets"}
    _replace(folder.absolute() / ADMIN_NAME, json.dumps(told).encode() + b"\n")
    return address


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).rename(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
