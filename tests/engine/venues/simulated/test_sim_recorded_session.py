"""The recorded session of the demo exchange, asked again of ours, request by request in its order.

Each answer must have the recorded status, the same fields of the same kinds, and, where a value follows from what was
asked and not from which exchange it is, the same value. What remains is `DIFFERENCES`, explained in docs/exchange.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.venues.simulated.faults import Fault
from engine.venues.simulated.market import MarketStatus, Outcome

from .conftest import HIGH, Api, Venue

pytestmark = pytest.mark.reference
ROOT = Path(__file__).resolve().parents[4]
DEMO = ROOT.parent / "shared" / "data" / "kalshi" / "recorded_demo_2026-06"
THEIR_MARKET = "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP"
PREFIX = "/trade-api/v2"
# whose values are those of the other exchange: names, numbers, times, what else was listed there
OTHERS = {
    *("ticker", "event_ticker", "market_ticker", "title", "subtitle", "yes_sub_title", "no_sub_title"),
    *("order_id", "fill_id", "trade_id", "user_id", "cursor", "rules_primary", "rules_secondary", "markets", "trades"),
    *(
        "endpoint_costs",
        "settlement_ts",
        "ts",
        "ts_ms",
        "updated_ts",
        "created_time",
        "last_update_time",
        "last_updated_ts",
        "updated_time",
    ),
    *("close_time", "open_time", "expected_expiration_time", "expiration_time", "latest_expiration_time"),
    *("occurrence_datetime", "settlement_timer_seconds", "open_interest_fp", "volume_fp", "volume_24h_fp"),
    *("previous_price_dollars", "previous_yes_ask_dollars", "previous_yes_bid_dollars", "last_price_dollars"),
    *("strike_type", "early_close_condition", "description"),
}
# what remains: a pattern over "case: difference", and the words that docs/exchange.md explains it with
DIFFERENCES: dict[str, str] = {
    r".*: without error\.service": "`service` in errors",
    r".*: with .*(exchange_index|exchange_index_statuses|intra_exchange_transfers_active)": "shards",
    r".*: with .*(settlement_bounds_type|cancel_order_on_pause)": "fields added since June",
    r".*: with client_order_id": "`client_order_id` in the answer to a cancel",
    r"orders__legacy_(create|cancel): status 410 for 20[01]": "V1 order writes",
    r"markets__.*: with(out)? .*(floor_strike|cap_strike|custom_strike|primary_participant_key)": "kinds of markets",
    r"markets__.*: with(out)? .*(is_provisional|mve_.*|early_close_condition|occurrence_datetime)": "kinds of markets",
}


class Session:
    """Their session on our exchange; order ids of theirs stand for the ones ours gave."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.ids: dict[str, str] = {}

    async def ask(self, meta: dict[str, Any]) -> httpx.Response:
        path = meta["path"].removeprefix(PREFIX).replace(THEIR_MARKET, HIGH).replace("KXPGATOUR-USO26-JDAY", HIGH)
        for theirs, ours in self.ids.items():
            path = path.replace(theirs, ours)
        body = meta.get("request_body")
        if body is not None:
            body = {**body, "ticker": HIGH}
        headers = self.headers(meta, path)
        return await self.api.client.request(meta["method"], PREFIX + path, headers=headers, json=body)

    def headers(self, meta: dict[str, Any], path: str) -> dict[str, str]:
        method, auth = meta["method"], meta["auth"]
        if auth.startswith(("unauthenticated", "NONE")):
            return {}
        skews = {"minus5s": -5, "plus5s": 5, "minus30s": -30, "minus5min": -300, "plus5min": 300}
        skew = next((seconds for word, seconds in skews.items() if word in meta["case"]), 0)
        key = "00000000-0000-0000-0000-000000000000" if auth == "unknown-key-id" else ""
        headers = self.api.headers(method, path, skew_ms=skew * 1_000, key=key)
        if auth == "bad-signature":
            headers |= {"KALSHI-ACCESS-SIGNATURE": self.api.headers("GET", "/elsewhere")["KALSHI-ACCESS-SIGNATURE"]}
        if auth == "missing-signature-header":
            del headers["KALSHI-ACCESS-SIGNATURE"]
        return headers

    def learn(self, theirs: Any, ours: Any) -> None:
        """Note which id, and which cursor, of ours stands for theirs."""
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for key in ("order_id", "cursor"):
                if theirs.get(key) and ours.get(key):
                    self.ids[theirs[key]] = ours[key]


