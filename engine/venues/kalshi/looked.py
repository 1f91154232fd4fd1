"""The body of an order: it leaves once, and is looked at when nothing is left between it and the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from engine.venues.kalshi.errors import Denied

Look: TypeAlias = Callable[[], None]


class LookedBody:
    """What an HTTP client is given as an order's content, and by which the socket knows it."""

    def __init__(self, body: bytes, look: Look) -> None:
        self.body = body
        self.due = False
        """Whether it is what is written next."""
        self.begun = False
        """Whether its look let it go: from then on it may have arrived."""
        self._look = look

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.due = True
        yield self.body

    def leave(self, chunk: bytes) -> None:
        """Look. Raises Denied, or what else the look raises, when it must stay."""
        self.due = False
        if self.begun or chunk != self.body:
            raise Denied("an order's body leaves once, and whole")
        self._look()
        self.begun = True

    @contextmanager
    def sending(self) -> Iterator[None]:
        """In here the order is this task's: a request is sent, to its last byte, by the task that asked for it."""
        token = _sending.set(self)
        try:
            yield
        finally:
            _sending.reset(token)


_sending: ContextVar[LookedBody | None] = ContextVar("the order that this task sends", default=None)


def due() -> LookedBody | None:
    """The order's body that this task writes next; None when it writes anything else."""
    order = _sending.get()
    return order if order is not None and order.due else None
