"""What the exchange says no with: the status and body of each refusal, as recorded (facts §1.4)."""

from __future__ import annotations

from typing import Any

TOO_MANY_REQUESTS = {"error": "too many requests"}


class Refusal(Exception):
    """A request refused; `body` is exactly what goes on the wire."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body

    def entry(self) -> dict[str, Any]:
        """The refusal as the `error` of one entry of a batch."""
        error = self.body.get("error", self.body)
        return error if isinstance(error, dict) else {"code": "error", "message": str(error)}


def refuse(status: int, code: str, details: str | None = None, message: str | None = None) -> Refusal:
    """An exchange error: {"error": {"code", "message", "details"?}}; the message defaults to the code in words."""
    error = {"code": code, "message": message or code.replace("_", " ")}
    if details is not None:
        error["details"] = details
    return Refusal(status, {"error": error})


def undecodable(details: str) -> Refusal:
    """A body that is not the JSON it should be."""
    return Refusal(400, {"code": "bad_request", "message": "bad request", "details": details})


def invalid_query(text: str) -> Refusal:
    """A query parameter out of its range."""
    return Refusal(400, {"msg": text})


def not_found() -> Refusal:
    return refuse(404, "not_found")


def invalid_order(details: str) -> Refusal:
    return refuse(400, "invalid_order", details)


def market_inactive() -> Refusal:
    return refuse(409, "MARKET_INACTIVE", message="market inactive")


def bad_request(details: str) -> Refusal:
    return refuse(400, "bad_request", details)
