"""The published specification, as something to hold answers and frames against."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

KALSHI = Path(__file__).resolve().parents[5] / "shared" / "data" / "kalshi"
PREFIX = "/trade-api/v2"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Specification:
    """OpenAPI 3.0 for REST, AsyncAPI 2.0 for the WebSocket, both as JSON Schema that allows no unknown field."""

    def __init__(self) -> None:
        self.rest = yaml.load((KALSHI / "openapi.yaml").read_text(), _LOADER)
        self.stream = yaml.load((KALSHI / "asyncapi.yaml").read_text(), _LOADER)
        self._rest = {"components": strict(self.rest["components"])}
        self._stream = {"components": {"schemas": strict(self.stream["components"]["schemas"])}}
        self._operations = [
            (method.upper(), path, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operation)
            for path, methods in self.rest["paths"].items()
            for method, operation in methods.items()
            if method != "parameters"
        ]
        # fixed paths before those with a parameter in their place
        self._operations.sort(key=lambda each: each[1].count("{"))
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The template and the description of what answers `method path`; None where the specification has nothing."""
        for known, template, pattern, operation in self._operations:
            if known == method and pattern.fullmatch(path):
                return template, operation
        return None

    def answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer; [] when nothing is."""
        found = self.operation(method, path)
        if found is None:
            return [f"{method} {path}: not in the specification"]
        response = found[1]["responses"].get(str(status))
        if response is None:
            return [f"{method} {found[0]}: status {status}"]
        if "$ref" in response:
            response = self.rest["components"]["responses"][response["$ref"].rpartition("/")[2]]
        content = response.get("content", {}).get("application/json", {}).get("schema")
        if content is None:
            return [] if status >= 400 or body in (None, {}) else [f"{method} {found[0]}: {status} has a body"]
        key = f"{method} {found[0]} {status}"
        if key not in self._validators:
            self._validators[key] = Draft202012Validator({**self._rest, **strict(content)})
        return _errors(key, self._validators[key], body)

    def frame(self, frame: dict[str, Any]) -> list[str]:
        """What is wrong with a frame from the exchange; [] when nothing is."""
        kind = frame.get("type", "")
        names = FRAMES.get(kind)
        if names is None:
            return [f"frame {kind!r}: not in the specification"]
        found: list[str] = []
        for name in names:
            if name not in self._validators:
                reference = {"$ref": f"#/components/schemas/{name}"}
                self._validators[name] = Draft202012Validator({**self._stream, **reference})
            found = _errors(kind, self._validators[name], frame)
            if not found:
                return []
        return found

    def examples(self) -> list[dict[str, Any]]:
        """The frames that the specification itself gives as examples of those we send."""
        messages = self.stream["components"]["messages"].values()
        payloads = [example["payload"] for message in messages for example in message.get("examples", ())]
        return [each for each in payloads if isinstance(each, dict) and each.get("type") in FRAMES]


# the payloads a frame of each type may have
FRAMES: dict[str, tuple[str, ...]] = {
    "subscribed": ("subscribedResponsePayload",),
    "unsubscribed": ("unsubscribedResponsePayload",),
    "ok": ("okResponsePayload", "listSubscriptionsResponsePayload"),
    "error": ("errorResponsePayload",),
    "orderbook_snapshot": ("orderbookSnapshotPayload",),
    "orderbook_delta": ("orderbookDeltaPayload",),
    "ticker": ("tickerPayload",),
    "trade": ("tradePayload",),
    "fill": ("fillPayload",),
    "user_order": ("userOrderPayload",),
    "market_position": ("marketPositionPayload",),
    "market_lifecycle_v2": ("marketLifecycleV2Payload", "marketMetadataUpdatedPayload"),
    "event_lifecycle": ("eventLifecyclePayload",),
    "event_fee_update": ("eventFeeUpdatePayload",),
    "order_group_updates": ("orderGroupUpdatesPayload",),
}


@cache
def specification() -> Specification:
    return Specification()


def strict(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: `nullable` spelt out, unknown fields refused."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: strict(value) for key, value in schema.items() if key not in ("example", "examples", "nullable")}
    if "properties" in changed and isinstance(changed["properties"], dict) and "type" in schema:
        changed.setdefault("additionalProperties", False)
    if schema.get("nullable") is True:
        return {"anyOf": [changed, {"type": "null"}]}
    return changed


def _errors(what: str, validator: Draft202012Validator, body: Any) -> list[str]:
    found = []
    for error in validator.iter_errors(body):
        deepest = min([error, *(error.context or ())], key=lambda each: -len(each.absolute_path))
        where = ".".join("[]" if isinstance(each, int) else str(each) for each in deepest.absolute_path)
        found.append(f"{what}: {where}: {deepest.message[:160]}")
    return sorted(set(found))
