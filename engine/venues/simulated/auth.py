"""Who is asking: the signature of a request, checked strictly (facts §1.2), and what its key may do.

RSA-PSS, SHA-256, salt as long as the digest, or Ed25519, over timestamp + METHOD + path without its query. Timestamps
are real time, whatever the market's clock says.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from engine.venues.simulated.account import Account, Member
from engine.venues.simulated.credentials import ApiKey, PublicKey, Scope
from engine.venues.simulated.faults import FaultName, Faults
from engine.venues.simulated.refusals import Refusal, bad_request, refuse

KEY_HEADER = "kalshi-access-key"
SIGNATURE_HEADER = "kalshi-access-signature"
TIMESTAMP_HEADER = "kalshi-access-timestamp"
OLDEST_MS = 15_000
FURTHEST_AHEAD_MS = 30_000

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)


@dataclass(frozen=True, slots=True)
class Caller:
    """One who has signed: a key and the member it belongs to."""

    key: ApiKey
    member: Member

    def must(self, scope: Scope) -> None:
        """Raises Refusal 403 when the key lacks `scope`."""
        if not self.key.allows(scope):
            raise refuse(403, "forbidden", f"this API key lacks the scope {scope}", message="insufficient permissions")

    def unrestricted(self) -> None:
        """Raises Refusal 403 for a key that is locked to one account."""
        if self.key.subaccount is not None:
            raise _restricted()

    def account(self, number: int | None = None) -> Account:
        """The account a request is for: the one it names, else the key's, else the primary. Raises Refusal."""
        locked = self.key.subaccount
        if locked is not None and number not in (None, locked):
            raise _restricted()
        wanted = number if number is not None else locked or 0
        found = self.member.accounts.get(wanted)
        if found is None:
            raise bad_request("unknown subaccount")
        return found

    def accounts(self, number: int | None = None) -> list[Account]:
        """The accounts a listing is of: the one it names, else all that the key may see. Raises Refusal."""
        if number is None and self.key.subaccount is None:
            return list(self.member.accounts.values())
        return [self.account(number)]


class Doorkeeper:
    """Checks signatures against the keys it has been given."""

    def __init__(self, now: Callable[[], datetime], faults: Faults | None = None) -> None:
        self._now = now
        self._faults = faults if faults is not None else Faults()
        self._callers: dict[str, Caller] = {}

    def admit(self, key: ApiKey, account: Account) -> None:
        """Let `key` act for the member whose account this is."""
        self._callers[key.key_id] = Caller(key, account.member)

    def keys(self, member: Member) -> list[ApiKey]:
        """The keys of a member."""
        return [each.key for each in self._callers.values() if each.member is member]

    def revoke(self, member: Member, key_id: str) -> bool:
        """Know a member's key no more; False when there is no such key."""
        found = self._callers.get(key_id)
        if found is None or found.member is not member:
            return False
        del self._callers[key_id]
        return True

    def check(self, headers: Mapping[str, str], method: str, path: str) -> Caller | None:
        """Who signed a request; None when it carries no sign of a key at all. Raises Refusal (401)."""
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
        caller = self._callers.get(key_id)
        if caller is None or (self._faults and self._faults.fires(FaultName.REVOKE_KEY, key_id) is not None):
            raise _authentication_error("NOT_FOUND")
        try:
            _verify(
                caller.key.public_key, base64.b64decode(signature, validate=True), f"{stamp}{method}{path}".encode()
            )
        except (ValueError, InvalidSignature):
            raise _authentication_error("INCORRECT_API_KEY_SIGNATURE") from None
        return caller

    def require(self, headers: Mapping[str, str], method: str, path: str) -> Caller:
        """Who signed a private request. Raises Refusal (401)."""
        caller = self.check(headers, method, path)
        if caller is None:
            raise refuse(401, "token_authentication_failure")
        return caller

    def _check_time(self, stamp: str) -> None:
        # what is no number of milliseconds is a time that is never valid
        sent_ms = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 16 else 0
        ahead_ms = sent_ms - round(self._now().timestamp() * 1_000)
        if not -OLDEST_MS <= ahead_ms <= FURTHEST_AHEAD_MS:
            raise refuse(401, "header_timestamp_expired")


def _verify(key: PublicKey, signature: bytes, message: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, _PSS, hashes.SHA256())
    else:
        key.verify(signature, message)


def _restricted() -> Refusal:
    return refuse(
        403,
        "forbidden",
        message="this API key is restricted to a single sub-account and cannot access this endpoint",
    )


def _authentication_error(details: str) -> Refusal:
    return refuse(401, "authentication_error", details, message="authentication_error")
