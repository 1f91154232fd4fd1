"""API keys: kinds, scopes, locks to a subaccount; and the subaccounts themselves."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from .conftest import HIGH, NOW, Api

ORDERS = "/portfolio/events/orders"


class Signer:
    """A key that was handed out, and the requests it signs."""

    def __init__(self, api: Api, key_id: str, private: Any) -> None:
        self.api, self.key_id, self.private = api, key_id, private

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        stamp = str(int(NOW.timestamp() * 1_000))
        message = f"{stamp}{method}/trade-api/v2{path.partition('?')[0]}".encode()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            signature = self.private.sign(message)
        else:
            signature = self.private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        headers = {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }
        return await self.api.client.request(method, f"/trade-api/v2{path}", headers=headers, json=body)


async def generate(api: Api, **changes: Any) -> Signer:
    answer = await api.ask("POST", "/api_keys/generate", {"name": "made", "key_type": "ed25519", **changes})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Signer(api, made["api_key_id"], serialization.load_pem_private_key(made["private_key"].encode(), None))


def order(number: int, **changes: Any) -> dict[str, Any]:
    body = {"ticker": HIGH, "client_order_id": f"order-{number}", "side": "bid", "count": "1.00", "price": "0.4000"}
    body |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
    return {**body, **changes}


@pytest.mark.parametrize(
    ("kind", "header", "private"),
    [
        ("rsa", "-----BEGIN RSA PRIVATE KEY-----", rsa.RSAPrivateKey),
        ("ed25519", "-----BEGIN PRIVATE KEY-----", ed25519.Ed25519PrivateKey),
    ],
)
async def test_a_generated_key_of_either_kind_signs_and_a_wrong_signature_is_refused(
    api: Api, kind: str, header: str, private: type
) -> None:
    answer = (await api.ask("POST", "/api_keys/generate", {"name": "made", "key_type": kind})).json()
    assert (answer["key_type"], answer["private_key"].splitlines()[0]) == (kind, header)
    signer = await generate(api, key_type=kind)
    assert isinstance(signer.private, private)
    assert (await signer.ask("GET", "/portfolio/balance")).status_code == 200
    signer.private = ed25519.Ed25519PrivateKey.generate()
    refused = await signer.ask("GET", "/portfolio/balance")
    assert refused.json()["error"]["details"] == "INCORRECT_API_KEY_SIGNATURE"


async def test_a_key_of_ones_own_is_listed_signs_and_is_deleted(api: Api) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    style = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(serialization.Encoding.PEM, style).decode()
    made = await api.ask("POST", "/api_keys", {"name": "mine", "public_key": public, "scopes": ["read"]})
    assert made.status_code == 201
    signer = Signer(api, made.json()["api_key_id"], private)
    listed = (await signer.ask("GET", "/api_keys")).json()["api_keys"]
    assert [(each["name"], each["scopes"]) for each in listed] == [("first", ["read", "write"]), ("mine", ["read"])]
    assert (await api.ask("DELETE", f"/api_keys/{signer.key_id}")).status_code == 204
    assert (await api.ask("DELETE", f"/api_keys/{signer.key_id}")).status_code == 404
    assert (await signer.ask("GET", "/api_keys")).json()["error"]["details"] == "NOT_FOUND"


REQUESTS = {
    "balance": ("GET", "/portfolio/balance", None),
    "orders": ("GET", "/portfolio/orders", None),
    "create": ("POST", ORDERS, order(1)),
    "cancel all": ("DELETE", ORDERS, None),
    "upgrade": ("POST", "/account/api_usage_level/upgrade", None),
}


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], {"balance", "orders"}),
        (["read", "write"], set(REQUESTS)),
        (["read::portfolio_balance"], {"balance"}),
        (["write::trade"], {"create", "cancel all"}),
        (["read", "write::trade"], {"balance", "orders", "create", "cancel all"}),
        (["write::transfer"], set()),
    ],
)
async def test_a_scope_grants_what_it_names_and_no_more(api: Api, scopes: list[str], allowed: set[str]) -> None:
    signer = await generate(api, scopes=scopes)
    statuses = {name: (await signer.ask(*asked)).status_code for name, asked in REQUESTS.items()}
    assert {name for name, status in statuses.items() if status < 300} == allowed
    assert {status for name, status in statuses.items() if name not in allowed} <= {403}


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": ["write"]},
        {"scopes": ["everything"]},
        {"scopes": [7]},
        {"key_type": "dsa"},
        {"subaccount": 5},
        {"name": ""},
    ],
)
async def test_a_key_that_cannot_be_is_not_made(api: Api, body: dict[str, Any]) -> None:
    assert (await api.ask("POST", "/api_keys/generate", {"name": "made", **body})).status_code == 400
    assert (await api.ask("POST", "/api_keys", {"name": "made", "public_key": "no key", **body})).status_code == 400
    assert len((await api.ask("GET", "/api_keys")).json()["api_keys"]) == 1


async def test_subaccounts_hold_money_orders_and_positions_of_their_own(api: Api) -> None:
    assert (await api.ask("POST", "/portfolio/subaccounts", {})).json() == {"subaccount_number": 1}
    assert (await api.ask("POST", ORDERS, order(1, subaccount=1))).json()["error"]["code"] == "insufficient_balance"
    moved = {"from_subaccount": 0, "to_subaccount": 1, "amount_cents": 1_000}
    transfer = {**moved, "client_transfer_id": str(uuid.uuid4())}
    assert (await api.ask("POST", "/portfolio/subaccounts/transfer", transfer)).json() == {}
    assert (await api.ask("POST", "/portfolio/subaccounts/transfer", transfer)).status_code == 409
    api.venue.order(api.venue.account(), "ask", "0.4000", "5.00")
    await api.ask("POST", ORDERS, order(2, subaccount=1, count="5.00"))
    await api.ask("POST", ORDERS, order(3, subaccount=1))
    await api.ask("POST", ORDERS, order(4))
    balances = (await api.ask("GET", "/portfolio/subaccounts/balances")).json()["subaccount_balances"]
    assert [(each["subaccount_number"], each["balance"]) for each in balances] == [(0, "89.6000"), (1, "7.5160")]
    everything = (await api.ask("GET", "/portfolio/orders")).json()["orders"]
    assert sorted(each["subaccount_number"] for each in everything) == [0, 1, 1]
    only = (await api.ask("GET", "/portfolio/orders?subaccount=1")).json()["orders"]
    assert {each["subaccount_number"] for each in only} == {1}
    assert (await api.ask("GET", "/portfolio/positions")).json()["market_positions"] == []
    (held,) = (await api.ask("GET", "/portfolio/positions?subaccount=1")).json()["market_positions"]
    assert held["position_fp"] == "5.00"
    (fill,) = (await api.ask("GET", "/portfolio/fills")).json()["fills"]
    assert fill["subaccount_number"] == 1
    assert (await api.ask("POST", ORDERS, order(2))).json()["error"]["code"] == "order_already_exists"
    await api.ask("DELETE", ORDERS + "?subaccount=0")
    left = (await api.ask("GET", "/portfolio/orders?status=resting")).json()["orders"]
    assert [each["subaccount_number"] for each in left] == [1]
    (told,) = (await api.ask("GET", "/portfolio/subaccounts/transfers")).json()["transfers"]
    assert (told["amount_cents"], told["to_subaccount"]) == (1_000, 1)
    assert (await api.ask("GET", "/portfolio/subaccounts/transfers?limit=501")).status_code == 400
    assert api.venue.money() == (100 + 10_000) * 1_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_cents": 0},
        {"amount_cents": 20_000},
        {"to_subaccount": 0},
        {"to_subaccount": 7},
        {"client_transfer_id": "no uuid"},
    ],
)
async def test_a_transfer_that_cannot_be_moves_nothing(api: Api, changes: dict[str, Any]) -> None:
    await api.ask("POST", "/portfolio/subaccounts", {})
    body = {"from_subaccount": 0, "to_subaccount": 1, "amount_cents": 100, "client_transfer_id": str(uuid.uuid4())}
    assert (await api.ask("POST", "/portfolio/subaccounts/transfer", {**body, **changes})).status_code == 400
    assert (await api.ask("GET", "/portfolio/balance")).json()["balance"] == 10_000


async def test_a_locked_key_sees_and_trades_its_one_subaccount_alone(api: Api) -> None:
    await api.ask("POST", "/portfolio/subaccounts", {})
    body = {"from_subaccount": 0, "to_subaccount": 1, "amount_cents": 1_000, "client_transfer_id": str(uuid.uuid4())}
    await api.ask("POST", "/portfolio/subaccounts/transfer", body)
    await api.ask("POST", ORDERS, order(1))
    locked = await generate(api, subaccount=1)
    balance = (await locked.ask("GET", "/portfolio/balance")).json()
    assert (balance["balance"], "balance_breakdown" in balance) == (1_000, False)
    made = await locked.ask("POST", ORDERS, order(2))
    assert made.status_code == 201
    assert (await locked.ask("POST", ORDERS, order(3, subaccount=1))).status_code == 201
    listed = (await locked.ask("GET", "/portfolio/orders")).json()["orders"]
    assert {each["subaccount_number"] for each in listed} == {1}
    outside = [
        await locked.ask("POST", ORDERS, order(4, subaccount=0)),
        await locked.ask("GET", "/portfolio/orders?subaccount=0"),
        await locked.ask("GET", "/api_keys"),
        await locked.ask("POST", "/portfolio/subaccounts", {}),
        await locked.ask("POST", "/portfolio/subaccounts/transfer", body),
    ]
    said = "this API key is restricted to a single sub-account and cannot access this endpoint"
    assert [(each.status_code, each.json()["error"]["message"]) for each in outside] == [(403, said)] * 5
    await locked.ask("DELETE", ORDERS)
    left = (await api.ask("GET", "/portfolio/orders?status=resting")).json()["orders"]
    assert [each["subaccount_number"] for each in left] == [0]


async def test_frames_of_a_subaccount_reach_the_member_and_not_a_key_locked_elsewhere(api: Api) -> None:
    sub = api.venue.exchange.open_subaccount(api.account.member)
    sub.cash = 10_000_000
    heard: dict[str, list[Any]] = {"member": [], "locked": [], "other": []}
    sessions = {
        "member": api.stream.open(api.account, heard["member"].append),
        "locked": api.stream.open(sub, heard["locked"].append, whole_member=False),
        "other": api.stream.open(api.account, heard["other"].append, whole_member=False),
    }
    params = {"channels": ["user_orders", "orderbook_delta"], "market_tickers": [HIGH]}
    for session in sessions.values():
        session.handle(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
    api.venue.order(sub, "bid", "0.4000")
    frames = {name: [json.loads(each) for each in sent][3:] for name, sent in heard.items()}
    kinds = {name: [each["type"] for each in told] for name, told in frames.items()}
    both = ["orderbook_delta", "user_order"]
    assert kinds == {"member": both, "locked": both, "other": ["orderbook_delta"]}
    assert frames["member"][1]["msg"]["subaccount_number"] == 1
    # the book is everybody's; whose order changed it is not
    named = {name: told[0]["msg"].get("subaccount") for name, told in frames.items()}
    assert named == {"member": 1, "locked": 1, "other": None}
    assert "client_order_id" not in frames["other"][0]["msg"]


async def test_a_group_of_a_subaccount_is_read_by_the_member_and_changed_where_it_is(api: Api) -> None:
    await api.ask("POST", "/portfolio/subaccounts", {})
    made = await api.ask("POST", "/portfolio/order_groups/create", {"contracts_limit": 5, "subaccount": 1})
    path = f"/portfolio/order_groups/{made.json()['order_group_id']}"
    queries = ("", "?subaccount=1", "?subaccount=0")
    assert [(await api.ask("GET", path + query)).status_code for query in queries] == [200, 200, 404]
    assert (await api.ask("PUT", f"{path}/trigger", {})).status_code == 404
    assert (await api.ask("PUT", f"{path}/trigger?subaccount=1", {})).status_code == 200
    assert (await (await generate(api, subaccount=0)).ask("GET", path)).status_code == 404
