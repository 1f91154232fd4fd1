"""What a fill costs: the trade fee of a series, and the rounding an order carries from fill to fill.

Formula and rounding: Kalshi fee schedule of 2026-07-07 and its "fee rounding" page, checked against 13 real taker
fills. Integers throughout; amounts are micro-dollars.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine.market.money import ONE_DOLLAR, Count, Micros, Price

CENTICENT: Micros = 100
CENT: Micros = 10_000

_PLAIN, _MAKER, _COMBO = "quadratic", "quadratic_with_maker_fees", "quadratic_with_combo_maker_fees"
_TAKER_RATE = (7, 100)
_MAKER_RATE = (175, 10_000)
# count × price × (1 − price) counts in 10^-10 dollars, a micro-dollar is 10^4 of them
_SCALE = 10_000


class UnsupportedFees(ValueError):
    """A fee type whose formula is not published; nothing may be traded on a guess of it."""


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """A series' `fee_type` and `fee_multiplier` (an event's override replaces them)."""

    fee_type: str
    multiplier: Decimal

    def __post_init__(self) -> None:
        if self.fee_type not in (_PLAIN, _MAKER, _COMBO):
            raise UnsupportedFees(f"fee type {self.fee_type!r}: no published formula")
        if not self.multiplier.is_finite() or self.multiplier < 0:
            raise UnsupportedFees(f"fee multiplier {self.multiplier}: expected a number of at least 0")

    def trade_fee(self, price: Price, count: Count, *, taker: bool, unit: int = CENTICENT) -> Micros:
        """rate · M · C · P · (1 − P), up to a whole `unit` of micro-dollars; rate 0.07, as a maker 0.0175 or nothing.

        Raises UnsupportedFees for the maker of a combo, whose share is not published.
        """
        if not 0 <= price <= ONE_DOLLAR or count < 0:
            raise ValueError(f"fee of {count} at {price}: outside the market's range")
        if not taker and self.fee_type == _COMBO:
            raise UnsupportedFees("maker fee of a combo: no published formula")
        if not taker and self.fee_type == _PLAIN:
            return 0
        rate, rate_scale = _TAKER_RATE if taker else _MAKER_RATE
        times, times_scale = self.multiplier.as_integer_ratio()
        exact = rate * times * count * price * (ONE_DOLLAR - price)
        return -(-exact // (rate_scale * times_scale * _SCALE * unit)) * unit


@dataclass(frozen=True, slots=True)
class FillFee:
    """One fill's fee in its parts, micro-dollars; `net` is the wire's `fee_cost`."""

    trade_fee: Micros
    rounding_fee: Micros
    rebate: Micros
    balance_change: Micros

    @property
    def net(self) -> Micros:
        return self.trade_fee + self.rounding_fee - self.rebate


@dataclass(slots=True)
class FeeAccumulator:
    """One order's rounding, its taker and maker fills together.

    `precision` is what the account's balance is kept to: $0.0001 for direct members, $0.01 for others.
    """

    precision: Micros = CENTICENT
    carried: Micros = 0

    def charge(self, revenue: Micros, trade_fee: Micros) -> FillFee:
        """Settle one fill. `revenue` is signed: negative when buying YES, positive when selling it.

        The change of balance is floored to `precision`, what that costs is the rounding fee, and whole multiples of
        `precision` come back once the order has been overcharged by as much; the net fee is never negative.
        """
        exact = revenue - trade_fee
        floored = exact // self.precision * self.precision
        rounding_fee = exact - floored
        self.carried += rounding_fee
        affordable = min(self.carried, trade_fee + rounding_fee)
        rebate = affordable // self.precision * self.precision
        self.carried -= rebate
        return FillFee(trade_fee, rounding_fee, rebate, floored + rebate)
