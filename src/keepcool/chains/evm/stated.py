"""A SafeTx as people pass it around: JSON with our field names, numbers as numbers or as decimal strings.

Laws: more lenient than a draft in spelling only; an unknown or doubled key is refused; a hash or domain
stated in the file must be the one its fields give, so no file claims one transaction and holds another.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from keepcool.chains.evm.execution import split_signatures
from keepcool.chains.evm.safe import SafeTx, domain_separator, safe_tx_hash
from keepcool.core.errors import Malformed
from keepcool.core.money import parse_units

_REQUIRED = frozenset(field.name for field in dataclasses.fields(SafeTx))
_STATED = frozenset(("safe_tx_hash", "domain_separator"))
_SIGNATURES = frozenset(("signatures", "packed_hot_cool"))
_REMARKS = frozenset(("flavour",))


@dataclass(frozen=True, slots=True)
class StatedSafeTx:
    """The transaction and whatever signatures (65 bytes each) stood beside it."""

    tx: SafeTx
    signatures: tuple[bytes, ...]


def parse_stated(text: str) -> StatedSafeTx:
    """Raises Malformed on missing, unknown, doubled or contradicting fields."""
    fields = _object(text)
    missing = sorted(_REQUIRED - fields.keys())
    unknown = sorted(fields.keys() - _REQUIRED - _STATED - _SIGNATURES - _REMARKS)
    if missing or unknown:
        problem = (
            f"lacks {', '.join(missing)}" if missing else f"has unknown fields: {', '.join(unknown)[:200]}"
        )
        raise Malformed("safe_tx.fields", f"this SafeTx {problem}")
    tx = _built(fields)
    for name, value in (
        ("safe_tx_hash", safe_tx_hash(tx)),
        ("domain_separator", domain_separator(tx.chain_id, tx.safe)),
    ):
        if name in fields and _hex(fields, name) != value:
            raise Malformed(
                "safe_tx.contradiction",
                f"the file states another {name} than its fields give: 0x{value.hex()}",
            )
    return StatedSafeTx(
        tx, _signatures(fields.get("signatures")) + _signatures(fields.get("packed_hot_cool"))
    )


def parse_hex(text: str) -> bytes:
    """Bytes from hex digits, with or without 0x, of either case. Raises Malformed."""
    digits = text.removeprefix("0x")
    try:
        data = bytes.fromhex(digits)
    except ValueError as error:
        raise Malformed("hex.form", f"not hexadecimal: {text[:40]!r}") from error
    if len(data) * 2 != len(digits):
        raise Malformed("hex.form", "there are spaces inside the hexadecimal digits")
    return data


def _built(fields: Mapping[str, object]) -> SafeTx:
    return SafeTx(
        safe=_text(fields, "safe"),
        chain_id=_whole(fields, "chain_id"),
        to=_text(fields, "to"),
        value=_whole(fields, "value"),
        data=_hex(fields, "data"),
        operation=_whole(fields, "operation"),
        nonce=_whole(fields, "nonce"),
        safe_tx_gas=_whole(fields, "safe_tx_gas"),
        base_gas=_whole(fields, "base_gas"),
        gas_price=_whole(fields, "gas_price"),
        gas_token=_text(fields, "gas_token"),
        refund_receiver=_text(fields, "refund_receiver"),
    )


def _object(text: str) -> dict[str, object]:
    try:
        plain = json.loads(
            text, object_pairs_hook=_once, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except (ValueError, RecursionError) as error:
        raise Malformed("safe_tx.json", f"not readable as JSON: {str(error)[:120]}") from error
    if not isinstance(plain, dict):
        raise Malformed("safe_tx.json", "a SafeTx is a JSON object")
    return plain


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        raise ValueError("a key stands twice")
    return plain


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a whole number")


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise Malformed("safe_tx.fields", f"{name} is a string")
    return value


def _whole(fields: Mapping[str, object], name: str) -> int:
    value = fields[name]
    if type(value) is int:
        return value
    if not isinstance(value, str):
        raise Malformed("safe_tx.fields", f"{name} is a whole number or a string of digits")
    return parse_units(value)


def _hex(fields: Mapping[str, object], name: str) -> bytes:
    text = _text(fields, name)
    if not text.startswith("0x"):
        raise Malformed("safe_tx.fields", f"{name} is hexadecimal and begins with 0x")
    return parse_hex(text)


def _signatures(value: object) -> tuple[bytes, ...]:
    """From nothing, packed hex, a list, or a mapping from names to hex."""
    match value:
        case None:
            return ()
        case str():
            return split_signatures(parse_hex(value))
        case list():
            rows = value
        case dict():
            rows = list(value.values())
        case _:
            raise Malformed("safe_tx.fields", "signatures are hex, a list of hex, or names with hex")
    if not all(isinstance(row, str) for row in rows):
        raise Malformed("safe_tx.fields", "a signature is hexadecimal")
    return tuple(parse_hex(row) for row in rows)
