"""The three headers that sign a request, and the private key behind them."""

from __future__ import annotations

import errno
import os
import stat
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.venues.kalshi.errors import CredentialsError

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

_LARGEST_PEM = 65_536
# salt as long as the digest: what the official clients send; whether others are accepted is not documented
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
_SHA256 = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class Signer:
    """A key id and its private key, loaded once (an RSA key takes 35 ms to load and 0.25 ms to sign with)."""

    key_id: str
    key: PrivateKey = field(repr=False)

    @classmethod
    def load(cls, key_id: str, path: Path) -> Signer:
        """Read an RSA (PKCS#1 or #8) or Ed25519 PEM that nobody else can read. Raises CredentialsError."""
        if not key_id:
            raise CredentialsError("key id: empty; put the id of the API key into the configuration")
        try:
            key = load_pem_private_key(_read_private(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            reason = "encrypted" if isinstance(exc, TypeError) else "not an unencrypted private key in PEM form"
            raise CredentialsError(f"key {path}: {reason}; use the file as the exchange gave it") from None
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise CredentialsError(f"key {path}: {type(key).__name__}; the exchange takes RSA and Ed25519 keys only")
        return cls(key_id, key)

    def headers(self, method: str, path: str, now: datetime) -> dict[str, str]:
        """The headers of one attempt. `path` starts at the root (/trade-api/v2/…); a query is never signed."""
        stamp = str(int(now.timestamp() * 1_000))
        message = f"{stamp}{method.upper()}{path.partition('?')[0]}".encode()
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": b64encode(self._sign(message)).decode("ascii"),
        }

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(message, _PSS, _SHA256)
        return self.key.sign(message)


def _read_private(path: Path) -> bytes:
    # judged on the opened descriptor, so that nothing can be exchanged between the judgement and the reading
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        reason = "a symbolic link" if exc.errno == errno.ELOOP else os.strerror(exc.errno or 0)
        raise CredentialsError(f"key {path}: {reason}; give the path of the key file itself") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise CredentialsError(f"key {path}: not a regular file; give the path of the key file itself")
        if found.st_uid != os.geteuid():
            raise CredentialsError(f"key {path}: belongs to uid {found.st_uid}, not to us; chown it")
        if stat.S_IMODE(found.st_mode) & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise CredentialsError(f"key {path}: mode {mode:04o} lets others at it; chmod 600 it")
        if found.st_size > _LARGEST_PEM:
            raise CredentialsError(f"key {path}: {found.st_size} bytes; no private key is that large")
        return os.read(fd, _LARGEST_PEM)
    except OSError as exc:
        raise CredentialsError(f"key {path}: {os.strerror(exc.errno or 0)}; the file cannot be read") from None
    finally:
        os.close(fd)
