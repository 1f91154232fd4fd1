"""Which snapshots were asked for and have not come, so that none is waited for in silence or asked for without end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from state.clock import NANOS

PATIENCE_NS = 5 * NANOS
_TRIES = 3


@dataclass(slots=True)
class _Wait:
    since_ns: int
    tries: int


class AwaitedSnapshots:
    """By ticker, since when and at which try."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def clear(self) -> None:
        self._waits.clear()

    def expect(self, tickers: Iterable[str], now_ns: int) -> None:
        """A subscription was sent, which brings a snapshot of each."""
        self._waits.update((ticker, _Wait(now_ns, 1)) for ticker in tickers)

    def ask(self, tickers: Iterable[str], now_ns: int) -> tuple[str, ...]:
        """Of `tickers` those to ask for now: the ones that were not asked for too often since the last came."""
        asked = []
        for ticker in tickers:
            wait = self._waits.setdefault(ticker, _Wait(now_ns, 0))
            if wait.tries < _TRIES:
                wait.since_ns, wait.tries = now_ns, wait.tries + 1
                asked.append(ticker)
        return tuple(asked)

    def settle(self, ticker: str) -> bool:
        """It came, was refused, or is no longer wanted; whether it was waited for."""
        return self._waits.pop(ticker, None) is not None

    def late(self, now_ns: int) -> tuple[list[str], list[str]]:
        """What is overdue: to be asked for again, and given up (and no longer waited for)."""
        overdue = {ticker: wait for ticker, wait in self._waits.items() if now_ns - wait.since_ns > PATIENCE_NS}
        given_up = [ticker for ticker, wait in overdue.items() if wait.tries >= _TRIES]
        for ticker in given_up:
            del self._waits[ticker]
        return [ticker for ticker in overdue if ticker in self._waits], given_up
