"""A canary put in by any way a secret gets into a line never comes out."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import redact
from state.redact import MASK, is_secret_key, mask, mask_line, mask_text, register_secret

CANARY = "c4n4ry/9Zx+Q0aa11bb22=="
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKc\n-----END PRIVATE KEY-----"


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    redact._loaded.__init__()
    yield
    redact._loaded.__init__()


BY_SHAPE = [
    PEM,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0 cut off here",
    f"KALSHI-ACCESS-SIGNATURE: {CANARY}",
    f"kalshi-access-key={CANARY}",
    f"('KALSHI-ACCESS-SIGNATURE', '{CANARY}')",
    f"Authorization: Bearer {CANARY}",
    f"bearer {CANARY}",
    f"https://host/path?apiKey={CANARY}&x=1",
    f'{{"password": "{CANARY}"}}',
    f"client_secret={CANARY}",
    f"POLY_PASSPHRASE: {CANARY}",
    f"key_id={CANARY}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "dop_v1_" + "0123456789abcdef" * 4,
    "https://hooks.slack.com/services/T0/B0/abcdef",
]
LEAKS = [CANARY, "MIIEvQIBADANBgkqhkiG9w0", "c2lnbmF0dXJl", "0123456789abcdef", "T0/B0"]


@pytest.mark.parametrize("text", BY_SHAPE)
def test_secrets_are_known_by_their_shape(text: str) -> None:
    line = json.dumps({"at": "now", "message": f"it said: {text}"}).encode() + b"\n"
    for shown in (mask_text(text), mask_line(line).decode(), mask_line(text.encode()).decode()):
        assert MASK in shown
        assert not any(leak in shown for leak in LEAKS)
    assert json.loads(mask_line(line))["at"] == "now"
    assert mask_line(line).endswith(b"\n")


@pytest.mark.parametrize(
    "name",
    ["private_key", "password", "KALSHI-ACCESS-SIGNATURE", "api-key", "apiKey", "slack_token", "x_secret", "key_id"],
)
@pytest.mark.parametrize("value", [CANARY, 12345678, ["a", CANARY], {"deep": CANARY}])
def test_secrets_are_known_by_their_name(name: str, value: object) -> None:
    masked = mask({"outer": [{name: value}]})
    assert masked == {"outer": [{name: MASK}]}
    assert json.loads(mask_line(json.dumps({"outer": [{name: value}]}).encode())) == masked


@pytest.mark.parametrize("value", [None, "", True, False])
def test_the_absence_of_a_secret_is_no_secret(value: object) -> None:
    assert mask({"password": value}) == {"password": value}


@pytest.mark.parametrize(
    "spelling",
    [
        CANARY,
        json.dumps(CANARY)[1:-1],
        quote(CANARY, safe=""),
        CANARY.encode().hex(),
        CANARY.encode().hex().upper(),
        b64encode(CANARY.encode()).decode(),
    ],
)
def test_what_was_loaded_is_masked_in_every_spelling(spelling: str) -> None:
    register_secret(CANARY)
    line = json.dumps({"message": f"failed with {spelling}."}).encode()
    assert spelling.rstrip("=").encode() not in mask_line(line)
    assert MASK in json.loads(mask_line(line))["message"]


def test_a_secret_of_digits_alone_is_masked_too() -> None:
    line = b'{"cycle":1,"code":"no 48151623 here"}'
    assert mask_line(line) == line
    register_secret("48151623")
    assert b"48151623" not in mask_line(line)
    assert mask_line(line.replace(b"48151623", b"48151624")) != mask_line(line)


def test_a_line_that_differs_in_digits_only_from_a_clean_one_is_still_examined() -> None:
    register_secret("a1b2c3d4e5")
    clean, leaking = b'{"message":"a1b2c3d4f5"}', b'{"message":"a1b2c3d4e5"}'
    assert mask_line(clean) == clean
    assert b"a1b2c3d4e5" not in mask_line(leaking)
    assert mask_line(b'{"message":"abcde"}') == b'{"message":"abcde"}'


def test_a_secret_with_quotes_is_masked_in_its_json_spelling() -> None:
    secret = 'say "open sesame" and "enter here" to the door'
    register_secret("another loaded secret, quite a bit longer than the parts of the first")
    register_secret(secret)
    assert mask_line(json.dumps({"message": secret}).encode()) == b'{"message":"[masked]"}'


def test_each_line_of_a_loaded_key_is_masked_alone() -> None:
    body = ["A1b2C3d4" * 8, "E5f6G7h8" * 8]
    register_secret("-----BEGIN PRIVATE KEY-----\n" + "\n".join(body) + "\n-----END PRIVATE KEY-----\n")
    assert mask_line(body[1].encode()) == MASK.encode()


def test_a_value_too_short_to_tell_from_text_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than 8"):
        register_secret("short")


@pytest.mark.parametrize(
    "line",
    [
        b'{"at":"2026-11-17T19:00:00Z","cycle":17,"errors":[]}\n',
        b'{"message":"the gate passed; access is ours; basic 0x12","price":"0.4700"}\n',
        b'{"private_key_path":"/keys/demo.pem"}\n',
    ],
)
def test_ordinary_lines_stay_byte_for_byte(line: bytes) -> None:
    assert mask_line(line) == line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
)


@given(JSON)
def test_masking_keeps_json_json(value: object) -> None:
    line = json.dumps(value).encode()
    assert json.loads(mask_line(line)) == mask(json.loads(line))


@given(st.binary(max_size=100))
def test_no_bytes_raise(line: bytes) -> None:
    mask_line(line)


def test_masking_twice_changes_nothing_more() -> None:
    for text in BY_SHAPE:
        assert mask_text(mask_text(text)) == mask_text(text)


def test_key_names_are_compared_without_case_and_dashes() -> None:
    assert is_secret_key("Kalshi-Access-Signature")
    assert not is_secret_key("private_key_path")
    assert not is_secret_key("ticker")
