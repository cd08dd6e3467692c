"""A finished transaction taken apart again into the draft it was and the signatures that finished it.

Laws: it is judged by the same proof as any draft; a signature counts for the key whose digest it verifies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keepcool.chains.bitcoin.compact import Reader
from keepcool.chains.bitcoin.digests import digests
from keepcool.chains.bitcoin.ownership import Own, Owned
from keepcool.chains.bitcoin.prevouts import proven_coin, read_previous
from keepcool.chains.bitcoin.psbt import KeyPath, Psbt, PsbtInput, PsbtOutput
from keepcool.chains.bitcoin.signatures import verify_signature
from keepcool.chains.bitcoin.transaction import Transaction, TxInput, TxOutput
from keepcool.core.errors import Malformed


def as_draft(tx: Transaction, previous: Sequence[bytes], own: Own) -> Psbt:
    """The draft of a transaction: `previous` are the transactions that made its coins, as far as they are
    known. Inputs of ours carry scripts and those signatures that verify. Raises Malformed on previous
    transactions that cannot be read."""
    by_id = {read_previous(raw, 0).txid: raw for raw in previous}
    bare = replace(tx, inputs=tuple(replace(one, script=b"", witness=()) for one in tx.inputs))
    stated = [_stated(one, by_id, own) for one in tx.inputs]
    inputs = [one for one, _, _ in stated]
    spent = [(owned, coin) for _, owned, coin in stated if owned is not None and coin is not None]
    if len(spent) == len(inputs):
        found = digests(bare, [(owned.locking, coin) for owned, coin in spent])
        inputs = [
            replace(one, signatures=_signatures(finished, owned, digest))
            for one, finished, (owned, _), digest in zip(inputs, tx.inputs, spent, found, strict=True)
        ]
    return Psbt(bare, tuple(inputs), tuple(PsbtOutput() for _ in tx.outputs))


def _stated(
    one: TxInput, by_id: Mapping[bytes, bytes], own: Own
) -> tuple[PsbtInput, Owned | None, TxOutput | None]:
    stated = PsbtInput(previous_tx=by_id.get(one.outpoint.txid))
    if stated.previous_tx is None:
        return stated, None, None
    coin = proven_coin(one.outpoint, stated).output
    owned = own(coin.script, ())
    if owned is None:
        return stated, None, coin
    locking = owned.locking
    return (
        replace(stated, redeem=locking.redeem or None, witness=locking.witness or None),
        owned,
        coin,
    )


def _signatures(finished: TxInput, owned: Owned, digest: bytes) -> tuple[tuple[bytes, bytes], ...]:
    items = finished.witness[1:-1] if owned.locking.witness else _pushes(finished.script)[1:-1]
    found = [(_signer(item, owned.keypaths, digest), item) for item in items]
    return tuple(sorted((key, item) for key, item in found if key))


def _signer(signature: bytes, keypaths: Sequence[KeyPath], digest: bytes) -> bytes:
    """The key that made this signature over `digest`; b"" when none of them did."""
    for keypath in keypaths:
        try:
            verify_signature(digest, signature, keypath.public_key)
        except Malformed:
            continue
        return keypath.public_key
    return b""


def _pushes(script: bytes) -> list[bytes]:
    """What a script of pushes leaves on the stack; nothing of one that does more than push."""
    reader, items = Reader(script, "finished", "the signature script"), []
    while reader.left:
        code = reader.number(1)
        if code > 0x4D:
            return []
        length = code if code < 0x4C else reader.number(code - 0x4B)
        items.append(reader.take(length))
    return items
