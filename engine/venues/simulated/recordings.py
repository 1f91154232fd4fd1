"""Reading recordings: raw WebSocket frames, and events with their ladders in the three shapes they were kept in.

What a recording does not hold and a market cannot do without is assumed, and named in `RecordedMarket.assumed`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from stat import S_ISREG
from typing import Any

from engine.market.fees import FeeSchedule
from engine.market.money import ONE_DOLLAR, Count, Price, parse_count, parse_price
from engine.market.strikes import Strike, UnsupportedStrike
from engine.venues.simulated.instants import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Instant, parse_rfc3339
from engine.venues.simulated.ladders import ALL_SERIES
from engine.venues.simulated.market import EventSpec, MarketSpec, Outcome, RecordedFrame, SeriesSpec
from engine.venues.simulated.orders import Side

ASSUMED_SIZE: Count = 100
BEFORE_CLOSE: Instant = 10 * MINUTE
_CAPTURED = re.compile(r"captured (\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z)")
_LIVE = re.compile(r"live_market_(\d{4})_(\d\d)_(\d\d)")


class RecordingError(Exception):
    """A file that cannot be replayed, and why."""


@dataclass(frozen=True, slots=True)
class Level:
    side: Side
    price: Price
    count: Count


@dataclass(frozen=True, slots=True)
class Change:
    """A recorded delta with its frame."""

    at: Instant
    level: Level
    frame: RecordedFrame


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """A market as it stood when the recording began, and what is known of its end."""

    spec: MarketSpec
    levels: tuple[Level, ...]
    assumed: tuple[str, ...]
    market_id: str | None = None
    snapshot: RecordedFrame | None = None
    last_price: Price | None = None
    volume: Count = 0
    open_interest: Count = 0
    outcome: Outcome | None = None
    settles: Instant | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One event from `start` on."""

    start: Instant
    event: EventSpec
    markets: tuple[RecordedMarket, ...]
    changes: tuple[Change, ...] = field(default=())


