"""What a caller's words mean, as loosely or strictly as the node takes them.

Law: an address of the API may be too short or too long: the node pads and crops without a word, and so do we
(a wallet has to check it itself). Specification: minter-go-node, api/v2/service.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from keepcool.devnet.rejections import CallError

_CONDITION = re.compile(r"(?:tags\.)?(tx\.[a-z_]+)\s*=\s*'?([0-9A-Za-z_]+)'?")
_AND = re.compile(r"\s+AND\s+")
_TRUE = ("true", "1")


def address(text: str) -> bytes:
    if not text.startswith("Mx"):
        raise CallError(400, "invalid address")
    return unhex(text[2:])[-20:].rjust(20, b"\0")


def tx_hash(text: str) -> bytes:
    if len(text) != 66 or not text.startswith("Mt"):
        raise CallError(404, "tx not found")
    return unhex(text[2:])


def raw_tx(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise CallError(400, "invalid transaction")
    return unhex(text[2:])


def unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise CallError(400, f"encoding/hex: {error}") from error


def number(request: web.Request, name: str, default: int = 0) -> int:
    text = request.query.get(name) or request.match_info.get(name)
    return default if text is None else whole(text)


def whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise CallError(400, f"type mismatch, parameter: {text[:40]!r} is no number")
    return int(text)


def yes(request: web.Request, name: str) -> bool:
    return request.query.get(name) in _TRUE


def several(request: web.Request, name: str) -> list[str]:
    return [one for text in request.query.getall(name, []) for one in text.split(",") if one]


def tags(query: str) -> list[tuple[str, str]]:
    """tags.tx.to='…' AND tags.tx.from='…' in names and values."""
    found = [_CONDITION.fullmatch(part.strip()) for part in _AND.split(query)]
    pairs = [(one.group(1), one.group(2)) for one in found if one]
    if not pairs or len(pairs) != len(found):
        raise CallError(400, f"failed to parse query: {query[:80]}")
    return pairs


async def body(request: web.Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError as error:
        raise CallError(400, "invalid character in the body: JSON is wanted") from error
    if not isinstance(found, dict):
        raise CallError(400, "a JSON object is wanted")
    return found
