"""What happens to events and markets, as the `msg` of the frames of market_lifecycle_v2 (facts §2.3)."""

from __future__ import annotations

from typing import Any

from engine.market.money import format_price
from engine.venues.simulated import wire
from engine.venues.simulated.frames import text
from engine.venues.simulated.happenings import EventCreated, FeesOverridden, MarketChanged, MarketEvent
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.market import Market


def event_lifecycle(happening: EventCreated) -> str:
    event = happening.event
    message: dict[str, Any] = {
        "event_ticker": event.ticker,
        "exchange_index": wire.EXCHANGE_INDEX,
        "title": event.title,
        "subtitle": event.sub_title,
        "collateral_return_type": event.collateral_return_type,
        "series_ticker": event.series.ticker,
    }
    if event.strike_date is not None:
        message["strike_date"] = event.strike_date // SECOND
    return text(message)


def fee_update(happening: FeesOverridden) -> str:
    fees = happening.fees
    return text(
        {
            "event_ticker": happening.event_ticker,
            "fee_type_override": None if fees is None else fees.fee_type,
            "fee_multiplier_override": None if fees is None else wire.number(fees.multiplier),
        }
    )


def market_lifecycle(happening: MarketChanged) -> str:
    """Each kind of event has its own fields, and no others."""
    message = {"event_type": happening.event.wire, "market_ticker": happening.market.ticker}
    return text({**message, **_facts(happening)})


def _facts(happening: MarketChanged) -> dict[str, Any]:
    market, outcome = happening.market, happening.market.outcome
    match happening.event:
        case MarketEvent.CREATED:
            return _listing(market)
        case MarketEvent.ACTIVATED | MarketEvent.DEACTIVATED:
            return {"is_deactivated": happening.event is MarketEvent.DEACTIVATED}
        case MarketEvent.CLOSE_DATE_UPDATED:
            return {"close_ts": market.spec.closes // SECOND}
        case MarketEvent.PRICE_LEVEL_STRUCTURE_UPDATED:
            return _prices(market)
        case MarketEvent.STRIKE_UPDATED:
            return _strike(market)
        case MarketEvent.SUBTITLE_UPDATED:
            return {"yes_sub_title": market.spec.yes_sub_title}
        case MarketEvent.DETERMINED:
            assert outcome is not None, f"market {market.ticker} is determined without a result"
            value = format_price(outcome.value)
            return {"determination_ts": happening.at // SECOND, "result": outcome.result, "settlement_value": value}
        case MarketEvent.SETTLED:
            return {"settled_ts": happening.at // SECOND}


def _listing(market: Market) -> dict[str, Any]:
    spec = market.spec
    metadata: dict[str, Any] = {
        "name": spec.yes_sub_title,
        "title": spec.title,
        "yes_sub_title": spec.yes_sub_title,
        "no_sub_title": spec.yes_sub_title,
        "rules_primary": spec.rules_primary,
        "rules_secondary": spec.rules_secondary,
        "can_close_early": True,
        "event_ticker": spec.event_ticker,
        "expected_expiration_ts": spec.expected_expiration // SECOND,
        **_strike(market),
    }
    return {
        "exchange_index": wire.EXCHANGE_INDEX,
        "open_ts": spec.opens // SECOND,
        "close_ts": spec.closes // SECOND,
        "additional_metadata": metadata,
        **_prices(market),
    }


def _strike(market: Market) -> dict[str, Any]:
    spec = market.spec
    numbers = {"floor_strike": spec.floor_strike, "cap_strike": spec.cap_strike}
    known = {name: wire.number(value) for name, value in numbers.items() if value is not None}
    return {"strike_type": spec.strike_type, **known}


def _prices(market: Market) -> dict[str, Any]:
    return {"price_level_structure": market.price_level_structure, "price_ranges": wire.price_ranges(market)}
