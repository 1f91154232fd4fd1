"""ONE verdict on "may an order leave?": an ordered list of named gates, each with what it saw and why it is shut.

Pure: `judge` takes what was looked at and returns the report. Whatever could not be read shuts its gate by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.levels import Level, Levels, Scope, Source
from state.models.gate import FreezeWindow, GateLine, GateReport, LevelName
from state.permit import Leave
from state.sentinel import Look

POSITIONS_DIFFER = "positions differ"
"""How the reason begins that a person may also answer by `flightdeck accept`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gates want; seconds, shares of 1, milliseconds."""

    permit_life_s: float
    exchange_age_s: float
    books_fresh_s: float
    books_fresh_share: float
    clock_offset_ms: float
    progress_s: float


@dataclass(frozen=True, slots=True)
class ExchangeLook:
    """What the exchange said of itself; None: it has not said."""

    trading: bool | None
    age_s: float | None
    error: str = ""
    """Why the last question failed; empty when it was answered."""


@dataclass(frozen=True, slots=True)
class BooksLook:
    """Books in use: those within `books_fresh_s` and not marked stale, all, and the age of the oldest."""

    fresh: int
    total: int
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class ClockLook:
    """Interval that holds (exchange clock − ours), milliseconds; None while nothing was measured or it was empty."""

    interval_ms: tuple[float, float] | None
    age_s: float | None


@dataclass(frozen=True, slots=True)
class OrdersLook:
    """How our orders, fills and positions fit the exchange's; `age_s` of the last answer, None before the first."""

    age_s: float | None
    reasons: tuple[str, ...]
    """What does not fit."""
    resting: int
    unresolved: tuple[str, ...]
    """Orders of which nobody knows, at this moment, whether the exchange has them."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter of our own work: seconds since it last grew, None when it never did in this run."""

    name: str
    age_s: float | None
    expected: bool = True
    """False while the exchange's schedule gives it no reason to grow."""


@dataclass(frozen=True, slots=True)
class GateInputs:
    """One look at everything that decides."""

    kill: Look
    leave: Leave
    exchange: ExchangeLook
    books: BooksLook
    clock: ClockLook
    orders: OrdersLook
    progress: tuple[Counter, ...]
    limits: Limits
    windows: tuple[FreezeWindow, ...] | None = None
    """None: no release calendar is loaded yet."""


def judge(inputs: GateInputs) -> GateReport:
    """The verdict. `open` speaks for the whole house; a frozen series is HALT for itself alone (`levels`)."""
    lines = tuple(gate(inputs) for gate, _, _ in GATES)
    in_force = _levels(inputs, lines)
    level = in_force.level()
    reasons = tuple(f"{line.name}: {line.reason}" for line in lines if not line.open)
    return GateReport(
        open=not reasons and level < Level.HALT,
        level=_name(level),
        paper_level=_name(in_force.level(paper=True)),
        gates=lines,
        reasons=reasons,
        windows=inputs.windows,
    )


def levels(inputs: GateInputs) -> Levels:
    """The sources in force, to ask for the level of one desk or series."""
    return _levels(inputs, tuple(gate(inputs) for gate, _, _ in GATES))


def _levels(inputs: GateInputs, lines: tuple[GateLine, ...]) -> Levels:
    in_force = Levels()
    for line, (_, latched, paper) in zip(lines, GATES, strict=True):
        if not line.open:
            in_force = in_force.raised(Source(line.name, Level.HALT, line.reason, latched=latched, paper=paper(inputs)))
    for window in inputs.windows or ():
        if window.frozen:
            scope = Scope(series=window.series)
            in_force = in_force.raised(Source("freeze", Level.HALT, window.reason, paper=True, scope=scope))
    return in_force


def _kill(inputs: GateInputs) -> GateLine:
    look = inputs.kill
    reason = (look.reason or "engaged") if look.engaged else ""
    return _line("kill switch", "on" if look.engaged else "off", "off", None, reason)


def _permit(inputs: GateInputs) -> GateLine:
    leave, life = inputs.leave, inputs.limits.permit_life_s
    if not leave.armed:
        return _line("permit", "not started", "started and permitted", None, leave.armed_reason or "not started")
    if leave.permit_reason:
        return _line("permit", "none", "started and permitted", leave.permit_age_s, leave.permit_reason)
    if leave.permit_age_s is None:
        return _line("permit", "of unknown age", f"≤ {life:g} s", None, "the permit's age is unknown")
    reason = "" if leave.permit_age_s <= life else f"{leave.permit_age_s:.1f} s old, good for {life:g} s"
    return _line("permit", f"{leave.permit_age_s:.1f} s of {life:g} s", f"≤ {life:g} s", leave.permit_age_s, reason)


