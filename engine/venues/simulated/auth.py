"""Who is asking: the signature of a request, checked strictly (facts §1.2).

RSA-PSS, SHA-256, salt as long as the digest, over timestamp + METHOD + path without its query. Timestamps are real
time, whatever the market's clock says.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from engine.venues.simulated.account import Account
from engine.venues.simulated.credentials import ApiKey
from engine.venues.simulated.faults import FaultName, Faults
from engine.venues.simulated.refusals import Refusal, refuse

KEY_HEADER = "kalshi-access-key"
SIGNATURE_HEADER = "kalshi-access-signature"
TIMESTAMP_HEADER = "kalshi-access-timestamp"
OLDEST_MS = 15_000
FURTHEST_AHEAD_MS = 30_000

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)


@dataclass(frozen=True, slots=True)
class _Member:
    key: ApiKey
    account: Account


class Doorkeeper:
    """Checks signatures against the keys it has been given."""

    def __init__(self, now: Callable[[], datetime], faults: Faults | None = None) -> None:
        self._now = now
        self._faults = faults if faults is not None else Faults()
        self._members: dict[str, _Member] = {}

    def admit(self, key: ApiKey, account: Account) -> None:
        """Let `key` act for `account`."""
        self._members[key.key_id] = _Member(key, account)

    def check(self, headers: Mapping[str, str], method: str, path: str) -> Account | None:
        """The account a request is signed for; None when it carries no sign of a key at all. Raises Refusal (401)."""
        key_id, signature, stamp = (headers.get(name) for name in (KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER))
        if key_id is None and signature is None and stamp is None:
            return None
        if key_id is None:
            raise refuse(401, "key_is_missing_from_headers")
        if signature is None:
            raise refuse(401, "signature_is_missing_from_headers")
        if stamp is None:
            raise refuse(401, "timestamp_is_missing_from_headers")
        self._check_time(stamp)
        member = self._members.get(key_id)
        if member is None or (self._faults and self._faults.fires(FaultName.REVOKE_KEY, key_id) is not None):
            raise _authentication_error("NOT_FOUND")
        try:
            raw = base64.b64decode(signature, validate=True)
            member.key.public_key.verify(raw, f"{stamp}{method}{path}".encode(), _PSS, hashes.SHA256())
        except (binascii.Error, InvalidSignature):
            raise _authentication_error("INCORRECT_API_KEY_SIGNATURE") from None
        return member.account

    def require(self, headers: Mapping[str, str], method: str, path: str) -> Account:
        """The account a private request is signed for. Raises Refusal (401)."""
        account = self.check(headers, method, path)
        if account is None:
            raise refuse(401, "token_authentication_failure")
        return account

    def _check_time(self, stamp: str) -> None:
        # what is no number of milliseconds is a time that is never valid
        sent_ms = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 16 else 0
        ahead_ms = sent_ms - round(self._now().timestamp() * 1_000)
        if not -OLDEST_MS <= ahead_ms <= FURTHEST_AHEAD_MS:
            raise refuse(401, "header_timestamp_expired")


def _authentication_error(details: str) -> Refusal:
    return refuse(401, "authentication_error", details, message="authentication_error")
