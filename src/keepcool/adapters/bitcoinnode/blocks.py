"""Whether a raw block is what was asked for: its header by its hash, its transactions by the header's root.

Laws: nothing of a block is believed that its header does not commit to, and a block whose tree of ids is
doubled at its end (CVE-2012-2459) is none. Witnesses are not looked at: nothing here depends on them.
Bitcoin's block and transaction formats (BIP-144), merged mining's header (AuxPoW), Litecoin's extension
blocks (the flag 8 of LIP-2), Dash's payloads (DIP-2).
"""

from __future__ import annotations

from hashlib import sha256
from operator import add, eq

from keepcool.chains.bitcoin.networks import Network

HEADER_BYTES = 80
_AUXPOW = 1  # of the header's second byte
_WITNESS, _EXTENSION = 1, 8
_ONE_BYTE_MAX = 0xFC  # of compact numbers
_DIP2 = b"\x03\x00"


class Extended(ValueError):
    """A transaction with a part in an extension block, which no block lists like this."""


def check_block(raw: bytes, block_hash: str, network: Network) -> None:
    """Raises ValueError when these bytes are not this block of this network."""
    if len(raw) < HEADER_BYTES:
        raise ValueError("no header")
    if network.header_sha256d and _twice(raw[:HEADER_BYTES])[::-1].hex() != block_hash:
        raise ValueError("another block")
    if merkle_root(transaction_ids(raw, network)) != raw[36:68]:
        raise ValueError("transactions that the header does not commit to")


def time_of(header: bytes) -> int:
    return int.from_bytes(header[68:72], "little")


def transaction_ids(raw: bytes, network: Network) -> list[bytes]:
    """Of every transaction of a raw block, in order. Raises ValueError."""
    return [txid for txid, _, _ in transactions_of(raw, network)]


def transactions_of(raw: bytes, network: Network) -> list[tuple[bytes, int, int]]:
    """Every transaction's id, where it begins and where it ends. Raises ValueError."""
    try:
        at = _after_auxpow(raw) if network.merged_mining and raw[1] & _AUXPOW else HEADER_BYTES
        count, at = _compact(raw, at)
        found = []
        for _ in range(count):
            txid, end = transaction_id(raw, at, payloads=network.payloads)
            found.append((txid, at, end))
            at = end
    except IndexError as error:
        raise ValueError("a block that ends too early") from error
    if at > len(raw) or not found:
        raise ValueError("a block that ends too early")
    return found


def transaction_id(raw: bytes, start: int, *, payloads: bool = False) -> tuple[bytes, int]:
    """Of the transaction that begins at `start`, and where it ends. Raises IndexError and ValueError."""
    at, flag = start + 4, 0
    if raw[at] == 0 and raw[at + 1] != 0:
        flag, at = raw[at + 1], at + 2
    body = at
    inputs, at = _compact(raw, at)
    for _ in range(inputs):
        size = raw[at + 36]
        at += size + 41
        if size > _ONE_BYTE_MAX:
            size, at = _compact(raw, at - size - 5)
            at += size + 4
    outputs, at = _compact(raw, at)
    for _ in range(outputs):
        size = raw[at + 8]
        at += size + 9
        if size > _ONE_BYTE_MAX:
            size, at = _compact(raw, at - size - 1)
            at += size
    if flag == 0:
        end = at + 4
        if payloads and raw[start : start + 2] == _DIP2 and raw[start + 2 : start + 4] != b"\0\0":
            size, end = _compact(raw, end)
            end += size
        return _twice(raw[start:end]), end
    body_end, at = at, _after_marked(raw, at, inputs, flag)
    return _twice(raw[start : start + 4] + raw[body:body_end] + raw[at : at + 4]), at + 4


def merkle_root(ids: list[bytes]) -> bytes:
    """Raises ValueError on a tree that repeats its end: another block has the same root."""
    level = ids
    while len(level) > 1:
        if any(map(eq, level[::2], level[1::2])):
            raise ValueError("a block that repeats transactions")
        if len(level) % 2:
            level = [*level, level[-1]]
        level = [sha256(sha256(pair).digest()).digest() for pair in map(add, level[::2], level[1::2])]
    return level[0]


def _after_auxpow(raw: bytes) -> int:
    """Behind the proof that the header was mined within a block of another network."""
    _, at = transaction_id(raw, HEADER_BYTES)
    branch, at = _compact(raw, at + 32)
    at += 32 * branch + 4
    branch, at = _compact(raw, at)
    return at + 32 * branch + 4 + HEADER_BYTES


def _after_marked(raw: bytes, at: int, inputs: int, flag: int) -> int:
    """Behind what the flag announces: witnesses, and the empty part of an extension block."""
    if flag & ~(_WITNESS | _EXTENSION):
        raise ValueError("a transaction of a form that nobody knows")
    for _ in range(inputs if flag & _WITNESS else 0):
        items, at = _compact(raw, at)
        for _ in range(items):
            size = raw[at]
            at += size + 1
            if size > _ONE_BYTE_MAX:
                size, at = _compact(raw, at - size - 1)
                at += size
    if flag & _EXTENSION:
        if raw[at] != 0:
            raise Extended
        at += 1
    return at


def _compact(raw: bytes, at: int) -> tuple[int, int]:
    """A count, and where it ends. One beyond the block ends every loop over it by IndexError."""
    first = raw[at]
    if first <= _ONE_BYTE_MAX:
        return first, at + 1
    length = 2 << (first - 0xFD)
    return int.from_bytes(raw[at + 1 : at + 1 + length], "little"), at + 1 + length


def _twice(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()
