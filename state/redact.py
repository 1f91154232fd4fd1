"""Secrets are masked before anything is written: by key name, by the shape of a value, by the exact values loaded.

Exact names and byte needles are looked for first; patterns and parsing run only on a hit. Standard library only.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

MASK = "[masked]"
SHORTEST_SECRET = 8
"""A shorter value would mask ordinary text."""

SECRET_KEYS = frozenset(
    {
        "api_key", "api_secret", "apikey", "access_key", "access_token", "auth", "authorization", "bearer",
        "client_secret", "cookie", "credentials", "key_id", "kalshi_access_key", "kalshi_access_signature",
        "passphrase", "passwd", "password", "private_key", "private_key_pem",
        "refresh_token", "secret", "secret_key", "session_token", "set_cookie", "signature", "token", "webhook_url",
    }
)  # fmt: skip
_SECRET_ENDINGS = ("_secret", "_password", "_passphrase", "_token", "_api_key", "_private_key", "_signature")

_NAMES = (
    r"api[_-]?key|api[_-]?secret|access[_-]?token|authorization|client[_-]?secret|cookie|key[_-]?id|pass(?:word|wd|phrase)"
    r"|private[_-]?key|refresh[_-]?token|secret(?:[_-]?key)?|signature|token"
)
_HEADERS = r"(?:kalshi-access|apca-api|poly)[-_](?:key|key-id|secret-key|signature|api_key|passphrase)"
_ASSIGNED = r"""["']?\s*[:=,]\s*["']?"""
_SHAPES = re.compile(
    rf"""
      -----BEGIN\ [A-Z0-9\ ]*-----.*?(?:-----END\ [A-Z0-9\ ]*-----|\Z)
    | (?P<header>{_HEADERS}{_ASSIGNED})[^\s"',;\\)]+
    | (?P<scheme>\bbearer\s+)[A-Za-z0-9._~+/=-]{{6,}}
    | (?P<pair>\b(?:[\w-]*[_-])?(?:{_NAMES})["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?+)(?!\[masked\])[^\s"',;&}})\]]+
    | \beyJ[\w-]{{10,}}\.[\w-]+\.[\w-]*
    | \bdop_v1_[0-9a-f]{{64}}
    | https://hooks\.slack\.com/\S+
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_NEEDLES = (
    b"key", b"secret", b"pass", b"token", b"auth", b"bearer", b"cookie", b"credential", b"signature", b"hook",
    b"-----begin", b"eyj", b"dop_v_",
)  # fmt: skip
_DIGITS = b"0123456789"
_REMEMBERED, _LONGEST_REMEMBERED = 2048, 4096
_FEWEST_LETTERS = 4


class _Loaded:
    """The exact secrets of this process, in every spelling in which they could leave it."""

    def __init__(self) -> None:
        self.values: tuple[str, ...] = ()
        self.needles: tuple[tuple[int, bytes], ...] = ()
        """The values without their digits, by the length of their longest part between quotes."""
        self.digits: tuple[bytes, ...] = ()
        """Values that are hardly more than digits."""
        self.clean: set[bytes] = set()
        """Lines without their digits that hold no needle: journals repeat themselves but for their numbers."""

    def add(self, secret: str) -> None:
        spellings = {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
        raw = secret.encode("utf-8", "surrogateescape")
        spellings |= {raw.hex(), raw.hex().upper(), b64encode(raw).decode().rstrip("=")}
        spellings |= {line for line in secret.splitlines() if len(line) >= 40 and "-----" not in line}
        values = {value for value in spellings if len(value) >= SHORTEST_SECRET} | set(self.values)
        self.values = tuple(sorted(values, key=len, reverse=True))
        spelt = [value.encode("utf-8", "surrogateescape") for value in self.values]
        letters = [value.translate(None, _DIGITS) for value in spelt]
        needles = {few for few in letters if len(few) >= _FEWEST_LETTERS}
        self.needles = tuple(sorted((max(map(len, few.split(b'"'))), few) for few in needles))
        self.digits = tuple(value for value, few in zip(spelt, letters, strict=True) if len(few) < _FEWEST_LETTERS)
        self.clean = set()


_loaded = _Loaded()


def register_secret(value: str | bytes) -> None:
    """Mask this value, and its JSON, URL, hex and base64 spellings, from now on. Shorter than 8: ValueError."""
    text = value.decode("utf-8", errors="surrogateescape") if isinstance(value, bytes) else value
    if len(text.strip()) < SHORTEST_SECRET:
        raise ValueError(f"a secret shorter than {SHORTEST_SECRET} characters cannot be told from ordinary text")
    _loaded.add(text.strip())


def is_secret_key(name: str) -> bool:
    """Whether what stands under this name is a secret."""
    plain = name.lower().replace("-", "_")
    return plain in SECRET_KEYS or plain.endswith(_SECRET_ENDINGS)


def mask_text(text: str) -> str:
    """`text` without secrets: exact values first, then shapes."""
    for value in _loaded.values:
        if value in text:
            text = text.replace(value, MASK)
    return _SHAPES.sub(_masked_shape, text)


def mask(value: object) -> object:
    """A copy of a JSON-like value without secrets. Empty strings, None and booleans under secret names stay."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {
            mask_text(name) if isinstance(name, str) else name: _masked_item(name, item) for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    return value


def mask_line(line: bytes) -> bytes:
    """A line of JSON without secrets, still a line of JSON; what is not JSON is masked as text.

    What decides is the line without its digits: where that holds no needle, or was seen before, nothing is parsed.
    """
    letters = line.translate(None, _DIGITS)
    if letters not in _loaded.clean and _suspicious(letters):
        return _mask_parsed(line)
    for number in _loaded.digits:
        if number in line:
            return _mask_parsed(line)
    return line


def _suspicious(letters: bytes) -> bool:
    lowered = letters.lower()
    for needle in _NEEDLES:
        if needle in lowered:
            return True
    longest = max(map(len, letters.split(b'"'))) if _loaded.needles else 0
    for unquoted, needle in _loaded.needles:
        if unquoted > longest:
            break
        if needle in letters:
            return True
    if len(letters) <= _LONGEST_REMEMBERED:
        if len(_loaded.clean) >= _REMEMBERED:
            _loaded.clean.clear()
        _loaded.clean.add(letters)
    return False


def _mask_parsed(line: bytes) -> bytes:
    try:
        value = json.loads(line)
    except ValueError:
        return mask_text(line.decode("utf-8", errors="surrogateescape")).encode("utf-8", errors="surrogateescape")
    masked = mask(value)
    if masked == value:
        return line
    ending = b"\n" if line.endswith(b"\n") else b""
    return json.dumps(masked, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + ending


def _masked_item(name: object, item: object) -> object:
    if isinstance(name, str) and is_secret_key(name):
        return item if item is None or item == "" or isinstance(item, bool) else MASK
    return mask(item)


def _masked_shape(match: re.Match[str]) -> str:
    return (match["header"] or match["scheme"] or match["pair"] or "") + MASK
