"""What a key signs: the digest of a transaction's input, for SIGHASH_ALL and nothing else.

Laws: computed here from the transaction and the proven coin, never received; libwally computes it too, and
two that disagree are a breach. BIP-143 for witness scripts, the original algorithm for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import byteorder
from typing import TypeAlias

import wallycore

from keepcool.chains.bitcoin.compact import compact, sized
from keepcool.chains.bitcoin.script import Locking
from keepcool.chains.bitcoin.transaction import (
    Transaction,
    TxOutput,
    encode_outpoint,
    encode_output,
    encode_stripped,
    hash256,
)
from keepcool.core.errors import Breach

SIGHASH_ALL = 1
_SHARED_MAX = 16
_BARE = 41  # bytes of an input with an empty script
_ALL = SIGHASH_ALL.to_bytes(4, "little")
LIBWALLY_AMOUNT_MAX = 21 * 10**14  # libwally refuses any amount that cannot be one of bitcoins


Spent: TypeAlias = Sequence[tuple[Locking, TxOutput]]
"""Each input's script and coin, in the order of the inputs."""


def digests(
    tx: Transaction, spent: Spent, second: Callable[[Transaction, Spent], tuple[bytes, ...]] | None = None
) -> tuple[bytes, ...]:
    """One digest per input, 32 bytes each. Raises Breach when the second opinion, libwally's unless another
    is given, is a different one."""
    first, second = _own(tx, spent), second or _wally
    if _second_opinion_possible(tx, spent) and second(tx, spent) != first:
        raise Breach(
            "bitcoin.digests_disagree",
            "two implementations find different digests for one transaction: nothing is signed; report it",
        )
    return first


def _own(tx: Transaction, spent: Spent) -> tuple[bytes, ...]:
    witness, legacy = _Witness(tx), _Legacy(tx)
    return tuple(
        [
            witness.digest(place, locking.witness, coin.amount_sat)
            if locking.witness
            else legacy.digest(place, locking.redeem)
            for place, (locking, coin) in enumerate(spent)
        ]
    )


def legacy_digest(tx: Transaction, place: int, script: bytes) -> bytes:
    """Of input `place` that executes `script`."""
    return _Legacy(tx).digest(place, script)


def witness_digest(tx: Transaction, place: int, script: bytes, amount_sat: int) -> bytes:
    """Of input `place` that executes the witness script `script` and holds `amount_sat`."""
    return _Witness(tx).digest(place, script, amount_sat)


class _Legacy:
    """The whole transaction, in which only the signed input carries its script: what stands before and
    after it is written once."""

    def __init__(self, tx: Transaction) -> None:
        self._head = tx.version.to_bytes(4, "little") + compact(len(tx.inputs))
        self._bare = b"".join(
            [
                encode_outpoint(one.outpoint) + b"\x00" + one.sequence.to_bytes(4, "little")
                for one in tx.inputs
            ]
        )
        outputs = b"".join(map(encode_output, tx.outputs))
        self._tail = compact(len(tx.outputs)) + outputs + tx.locktime.to_bytes(4, "little") + _ALL

    def digest(self, place: int, script: bytes) -> bytes:
        start, after = place * _BARE, (place + 1) * _BARE
        outpoint, sequence = self._bare[start : start + 36], self._bare[after - 4 : after]
        inputs = self._bare[:start] + outpoint + sized(script) + sequence + self._bare[after:]
        return hash256(self._head + inputs + self._tail)


class _Witness:
    """The parts of BIP-143 that all inputs share, hashed once."""

    def __init__(self, tx: Transaction) -> None:
        self._inputs = tx.inputs
        outpoints = hash256(b"".join(encode_outpoint(one.outpoint) for one in tx.inputs))
        sequences = hash256(b"".join(one.sequence.to_bytes(4, "little") for one in tx.inputs))
        self._head = tx.version.to_bytes(4, "little") + outpoints + sequences
        outputs = hash256(b"".join(map(encode_output, tx.outputs)))
        self._tail = outputs + tx.locktime.to_bytes(4, "little") + _ALL

    def digest(self, place: int, script: bytes, amount_sat: int) -> bytes:
        one = self._inputs[place]
        coin = encode_outpoint(one.outpoint) + sized(script) + amount_sat.to_bytes(8, "little")
        return hash256(self._head + coin + one.sequence.to_bytes(4, "little") + self._tail)


def _second_opinion_possible(tx: Transaction, spent: Spent) -> bool:
    coins = [coin.amount_sat for _, coin in spent]
    return max([*coins, sum(one.amount_sat for one in tx.outputs)]) <= LIBWALLY_AMOUNT_MAX


def _wally(tx: Transaction, spent: Spent) -> tuple[bytes, ...]:
    """What all witness inputs share it hashes once as well, and keeps between them in a map of its own."""
    parsed = wallycore.tx_from_bytes(encode_stripped(tx), 0)
    amounts, shared = wallycore.map_init(len(spent), None), wallycore.map_init(_SHARED_MAX, None)
    found = []
    for place, (locking, coin) in enumerate(spent):
        if locking.witness:
            wallycore.map_add_integer(amounts, place, coin.amount_sat.to_bytes(8, byteorder))
            found.append(_wally_witness(parsed, place, locking.witness, amounts, shared))
        else:
            found.append(_wally_legacy(parsed, place, locking.redeem, coin.amount_sat))
    return tuple(found)


def _wally_witness(parsed: object, place: int, script: bytes, amounts: object, shared: object) -> bytes:
    rest = (wallycore.WALLY_NO_CODESEPARATOR, None, None, SIGHASH_ALL, wallycore.WALLY_SIGTYPE_SW_V0)
    args = (parsed, place, None, None, amounts, script, 0, *rest, shared)
    return bytes(wallycore.tx_get_input_signature_hash(*args))


def _wally_legacy(parsed: object, place: int, script: bytes, amount_sat: int) -> bytes:
    return bytes(wallycore.tx_get_btc_signature_hash(parsed, place, script, amount_sat, SIGHASH_ALL, 0))
