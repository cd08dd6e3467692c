"""Raw transactions as a node hands them out, checked against the id they were asked by."""

from __future__ import annotations

from keepcool.adapters.bitcoinnode import blocks
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import parse_transaction, shown

_EXTENSION = 8


def id_of(raw: bytes) -> str:
    """In display order. Raises Malformed on anything but a whole transaction in its one form."""
    return shown(parse_transaction(raw).txid)


def checked(raw: bytes, txid: str, network: Network) -> bytes | None:
    """The transaction without the mark of an extension block; None when it carries a part of one, which no
    block lists like this. Raises ValueError on another transaction."""
    try:
        own, end = blocks.transaction_id(raw, 0, payloads=network.payloads)
    except blocks.Extended:
        return None
    except IndexError as error:
        raise ValueError("a transaction that ends too early") from error
    if end != len(raw) or own[::-1].hex() != txid:
        raise ValueError("another transaction")
    return _unmarked(raw) if raw[4] == 0 and raw[5] & _EXTENSION else raw


def within(block: bytes, txid: str, network: Network) -> bytes | None:
    """The transaction out of a checked block. Raises ValueError."""
    wanted = bytes.fromhex(txid)[::-1]
    for found, start, end in blocks.transactions_of(block, network):
        if found == wanted:
            return checked(block[start:end], txid, network)
    return None


def _unmarked(raw: bytes) -> bytes:
    """Litecoin's HogEx: the flag 8 and, before the locktime, an empty extension."""
    flag = raw[5] & ~_EXTENSION
    marker = bytes((0, flag)) if flag else b""
    return raw[:4] + marker + raw[6:-5] + raw[-4:]
