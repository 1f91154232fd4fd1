"""Public endpoints of the exchange itself: status, schedule, freshness, fee changes, the historical cutoff."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from engine.venues.simulated import wire
from engine.venues.simulated.instants import rfc3339
from engine.venues.simulated.rest.frame import Asked, House, public
from engine.venues.simulated.rest.reading import page, true

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def routes(house: House) -> list[Route]:
    return [
        public(house, "GET", "/exchange/status", exchange_status),
        public(house, "GET", "/exchange/schedule", exchange_schedule),
        public(house, "GET", "/exchange/user_data_timestamp", user_data_timestamp),
        public(house, "GET", "/series/fee_changes", series_fee_changes),
        public(house, "GET", "/events/fee_changes", event_fee_changes),
        public(house, "GET", "/historical/cutoff", historical_cutoff),
    ]


def exchange_status(house: House, asked: Asked) -> Any:
    active, trading = house.exchange.exchange_active, house.exchange.trading_active
    shard = {
        "description": "main",
        "exchange_active": active,
        "exchange_index": wire.EXCHANGE_INDEX,
        "intra_exchange_transfers_active": True,
        "trading_active": trading,
    }
    return {
        "exchange_active": active,
        "exchange_index_statuses": [shard],
        "intra_exchange_transfers_active": True,
        "trading_active": trading,
    }


def exchange_schedule(house: House, asked: Asked) -> Any:
    whole_day = [{"close_time": "00:00", "open_time": "00:00"}]
    hours: dict[str, Any] = dict.fromkeys(_WEEKDAYS, whole_day)
    if house.paused_weekly:
        hours["thursday"] = [
            {"close_time": "03:00", "open_time": "00:00"},
            {"close_time": "00:00", "open_time": "05:00"},
        ]
    hours |= {"start_time": "2025-01-01T05:00:00Z", "end_time": "2035-01-01T05:00:00Z"}
    return {"schedule": {"maintenance_windows": [], "standard_hours": [hours]}}


def user_data_timestamp(house: House, asked: Asked) -> Any:
    return {"as_of_time": rfc3339(house.exchange.now)}


def series_fee_changes(house: House, asked: Asked) -> Any:
    wanted, all_of_them = asked.query.get("series_ticker"), true(asked.query, "show_historical")
    changes = [
        wire.series_fee_change(each)
        for each in house.exchange.fee_changes
        if each.event_ticker is None
        and wanted in (None, "", each.series_ticker)
        and (all_of_them or each.at > house.exchange.now)
    ]
    return {"series_fee_change_arr": changes}


def event_fee_changes(house: House, asked: Asked) -> Any:
    wanted = asked.query.get("event_ticker")
    listed = (
        each
        for each in house.exchange.fee_changes
        if each.event_ticker is not None and wanted in (None, "", each.event_ticker)
    )
    chosen, cursor = page(asked.query, "GetEventFeeChanges", listed, lambda each: each.change_id)
    return {"cursor": cursor, "event_fee_changes": [wire.event_fee_change(each) for each in chosen]}


def historical_cutoff(house: House, asked: Asked) -> Any:
    cutoff = rfc3339(house.cutoff)
    names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
    return dict.fromkeys(names, cutoff)
