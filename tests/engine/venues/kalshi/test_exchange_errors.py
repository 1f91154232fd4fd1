from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.kalshi.errors import RateLimited, Rejected, parse_error, rejection


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"error":{"code":"order_already_exists","message":"order already exists"}}',
         ("order_already_exists", "order already exists", "")),
        (b'{"error":{"code":"invalid_order","message":"invalid order","details":"post only cross"}}',
         ("invalid_order", "invalid order", "post only cross")),
        (b'{"code":"bad_request","message":"bad request","details":"json: cannot unmarshal"}',
         ("bad_request", "bad request", "json: cannot unmarshal")),
        (b'{"msg":"Parameter validation failed"}', ("", "Parameter validation failed", "")),
        (b'{"error":"too many requests"}', ("", "too many requests", "")),
        (b"<html>bad gateway</html>", ("", "<html>bad gateway</html>", "")),
        (b"[1]", ("", "[1]", "")),
        (b"", ("", "", "")),
    ],
)  # fmt: skip
def test_each_of_the_four_error_bodies_and_anything_else_is_read(body: bytes, parsed: tuple[str, str, str]) -> None:
    assert parse_error(body) == parsed


def test_429_is_an_outcome_of_its_own() -> None:
    limited = rejection(429, b'{"error":"too many requests"}')
    assert isinstance(limited, RateLimited)
    assert str(limited) == "HTTP 429: too many requests"
    assert type(rejection(404, b"{}")) is Rejected


@given(st.binary(max_size=2_000))
def test_no_body_makes_the_reader_fail(body: bytes) -> None:
    assert all(len(part) <= 500 for part in parse_error(body))


@pytest.mark.reference
def test_every_recorded_refusal_says_its_code_or_its_message(recorded: Path) -> None:
    refused = 0
    for meta in recorded.glob("*.meta.json"):
        status = json.loads(meta.read_text()).get("status", 0)
        body = meta.with_name(meta.name.replace(".meta", ""))
        if status < 400 or not body.is_file():
            continue
        refused += 1
        error = rejection(status, body.read_bytes())
        assert error.code or error.message, meta
        assert "{" not in error.message, meta
    assert refused >= 15
