"""Names that are unique for ever: of orders, and of the account they belong to."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.venues.kalshi.hosts import Source


@dataclass(frozen=True, slots=True)
class OrderIds:
    """Client order ids of one run: a session that no other run has, and a sequence. Never reused, cancelled or not."""

    session: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next(self) -> str:
        """A name no order ever had."""
        return f"fd-{self.session}-{next(self._numbers):06}"

    def ours(self, client_order_id: str) -> bool:
        """Whether this run gave that name."""
        return client_order_id.startswith(f"fd-{self.session}-")


def account_of(source: Source, key_id: str) -> str:
    """The account as journals name it: kind of venue and a print of the key id, never the id itself.

    A key that is replaced at a real exchange makes another account of it: what it holds is then reported as unknown
    until it is flat, which errs on the safe side.
    """
    return f"{source}-{hashlib.sha256(key_id.encode()).hexdigest()[:12]}"
