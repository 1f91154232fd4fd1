"""What the gate is shown: one look at kill, leave, exchange, books, clock and our own progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.gate import BooksLook, ClockLook, Counter, ExchangeLook, GateInputs, Limits, OrdersLook
from engine.venues.kalshi.clock_offset import Offset
from engine.venues.kalshi.models import ExchangeStatus
from state.clock import NANOS, Clock
from state.config import Settings
from state.permit import Leave
from state.sentinel import Look


def limits_of(settings: Settings) -> Limits:
    """The thresholds of the gates, as configured."""
    return Limits(
        permit_life_s=settings.supervisor.permit_life_s,
        exchange_age_s=settings.gate.exchange_age_s,
        books_fresh_s=settings.gate.books_fresh_s,
        books_fresh_share=settings.gate.books_fresh_share,
        clock_offset_ms=settings.gate.clock_offset_ms,
        progress_s=settings.gate.progress_s,
    )


@dataclass(slots=True)
class Growth:
    """When each counter last grew, by CLOCK_BOOTTIME."""

    clock: Clock
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def ages(self, counts: Mapping[str, int]) -> dict[str, float | None]:
        """Seconds since each counter last grew; None for one that never did."""
        now = self.clock.boottime_ns()
        for name, count in counts.items():
            if count != self._known.get(name, (0, 0))[0]:
                self._known[name] = (count, now)
        return {name: (now - self._known[name][1]) / NANOS if name in self._known else None for name in counts}


@dataclass(slots=True)
class ExchangeWatch:
    """The exchange's word on whether it trades, and how old that word is."""

    clock: Clock
    status: ExchangeStatus | None = None
    error: str = ""
    _asked_ns: int = 0

    def answered(self, status: ExchangeStatus) -> None:
        """Note an answer."""
        self.status, self.error, self._asked_ns = status, "", self.clock.boottime_ns()

    def failed(self, error: Exception) -> None:
        """Note a question that was not answered; the last answer grows old."""
        self.error = str(error)

    def trading_within(self, seconds: float) -> bool | None:
        """Whether it trades; None when it has not said so for longer than `seconds`: unknown is not yes."""
        return self.trading if self.age_s is not None and self.age_s <= seconds else None

    @property
    def trading(self) -> bool | None:
        """Whether it trades; None before the first answer."""
        return None if self.status is None else self.status.exchange_active and self.status.trading_active

    @property
    def age_s(self) -> float | None:
        """Seconds since the last answer."""
        return None if self.status is None else (self.clock.boottime_ns() - self._asked_ns) / NANOS

    def look(self) -> ExchangeLook:
        """As the gate takes it."""
        return ExchangeLook(self.trading, self.age_s, self.error)


def interval_ms(offset: Offset | None) -> tuple[float, float] | None:
    """A clock offset in milliseconds."""
    return None if offset is None else (round(offset.low * 1e3, 1), round(offset.high * 1e3, 1))


def gate_inputs(
    kill: Look,
    leave: Leave,
    exchange: ExchangeWatch,
    books: BooksLook,
    offset: Offset | None,
    orders: OrdersLook,
    ages: Mapping[str, float | None],
    limits: Limits,
) -> GateInputs:
    """Everything together. Market data is expected only while the exchange trades and a book is followed."""
    trading = bool(exchange.trading) and books.total > 0
    return GateInputs(
        kill=kill,
        leave=leave,
        exchange=exchange.look(),
        books=books,
        clock=ClockLook(interval_ms(offset), exchange.age_s),
        orders=orders,
        progress=tuple(Counter(name, age, expected=trading or name == "listings") for name, age in ages.items()),
        limits=limits,
    )