def read(path: Path) -> Recording:
    """Read a recording: frames from .jsonl, an event from .json. Raises RecordingError."""
    try:
        if not S_ISREG(path.stat().st_mode):
            raise ValueError("not a file")  # a device or a pipe would be read for ever
        if path.suffix == ".jsonl":
            return _frames(path)
        return _event(json.loads(path.read_bytes()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UnsupportedStrike) as error:
        raise RecordingError(f"replay {path}: {type(error).__name__}: {error}") from None


def _frames(path: Path) -> Recording:
    with path.open(newline="") as file:
        lines = [line for line in file if line.strip()]
    described = _description(path)
    use_yes_price = bool(described.get("subscribe_cmd", {}).get("params", {}).get("use_yes_price"))
    snapshot: RecordedFrame | None = None
    opening: dict[str, Any] = {}
    changes: list[Change] = []
    for line in lines:
        frame = json.loads(line)
        if frame["type"] not in ("orderbook_snapshot", "orderbook_delta"):
            continue
        recorded = RecordedFrame(line, frame["sid"], frame["seq"], use_yes_price)
        if frame["type"] == "orderbook_snapshot":
            if snapshot is not None:
                raise ValueError("more than one snapshot: one book at a time can be replayed")
            snapshot, opening = recorded, frame["msg"]
        else:
            msg = frame["msg"]
            level = _level(msg["side"], msg["price_dollars"], msg["delta_fp"], use_yes_price)
            changes.append(Change(parse_rfc3339(msg["ts"]), level, recorded))
    if snapshot is None:
        raise ValueError("no orderbook_snapshot in it")
    start = described.get("recorded_at_epoch_ms", 0) * MILLISECOND
    if not start:
        start = min((change.at for change in changes), default=0) - SECOND
    levels = tuple(
        _level(side, price, count, use_yes_price)
        for side, key in (("yes", "yes_dollars_fp"), ("no", "no_dollars_fp"))
        for price, count in opening.get(key, ())
    )
    content = {"ticker": opening["market_ticker"], "strike_type": "structured"}
    spec, assumed = _market_spec(content, start)
    market = RecordedMarket(spec, levels, assumed, opening["market_id"], snapshot)
    return Recording(start, _event_spec({}, (spec,), start), (market,), tuple(changes))


def _description(path: Path) -> dict[str, Any]:
    beside = path.with_suffix("").with_suffix(".meta.json")
    if not beside.is_file():
        return {}
    content = json.loads(beside.read_bytes())
    return content if isinstance(content, dict) else {}


def _event(content: dict[str, Any]) -> Recording:
    live = next((match for key in content if (match := _LIVE.fullmatch(key))), None)
    if live is not None:
        # neither the hour (noon in New York) nor the strike type ("rise more than") was recorded
        start = parse_rfc3339("-".join(live.groups()) + "T16:00:00Z")
        kept = {**content[live.group(0)], "strike_type": "greater"}
        market = _market(kept, start, content.get("orderbook_same_market"))
        market = replace(market, assumed=(*market.assumed, "hour", "strike_type"))
        return Recording(start, _event_spec({}, (market.spec,), start), (market,))
    listed = content["markets"]
    start = _start(content, listed)
    markets = tuple(_market(each, start, None) for each in listed)
    specs = tuple(each.spec for each in markets)
    determines = min((each.settles for each in markets if each.settles is not None), default=specs[0].closes)
    return Recording(start, _event_spec(content.get("event", {}), specs, determines), markets)


def _start(content: dict[str, Any], listed: list[dict[str, Any]]) -> Instant:
    if all(each.get("result") for each in listed):
        return min(parse_rfc3339(each["close_time"]) for each in listed) - BEFORE_CLOSE
    captured = _CAPTURED.search(content.get("_origin", ""))
    if captured is not None:
        return parse_rfc3339(captured.group(1))
    return max(parse_rfc3339(each["updated_time"]) for each in listed)


def _market(content: dict[str, Any], start: Instant, orderbook: dict[str, Any] | None) -> RecordedMarket:
    spec, assumed = _market_spec(content, start)
    if orderbook is not None:
        sides = orderbook["orderbook_fp"]
        levels = [
            _level(side, price, count, False)
            for side, key in (("yes", "yes_dollars"), ("no", "no_dollars"))
            for price, count in sides[key]
        ]
    else:
        levels, sized = _quotes(content)
        assumed += () if sized or not levels else ("size",)
    outcome = settles = None
    if content.get("result"):
        value = parse_price(content["settlement_value_dollars"])
        outcome = Outcome(content["result"], content.get("expiration_value", ""), value)
        settles = parse_rfc3339(content["settlement_ts"])
    last = parse_price(content.get("last_price_dollars", "0.0000"))
    return RecordedMarket(
        spec,
        tuple(levels),
        assumed,
        last_price=last or None,
        volume=parse_count(content.get("volume_fp", "0.00")),
        open_interest=parse_count(content.get("open_interest_fp", "0.00")),
        outcome=outcome,
        settles=settles,
    )


def _quotes(content: dict[str, Any]) -> tuple[list[Level], bool]:
    """The best bid and ask of a market that has them, and whether their sizes were recorded."""
    levels, sized = [], True
    for side, name, empty in ((Side.BID, "yes_bid", 0), (Side.ASK, "yes_ask", ONE_DOLLAR)):
        price = parse_price(content.get(f"{name}_dollars", "0.0000" if side is Side.BID else "1.0000"))
        if price == empty:
            continue
        size = content.get(f"{name}_size_fp")
        sized = sized and size is not None
        levels.append(Level(side, price, ASSUMED_SIZE if size is None else parse_count(size)))
    return levels, sized


def _level(side: str, price: str, count: str, use_yes_price: bool) -> Level:
    scaled = parse_price(price)
    if side == "yes":
        return Level(Side.BID, scaled, parse_count(count))
    return Level(Side.ASK, scaled if use_yes_price else ONE_DOLLAR - scaled, parse_count(count))


def _market_spec(content: dict[str, Any], start: Instant) -> tuple[MarketSpec, tuple[str, ...]]:
    """A market's fixed part, and the names of what had to be assumed for it."""
    ticker = content["ticker"]
    times = {"open_time": start - HOUR, "close_time": start + 14 * DAY}
    assumed = [name for name in times if not content.get(name)]
    times |= {name: parse_rfc3339(content[name]) for name in times if content.get(name)}
    expected = content.get("expected_expiration_time")
    floor, cap = (_number(content.get(name)) for name in ("floor_strike", "cap_strike"))
    numeric = floor is not None or cap is not None
    spec = MarketSpec(
        ticker,
        content.get("event_ticker") or ticker.rpartition("-")[0],
        content.get("title", ticker),
        content.get("yes_sub_title", ""),
        content.get("rules_primary", ""),
        Strike(content["strike_type"], floor, cap) if numeric else None,
        content["strike_type"],
        times["open_time"],
        times["open_time"],
        times["close_time"],
        parse_rfc3339(expected) if expected else times["close_time"],
        0,
        floor,
        cap,
        content.get("custom_strike"),
    )
    return spec, tuple(assumed)


def _event_spec(content: dict[str, Any], markets: tuple[MarketSpec, ...], determines: Instant) -> EventSpec:
    ticker = markets[0].event_ticker
    strike_date = content.get("strike_date")
    return EventSpec(
        ticker,
        _series(ticker.partition("-")[0], content.get("category", "")),
        content.get("title", markets[0].title),
        content.get("sub_title", ""),
        bool(content.get("mutually_exclusive")),
        parse_rfc3339(strike_date) if strike_date else None,
        markets,
        determines,
    )


def _series(ticker: str, category: str) -> SeriesSpec:
    known = next((series for series in ALL_SERIES if series.ticker == ticker), None)
    return known or SeriesSpec(ticker, ticker, "custom", category, (), (), FeeSchedule("quadratic", Decimal(1)))


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
