"""What somebody holds in hand (a signed transaction or a draft), read by the signers' decoder.

Laws: what is stated beside the bytes (a sender) is checked against them where they say it; bytes that are
not understood raise Malformed; the names of the fields are the ones other tools for Minter use.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains import rlp
from keepcool.chains.minter import signature
from keepcool.chains.minter.address import of_multisig, parse_address
from keepcool.chains.minter.data import CreateMultisig, encode_data, name_of, named
from keepcool.chains.minter.decode import decode_transaction
from keepcool.chains.minter.transaction import (
    SignedTransaction,
    Transaction,
    is_signed,
    parse_preimage,
    parse_signed,
    transaction_hash,
)
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed


@dataclass(frozen=True, slots=True)
class Inspection:
    """`sender` is "" where the bytes name none; `signed`, `hash` and `signers` are None and empty for a
    draft. For a multisig's transaction no signature covers the sender."""

    transaction: Transaction
    sender: str
    effects: Effects
    signed: SignedTransaction | None = None
    hash: str | None = None
    signers: tuple[str, ...] = ()

    @property
    def created_multisig(self) -> str | None:
        """The address of the multisig this makes, where it makes one and its sender is known."""
        if not isinstance(self.transaction.data, CreateMultisig) or not self.sender:
            return None
        return of_multisig(self.sender, self.transaction.nonce)


def inspect(text: str, sender: str | None = None) -> Inspection:
    """Reads hex of ten fields (signed) or nine (a draft). Raises Malformed."""
    raw = _parse_hex(text.strip())
    stated = "" if sender is None else parse_address(sender)
    if not is_signed(raw):
        tx = parse_preimage(raw)
        return Inspection(tx, stated, decode_transaction(tx, stated))
    signed = parse_signed(raw)
    tx, signers, actual = signed.transaction, signed.signers(), signed.sender()
    if stated not in ("", actual):
        raise Malformed("inspect.disagrees", f"the sender in the bytes is {actual}, not {stated} as given")
    return Inspection(tx, actual, decode_transaction(tx, actual), signed, transaction_hash(raw), signers)


def plain(found: Inspection) -> dict[str, object]:
    """Every field under its name, bytes in hexadecimal; None where an unsigned draft has none."""
    tx, data_rlp = found.transaction, encode_data(found.transaction.data)
    return {
        "encoding": "v2",
        "nonce": tx.nonce,
        "chain_id": tx.chain_id,
        "gas_price": tx.gas_price,
        "gas_coin": tx.gas_coin,
        "type": f"0x{tx.type:02x}",
        "type_name": name_of(tx.type),
        "data": named(tx.data),
        "data_fields": _raw(rlp.decode(data_rlp)),
        "data_rlp": data_rlp.hex(),
        "payload": tx.payload.hex(),
        "service_data": tx.service_data.hex(),
        "signature_type": tx.signature_type,
        "sighash_keccak256": tx.digest().hex(),
        "tx_hash": found.hash,
        "sender": found.sender or None,
        "signers": list(found.signers),
        "low_s": None if found.signed is None else True,
        "signatures": [] if found.signed is None else _signatures(found.signed),
        "created_multisig_address": found.created_multisig,
    }


def _signatures(signed: SignedTransaction) -> list[dict[str, object]]:
    """r and s as the bytes carry them: numbers without leading zeros."""
    return [
        {
            "v": one[64],
            "r": one[:32].lstrip(b"\0").hex(),
            "s": one[32:64].lstrip(b"\0").hex(),
            "rlp": signature.encode(one).hex(),
        }
        for one in signed.signed.signatures
    ]


def _raw(item: rlp.Item) -> object:
    return item.hex() if isinstance(item, bytes) else [_raw(inner) for inner in item]


def _parse_hex(text: str) -> bytes:
    digits = text.removeprefix("0x")
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise Malformed(
            "inspect.input",
            "this is not the hexadecimal form of a Minter transaction (ten fields, or nine unsigned)",
        ) from error
