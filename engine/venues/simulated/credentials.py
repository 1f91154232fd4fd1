"""The key an account trades with: made on the spot, written where a client finds it."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

FILE_NAME = "credentials.json"
ADMIN_NAME = "admin.json"
KEY_NAME = "private_key.pem"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the exchange knows of a key: its id and the public half."""

    key_id: str
    public_key: rsa.RSAPublicKey


def issue(folder: Path, port: int) -> ApiKey:
    """Make an RSA-2048 key, write it (PKCS#8, 0600) and then `credentials.json` (0600) into `folder`, each whole.

    What an earlier run left there is replaced. Raises OSError when the folder cannot be written.
    """
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key_id = str(uuid.uuid4())
    _replace(folder / KEY_NAME, pem)
    credentials = {
        "key_id": key_id,
        "private_key_path": str(folder / KEY_NAME),
        "base_url": f"http://127.0.0.1:{port}/trade-api/v2",
        "ws_url": f"ws://127.0.0.1:{port}/trade-api/ws/v2",
    }
    _replace(folder / FILE_NAME, json.dumps(credentials, indent=2).encode() + b"\n")
    return ApiKey(key_id, private_key.public_key())


def issue_admin(folder: Path, port: int) -> str:
    """Write `admin.json` into `folder`: where faults are set and lifted. The address. Raises OSError."""
    address = f"http://127.0.0.1:{port}"
    _replace(folder.absolute() / ADMIN_NAME, json.dumps({"faults_url": f"{address}/faults"}).encode() + b"\n")
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
