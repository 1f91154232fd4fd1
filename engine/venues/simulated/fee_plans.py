"""Changes of fees that are planned when the exchange starts."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from decimal import Decimal

from engine.market.fees import FeeSchedule, UnsupportedFees
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.market import FeeChange

_TEXT = re.compile(r"(?P<ticker>[A-Z0-9.-]+)=(?P<kind>[a-z_]+):(?P<multiplier>[0-9.]+)@(?P<seconds>[0-9]+)")


class FeePlanError(Exception):
    """A change of fees of something that does not exist."""


@dataclass(frozen=True, slots=True)
class PlannedFees:
    """The fees that a series or an event gets after `seconds` of market time."""

    ticker: str
    fees: FeeSchedule
    seconds: int

    @classmethod
    def parse(cls, text: str) -> PlannedFees:
        """Read TICKER=TYPE:MULTIPLIER@SECONDS. Raises ArgumentTypeError."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r}: expected TICKER=TYPE:MULTIPLIER@SECONDS")
        try:
            fees = FeeSchedule(match["kind"], Decimal(match["multiplier"]))
        except (UnsupportedFees, ArithmeticError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return cls(match["ticker"], fees, int(match["seconds"]))


def plan(exchange: Exchange, wanted: PlannedFees) -> None:
    """Announce the change and put it on the agenda. Raises FeePlanError."""
    at = exchange.now + wanted.seconds * SECOND
    event = exchange.events.get(wanted.ticker)
    if event is not None:
        change = FeeChange(exchange.fresh_id(), event.series.ticker, event.ticker, wanted.fees, at)
    elif wanted.ticker in exchange.series:
        change = FeeChange(exchange.fresh_id(), wanted.ticker, None, wanted.fees, at)
    else:
        raise FeePlanError(f"fee change: no series or event {wanted.ticker}")
    exchange.plan_fees(change)
