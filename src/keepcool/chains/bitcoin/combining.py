"""Signatures put together: a proven draft becomes the transaction that is broadcast.

Laws: every signature is verified against its key and the digest computed here before it is used; exactly as
many as the script wants are used, in the order of its keys; what comes out differs from the draft in nothing
but signatures. A checker may veto (Bitcoin Core's own script code, a node); none can approve what failed
here. BIP-147, BIP-174.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from keepcool.chains.bitcoin.proving import Proven, ProvenInput
from keepcool.chains.bitcoin.script import Locking, ScriptKind
from keepcool.chains.bitcoin.signatures import verify_signature
from keepcool.chains.bitcoin.sizes import pushed
from keepcool.chains.bitcoin.transaction import Transaction, TxInput, TxOutput, encode, shown
from keepcool.core.errors import Malformed

Signatures: TypeAlias = Mapping[bytes, bytes]
"""Of one input: DER and sighash byte, by public key."""

Checker: TypeAlias = Callable[[bytes, Sequence[TxOutput]], None]
"""Given the final bytes and the coins spent, in the order of the inputs: returns, or raises to veto."""


@dataclass(frozen=True, slots=True)
class Final:
    """`txid` as people write it."""

    tx: Transaction
    raw: bytes
    txid: str


def no_checker(raw: bytes, coins: Sequence[TxOutput]) -> None:
    """For callers that check elsewhere: a node's `testmempoolaccept`."""


def carried(signed: Sequence[Proven]) -> tuple[Signatures, ...]:
    """The signatures that several PSBTs of one transaction carry, input by input. Raises Malformed when
    they are not of one transaction."""
    if len({encode(one.tx) for one in signed}) != 1:
        raise Malformed("combine.drafts", "these PSBTs are not of one and the same transaction")
    return tuple(
        {key: signature for one in signed for key, signature in one.inputs[place].signatures}
        for place in range(len(signed[0].inputs))
    )


def combine(proven: Proven, signatures: Sequence[Signatures], checker: Checker = no_checker) -> Final:
    """The final transaction of `proven`; `signatures` has one entry per input. Raises Malformed when one is
    wrong or too few are there, and whatever `checker` raises."""
    if len(signatures) != len(proven.inputs):
        raise Malformed("combine.inputs", "there is not one set of signatures for each input")
    inputs = tuple(
        _finished(place, bare, one, signatures[place])
        for place, (bare, one) in enumerate(zip(proven.tx.inputs, proven.inputs, strict=True))
    )
    tx = replace(proven.tx, inputs=inputs)
    raw = encode(tx)
    if tx.vsize > proven.vsize:
        raise Malformed("combine.size", "the signed transaction is larger than it was judged to become")
    checker(raw, [one.coin for one in proven.inputs])
    return Final(tx, raw, shown(tx.txid))


def _finished(place: int, bare: TxInput, one: ProvenInput, given: Signatures) -> TxInput:
    keys = [keypath.public_key for keypath in one.owned.keypaths]
    strangers = given.keys() - set(keys)
    if strangers:
        raise Malformed("combine.key", f"input {place} was signed by a key it has not")
    for key, signature in given.items():
        verify_signature(one.digest, signature, key)
    ordered = [given[key] for key in keys if key in given]
    if len(ordered) < one.owned.threshold:
        raise Malformed(
            "combine.few", f"input {place} has {len(ordered)} signatures and needs {one.owned.threshold}"
        )
    return _unlocked(bare, one.owned.locking, ordered[: one.owned.threshold])


def _unlocked(bare: TxInput, locking: Locking, signatures: Sequence[bytes]) -> TxInput:
    match locking.kind:
        case ScriptKind.P2SH:
            # CHECKMULTISIG takes one element too many, and BIP-147 wants it empty
            script = b"\x00" + b"".join(map(pushed, signatures)) + pushed(locking.redeem)
            return replace(bare, script=script)
        case ScriptKind.P2WSH:
            return replace(bare, witness=(b"", *signatures, locking.witness))
        case ScriptKind.P2SH_P2WSH:
            script = pushed(locking.redeem)
            return replace(bare, script=script, witness=(b"", *signatures, locking.witness))
        case _ as never:
            assert_never(never)