def _exchange(inputs: GateInputs) -> GateLine:
    look, limit = inputs.exchange, inputs.limits.exchange_age_s
    value = {True: "trading", False: "not trading", None: "unknown"}[look.trading]
    if look.trading is None or look.age_s is None:
        reason = "the exchange has not said whether it trades" + (f" ({look.error})" if look.error else "")
    elif not 0 <= look.age_s <= limit:
        reason = f"it last said so {look.age_s:.0f} s ago" + (f" ({look.error})" if look.error else "")
    else:
        reason = "" if look.trading else "the exchange is paused"
    return _line("exchange", value, f"trading, said within {limit:g} s", look.age_s, reason)


def _books(inputs: GateInputs) -> GateLine:
    look, share = inputs.books, inputs.limits.books_fresh_share
    value = f"{look.fresh} of {look.total} fresh"
    threshold = f"≥ {share:.0%} within {inputs.limits.books_fresh_s:g} s"
    if look.total <= 0:
        reason = "no book is followed"
    elif look.fresh < 0 or look.fresh > look.total or not look.fresh >= share * look.total:
        reason = f"only {value}"
    else:
        reason = ""
    return _line("books", value, threshold, look.oldest_s, reason)


def _clock(inputs: GateInputs) -> GateLine:
    look, limit = inputs.clock, inputs.limits.clock_offset_ms
    threshold = f"within ±{limit:g} ms"
    if look.interval_ms is None:
        return _line("clock", "unknown", threshold, look.age_s, "the offset to the exchange's clock was not measured")
    low, high = look.interval_ms
    value = f"{low:+.0f} to {high:+.0f} ms"
    inside = -limit <= low <= high <= limit
    return _line("clock", value, threshold, look.age_s, "" if inside else f"{value} is not inside ±{limit:g} ms")


def _progress(inputs: GateInputs) -> GateLine:
    limit = inputs.limits.progress_s
    expected = tuple(counter for counter in inputs.progress if counter.expected)
    behind = []
    for counter in expected:
        if counter.age_s is None:
            behind.append(f"no {counter.name} yet")
        elif not 0 <= counter.age_s <= limit:
            behind.append(f"no {counter.name} for {counter.age_s:.0f} s")
    if not inputs.progress:
        behind.append("nothing is counted")
    oldest = max((counter.age_s for counter in expected if counter.age_s is not None), default=None)
    value = "working" if not behind else "not working"
    return _line("progress", value, f"each within {limit:g} s", oldest, ", ".join(behind))


def _orders(inputs: GateInputs) -> GateLine:
    look, limit = inputs.orders, inputs.limits.exchange_age_s
    value = f"{look.resting} resting, {len(look.unresolved)} unresolved"
    why = f" ({look.error})" if look.error else ""
    if look.age_s is None:
        reason = f"not reconciled with the exchange yet{why}"
    elif look.unresolved:
        reason = f"nobody knows whether the exchange has {', '.join(look.unresolved)}; it is being asked"
    elif look.reasons:
        reason = f"{'; '.join(look.reasons)}; to stop and cancel all: K, or flightdeck kill on --cancel"
        if any(each.startswith(POSITIONS_DIFFER) for each in look.reasons):
            reason += "; to keep what is held: flightdeck accept"
    elif not 0 <= look.age_s <= limit:
        reason = f"last reconciled {look.age_s:.0f} s ago{why}"
    else:
        reason = ""
    return _line("orders", value, f"as the exchange says, within {limit:g} s", look.age_s, reason)


def _freeze(inputs: GateInputs) -> GateLine:
    if inputs.windows is None:
        return _line("freeze", "no calendar yet", "", None, "")
    frozen = sorted(window.series for window in inputs.windows if window.frozen)
    return _line("freeze", f"{', '.join(frozen)} frozen" if frozen else "none frozen", "", None, "")


def _line(name: str, value: str, threshold: str, age_s: float | None, reason: str) -> GateLine:
    age = age_s if age_s is not None and age_s == age_s else None  # NaN is no age
    return GateLine(name=name, open=not reason, value=value, threshold=threshold, age_s=age, reason=reason)


def _always(_: GateInputs) -> bool:
    return True


def _never(_: GateInputs) -> bool:
    return False


def _known_paused(inputs: GateInputs) -> bool:
    # A paper order that the exchange would not have taken proves nothing; one it did not speak of is not refused.
    return inputs.exchange.trading is False


_NAMES: dict[Level, LevelName] = {
    Level.RUN: "RUN",
    Level.REDUCE: "REDUCE",
    Level.HALT: "HALT",
    Level.FLATTEN: "FLATTEN",
}


def _name(level: Level) -> LevelName:
    return _NAMES[level]


GATES: tuple[tuple[Callable[[GateInputs], GateLine], bool, Callable[[GateInputs], bool]], ...] = (
    (_kill, True, _always),
    (_permit, False, _never),
    (_exchange, False, _known_paused),
    (_books, False, _never),
    (_clock, False, _never),
    (_orders, False, _never),
    (_progress, False, _never),
    (_freeze, False, _never),
)
"""In the order they are shown: the gate, whether only a person lifts it, whether it binds paper orders too."""
