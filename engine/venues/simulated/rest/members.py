"""Private endpoints of the member itself: limits, API keys, subaccounts."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.routing import Route

from engine.market.money import format_count, format_money
from engine.venues.simulated import wire
from engine.venues.simulated.account import Account, Transfer
from engine.venues.simulated.budgets import DEFAULT_COST, Limit, Tier, published
from engine.venues.simulated.credentials import (
    EVERYTHING,
    ApiKey,
    KeyType,
    PublicKey,
    Scope,
    UnreadableKey,
    make,
    pem,
    read_public,
)
from engine.venues.simulated.instants import DAY, SECOND
from engine.venues.simulated.refusals import bad_request, not_found, refuse
from engine.venues.simulated.rest.frame import Asked, House, Reply, private, public
from engine.venues.simulated.rest.reading import Fields, page

MOST_SUBACCOUNTS = 63


def routes(house: House) -> list[Route]:
    return [
        private(house, "GET", "/account/limits", limits),
        public(house, "GET", "/account/endpoint_costs", endpoint_costs),
        private(house, "POST", "/account/api_usage_level/upgrade", upgrade, Scope.WRITE),
        private(house, "GET", "/account/api_usage_level/volume_progress", volume_progress),
        private(house, "GET", "/api_keys", keys),
        private(house, "POST", "/api_keys", add_key, Scope.WRITE),
        private(house, "POST", "/api_keys/generate", generate_key, Scope.WRITE),
        private(house, "DELETE", "/api_keys/{api_key}", delete_key, Scope.WRITE),
        private(house, "POST", "/portfolio/subaccounts", open_subaccount, Scope.WRITE),
        private(house, "GET", "/portfolio/subaccounts/balances", balances),
        private(house, "POST", "/portfolio/subaccounts/transfer", transfer, Scope.WRITE_TRANSFER),
        private(house, "GET", "/portfolio/subaccounts/transfers", transfers),
        private(house, "GET", "/portfolio/subaccounts/netting", netting),
        private(house, "PUT", "/portfolio/subaccounts/netting", set_netting, Scope.WRITE),
    ]


def limits(house: House, asked: Asked) -> Any:
    user_id = asked.signer.member.user_id
    tier, allowed = house.budgets.tier(user_id), house.budgets.limits(user_id)
    name = str(Tier.BASIC if tier is Tier.UNLIMITED else tier)
    grants = []
    if tier not in (Tier.UNLIMITED, Tier.BASIC):
        grants.append({"exchange_instance": "event_contract", "level": name, "source": "manual"})
    return {"grants": grants, "read": _limit(allowed.read), "usage_tier": name, "write": _limit(allowed.write)}


def endpoint_costs(house: House, asked: Asked) -> Any:
    return {"default_cost": DEFAULT_COST, "endpoint_costs": published()}


def upgrade(house: House, asked: Asked) -> Any:
    house.budgets.upgrade(asked.signer.member.user_id)
    return Reply(201, {})


def volume_progress(house: House, asked: Asked) -> Any:
    since = house.exchange.now - 30 * DAY
    fills = (fill for account in asked.accounts() for fill in account.latest_fills() if fill.created >= since)
    progress = {
        "computed_ts": house.exchange.now // SECOND,
        "goals": [],
        "trailing_30d_volume_fp": format_count(sum(fill.count for fill in fills)),
    }
    return {"volume_progress": [progress]}


def keys(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    return {"api_keys": [_key(each) for each in house.doorkeeper.keys(asked.signer.member)]}


def add_key(house: House, asked: Asked) -> Any:
    fields = Fields.of("CreateApiKeyRequest", asked.body)
    try:
        public_key = read_public(fields.required("public_key"))
    except UnreadableKey as error:
        raise bad_request(f"invalid public key: {error}") from None
    return Reply(201, {"api_key_id": _admit(house, asked, fields, public_key).key_id})


def generate_key(house: House, asked: Asked) -> Any:
    fields = Fields.of("GenerateApiKeyRequest", asked.body)
    kind = fields.word("key_type", KeyType) if fields.text("key_type") else KeyType.RSA
    private_key = make(kind)
    key = _admit(house, asked, fields, private_key.public_key())
    text = pem(private_key, pkcs1=kind is KeyType.RSA).decode()
    return Reply(201, {"api_key_id": key.key_id, "key_type": str(kind), "private_key": text})


def delete_key(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    if not house.doorkeeper.revoke(asked.signer.member, asked.path["api_key"]):
        raise not_found()
    return Reply(204)


def open_subaccount(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    member = asked.signer.member
    if len(member.accounts) > MOST_SUBACCOUNTS:
        raise bad_request(f"at most {MOST_SUBACCOUNTS} subaccounts")
    return Reply(201, {"subaccount_number": house.exchange.open_subaccount(member).number})


def balances(house: House, asked: Asked) -> Any:
    return {"subaccount_balances": [_balance(house, each) for each in asked.signer.accounts()]}


def transfer(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    fields = Fields.of("ApplySubaccountTransferRequest", asked.body)
    transfer_id, member = fields.required("client_transfer_id"), asked.signer.member
    try:
        uuid.UUID(transfer_id)
    except ValueError:
        raise bad_request("client_transfer_id must be a UUID") from None
    source, destination = (fields.integer(name) for name in ("from_subaccount", "to_subaccount"))
    cents = fields.integer("amount_cents")
    if source is None or destination is None or source == destination:
        raise bad_request("from_subaccount and to_subaccount must be two subaccounts")
    if cents is None or cents <= 0:
        raise bad_request("amount_cents must be positive")
    if transfer_id in member.transfers:
        raise refuse(409, "transfer_already_exists")
    giving, taking = asked.signer.account(source), asked.signer.account(destination)
    if giving.available() < cents * 10_000:
        raise refuse(400, "insufficient_balance")
    giving.cash -= cents * 10_000
    taking.cash += cents * 10_000
    member.transfers[transfer_id] = Transfer(transfer_id, source, destination, cents, house.exchange.now)
    return {}


def transfers(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    listed = reversed(asked.signer.member.transfers.values())
    chosen, cursor = page(asked.query, "GetSubaccountTransfers", listed, lambda each: each.transfer_id, most=500)
    return {"cursor": cursor, "transfers": [_transfer(each) for each in chosen]}


def netting(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    member = asked.signer.member
    configs = [
        {"enabled": number in member.netted, "exchange_index": wire.EXCHANGE_INDEX, "subaccount_number": number}
        for number in member.accounts
    ]
    return {"netting_configs": configs}


def set_netting(house: House, asked: Asked) -> Any:
    asked.signer.unrestricted()
    fields = Fields.of("UpdateSubaccountNettingRequest", asked.body)
    account = asked.signer.account(fields.integer("subaccount_number"))
    # positions of one account net in any case; what the switch changes is not published
    chosen = account.member.netted
    chosen.add(account.number) if fields.flag("enabled") else chosen.discard(account.number)
    return Reply(200, {})


def _admit(house: House, asked: Asked, fields: Fields, public_key: PublicKey) -> ApiKey:
    """Make a key of the caller's. It may be locked to a subaccount that the member has."""
    asked.signer.unrestricted()
    name, scopes, subaccount = fields.required("name"), fields.texts("scopes"), fields.integer("subaccount")
    unknown = [each for each in scopes if each not in tuple(Scope)]
    if unknown:
        raise bad_request(f"unknown scope {unknown[0]}")
    granted = frozenset(Scope(each) for each in scopes) or EVERYTHING
    if Scope.WRITE in granted and Scope.READ not in granted:
        raise bad_request("scope write requires scope read")
    if subaccount is not None:
        asked.signer.account(subaccount)
    key = ApiKey(house.exchange.fresh_id(), public_key, name, granted, subaccount)
    house.doorkeeper.admit(key, asked.signer.account(0))
    return key


def _key(key: ApiKey) -> dict[str, Any]:
    body: dict[str, Any] = {"api_key_id": key.key_id, "name": key.name, "scopes": sorted(key.scopes)}
    if key.subaccount is not None:
        body["subaccount"] = key.subaccount
    return body


def _balance(house: House, account: Account) -> dict[str, Any]:
    return {
        "balance": format_money(account.available() // 100 * 100, 6)[:-2],
        "exchange_index": wire.EXCHANGE_INDEX,
        "subaccount_number": account.number,
        "updated_ts": house.exchange.now // SECOND,
    }


def _transfer(item: Transfer) -> dict[str, Any]:
    return {
        "amount_cents": item.cents,
        "created_ts": item.created // SECOND,
        "exchange_index": wire.EXCHANGE_INDEX,
        "from_subaccount": item.source,
        "to_subaccount": item.destination,
        "transfer_id": item.transfer_id,
    }


def _limit(limit: Limit) -> dict[str, int]:
    return {"bucket_capacity": limit.capacity, "refill_rate": limit.rate}