def differences(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Where our answer is another than theirs; of a listing of other things, where its fields are others."""
    elsewhere = at.startswith(("markets.", "trades.", "endpoint_costs."))
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = [f"without {at}{key}" for key in theirs.keys() - ours.keys()]
        found += [f"with {at}{key}" for key in ours.keys() - theirs.keys()]
        for key in theirs.keys() & ours.keys():
            if (elsewhere or key in OTHERS) and not isinstance(theirs[key], dict | list):
                found += [] if kind(ours[key]) == kind(theirs[key]) else [f"kind of {at}{key}"]
            else:
                found += differences(ours[key], theirs[key], f"{at}{key}.")
        return found
    if isinstance(theirs, list) and isinstance(ours, list):
        name = at.rstrip(".").rpartition(".")[2]
        # prints and pages of what happened to be there are compared by their first entry
        if theirs and ours:
            found = differences(ours[0], theirs[0], at)
        else:
            found = [] if bool(theirs) == bool(ours) or name in OTHERS else [f"emptiness of {at}"]
        return found
    if kind(ours) != kind(theirs):
        return [f"kind of {at}"]
    return [] if ours == theirs else [f"value of {at} {ours!r} for {theirs!r}"]


def kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def cases() -> list[dict[str, Any]]:
    metas = []
    for path in DEMO.glob("*.meta.json"):
        meta = json.loads(path.read_bytes())
        if meta.get("method") is not None:
            metas.append({**meta, "case": path.name.removesuffix(".meta.json")})
    # the prints were recorded days later, when some had happened
    return sorted(metas, key=lambda meta: meta.get("recorded_at_epoch_ms") or 1 << 60)


async def test_the_recorded_session_is_answered_as_it_was(tmp_path: Path) -> None:
    api = Api(Venue(), tmp_path)
    other = api.venue.account()
    # as the session found it: two contracts held, three and three resting
    for _ in range(2):
        api.venue.order(other, "ask", "0.9900")
        api.venue.order(api.account, "bid", "0.9900")
    low = api.venue.other
    low.status, low.outcome, low.settled = MarketStatus.FINALIZED, Outcome("no", "45", 0), api.venue.exchange.now
    api.account.orders.clear()
    api.account.fills.clear()
    api.venue.order(other, "bid", "0.4700", "3.00")
    api.venue.order(other, "ask", "0.5200", "3.00")
    session = Session(api)
    # seen once, 407 ms after a cancel
    api.faults.put(Fault.parse("stale_read_ms=500,count=1"))
    found: list[str] = []
    for meta in cases():
        case = meta["case"]
        theirs = json.loads((DEMO / f"{case}.json").read_bytes())
        answer = await session.ask(meta)
        ours = answer.json() if answer.content else None
        session.learn(theirs, ours)
        if answer.status_code == meta["status"]:
            found += [f"{case}: {each}" for each in differences(ours, theirs)]
        else:
            found.append(f"{case}: status {answer.status_code} for {meta['status']}")
    await api.client.aclose()
    unexplained = [each for each in found if not any(re.fullmatch(pattern, each) for pattern in DIFFERENCES)]
    assert unexplained == []
    unused = [pattern for pattern in DIFFERENCES if not any(re.fullmatch(pattern, each) for each in found)]
    assert unused == []


def test_every_remaining_difference_is_explained() -> None:
    page = (ROOT / "docs" / "exchange.md").read_text()
    assert [words for words in set(DIFFERENCES.values()) if f"| {words} |" not in page] == []
