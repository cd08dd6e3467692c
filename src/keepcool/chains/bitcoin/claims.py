"""What a PSBT claims beside its transaction, held against what was recomputed.

Laws: a claim that does not hold refuses the whole draft, even one nobody would have relied on; fields that
nobody here needs are refused by their kind; libwally must read the same bytes and write them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import wallycore

from keepcool.chains.bitcoin.digests import SIGHASH_ALL
from keepcool.chains.bitcoin.limits import Limits
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.psbt import PROPRIETARY, Field, KeyPath, Psbt, PsbtInput, PsbtOutput, encode_psbt
from keepcool.core.errors import Malformed

KEYPATHS_MAX = 20
_INPUT_FIELDS = (0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D)
_INPUT_TAPROOT = (*range(0x13, 0x19), *range(0x1A, 0x1D))  # BIP-371, BIP-373
_OUTPUT_TAPROOT = (0x05, 0x06, 0x07, 0x08)


def check_form(raw: bytes, psbt: Psbt) -> None:
    """Raises Malformed unless these are the one spelling of what was read."""
    if encode_psbt(psbt) != raw:
        raise Malformed("psbt.order", "the PSBT's fields are not in ascending order: make it anew")


def check_second_reader(raw: bytes, psbt: Psbt, previous: Sequence[bytes]) -> None:
    """`raw` is the one spelling of `psbt`; `previous`: the previous transactions without witness, the form
    in which libwally keeps them. Raises Malformed unless libwally reads this PSBT and writes the same."""
    if any(one.previous_tx != kept for one, kept in zip(psbt.inputs, previous, strict=True)):
        pairs = zip(psbt.inputs, previous, strict=True)
        inputs = tuple([replace(one, previous_tx=kept) for one, kept in pairs])
        raw = encode_psbt(replace(psbt, inputs=inputs))
    try:
        parsed = wallycore.psbt_from_bytes(raw, wallycore.WALLY_PSBT_PARSE_FLAG_STRICT)
        written = bytes(wallycore.psbt_to_bytes(parsed, 0))
    except ValueError as error:
        raise Malformed("psbt.second_reader", "libwally cannot read this PSBT: make it anew") from error
    if written != raw:
        raise Malformed("psbt.second_reader", "libwally reads another PSBT in these bytes: make it anew")


def check_fields(psbt: Psbt) -> None:
    """Raises Malformed on any field besides those a payment from a multisig needs."""
    _refuse("global", psbt.others, (0x01, 0xFB), ())
    for one in psbt.inputs:
        _refuse("input", one.others, _INPUT_FIELDS, _INPUT_TAPROOT)
    for output in psbt.outputs:
        _refuse("output", output.others, (), _OUTPUT_TAPROOT)


def _refuse(name: str, others: Iterable[Field], known: tuple[int, ...], taproot: tuple[int, ...]) -> None:
    for field in others:
        what = f"{name} field 0x{field.type:02x}"
        if field.type == PROPRIETARY:
            raise Malformed("psbt.proprietary", f"the PSBT carries somebody's proprietary {what}")
        if field.type in taproot:
            raise Malformed("psbt.taproot", f"the PSBT carries the taproot {what}; no coin here is one")
        if name == "input" and field.type in (0x07, 0x08):
            raise Malformed("psbt.final", "an input of the PSBT is finalised already; sign before that")
        if field.type in known:
            raise Malformed("psbt.field", f"the PSBT carries {what}, which no payment here needs")
        raise Malformed("psbt.unknown", f"the PSBT carries {what}, which nobody here knows")


def check_input(place: int, stated: PsbtInput, owned: Owned) -> None:
    """Raises Malformed unless scripts, origins and sighash type are what own keys and rules give."""
    if stated.sighash not in (None, SIGHASH_ALL):
        raise Malformed(
            "psbt.sighash", f"input {place} asks for sighash type 0x{stated.sighash:x}; only ALL is signed"
        )
    if (stated.redeem or b"") != owned.locking.redeem or stated.redeem == b"":
        raise Malformed("psbt.redeem", f"input {place} carries another redeem script than own keys give")
    if (stated.witness or b"") != owned.locking.witness or stated.witness == b"":
        raise Malformed("psbt.witness", f"input {place} carries another witness script than own keys give")
    if stated.witness_utxo is not None and not owned.locking.witness:
        raise Malformed("psbt.witness_utxo", f"input {place} is no witness input and carries a witness_utxo")
    check_keypaths(f"input {place}", stated.keypaths, owned)


def check_output(place: int, stated: PsbtOutput, owned: Owned | None, limits: Limits) -> None:
    """Raises Malformed when the PSBT says an output is ours and it is not, or not where change belongs."""
    claimed = stated.keypaths or stated.redeem is not None or stated.witness is not None
    if owned is None:
        if claimed:
            raise Malformed(
                "psbt.change_foreign", f"output {place} claims to be ours; own keys give another script there"
            )
        return
    if not owned.change and not limits.own_receiving:
        raise Malformed("psbt.change_branch", f"output {place} is ours, but not on a change branch")
    if owned.index > limits.change_index_max:
        raise Malformed(
            "psbt.change_index",
            f"output {place} lies at index {owned.index}, where a restore would not look; at most "
            f"{limits.change_index_max}",
        )
    if stated.redeem not in (None, owned.locking.redeem or None):
        raise Malformed(
            "psbt.change_script", f"output {place} carries another redeem script than own keys give"
        )
    if stated.witness not in (None, owned.locking.witness or None):
        raise Malformed(
            "psbt.change_script", f"output {place} carries another witness script than own keys give"
        )
    check_keypaths(f"output {place}", stated.keypaths, owned)


def check_keypaths(what: str, claims: tuple[KeyPath, ...], owned: Owned) -> None:
    if claims != owned.keypaths and not set(claims) <= set(owned.keypaths):
        raise Malformed("psbt.keypath", f"{what} gives a key or an origin that is not the one own keys have")


def bounded(claims: tuple[KeyPath, ...]) -> tuple[KeyPath, ...]:
    """Raises Malformed on more origins than any script here has keys: each costs a derivation."""
    if len(claims) > KEYPATHS_MAX:
        raise Malformed("psbt.keypaths", f"a script has at most {KEYPATHS_MAX} keys, and so many origins")
    return claims
