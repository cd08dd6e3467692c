"""A PSBT proven: what it would really do, or the one reason why it is refused.

Laws: nothing in a PSBT is believed. Amounts come from whole previous transactions, scripts and change from
own keys, the fee from both; what is ours is said by `Own`, which recomputes it. Bytes that could be read in
two ways, fields nobody here needs, and claims that do not hold refuse the whole, each with its own code.
BIP-174; what the text forbids and what wallets have been robbed by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keepcool.chains.bitcoin import address, sizes
from keepcool.chains.bitcoin.claims import (
    KEYPATHS_MAX,
    bounded,
    check_fields,
    check_form,
    check_input,
    check_output,
    check_second_reader,
)
from keepcool.chains.bitcoin.digests import LIBWALLY_AMOUNT_MAX, digests
from keepcool.chains.bitcoin.limits import Limits, check_amounts, check_fee, check_shape, is_data
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.ownership import Holdings, Own, Owned
from keepcool.chains.bitcoin.prevouts import ProvenCoin, proven_coin
from keepcool.chains.bitcoin.psbt import Psbt, parse_psbt
from keepcool.chains.bitcoin.signatures import verify_signature
from keepcool.chains.bitcoin.transaction import Outpoint, Transaction, TxOutput
from keepcool.core.errors import Malformed


class Belongs(StrEnum):
    """Whose an output is."""

    FOREIGN = "foreign"
    CHANGE = "change"
    OURS = "ours"  # ours, on a receiving branch
    DATA = "data"  # nobody's: it carries bytes


@dataclass(frozen=True, slots=True)
class ProvenInput:
    """`digest` is what the keys of `owned` sign; `signatures` (public key, DER and sighash byte) are those
    the PSBT carries already, each verified."""

    outpoint: Outpoint
    coin: TxOutput
    owned: Owned
    digest: bytes
    signatures: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class ProvenOutput:
    """`recipient` is its address in the network's one spelling, "" for data."""

    output: TxOutput
    belongs: Belongs
    recipient: str
    owned: Owned | None


@dataclass(frozen=True, slots=True)
class Proven:
    """`vsize` once signed, at most; `fee_rate` per 1000 virtual bytes of it, rounded up."""

    network: Network
    psbt: Psbt
    inputs: tuple[ProvenInput, ...]
    outputs: tuple[ProvenOutput, ...]
    fee_sat: int
    fee_rate: int
    vsize: int

    @property
    def tx(self) -> Transaction:
        return self.psbt.tx

    @property
    def digests(self) -> tuple[bytes, ...]:
        return tuple(one.digest for one in self.inputs)

    def total_sat(self, *belongs: Belongs) -> int:
        """What outputs of these kinds hold together."""
        return sum(one.output.amount_sat for one in self.outputs if one.belongs in belongs)


def prove(raw: bytes, own: Own, network: Network, limits: Limits) -> Proven:
    """Raises Malformed on bytes that are no PSBT, on any lie, and on whatever passes a limit. Raises Breach
    when two implementations disagree about what would be signed."""
    if len(raw) > limits.psbt_bytes_max:
        raise Malformed("psbt.size", f"a PSBT has at most {limits.psbt_bytes_max} bytes")
    psbt = parse_psbt(raw)
    check_form(raw, psbt)
    check_fields(psbt)
    check_shape(psbt.tx, limits)
    found = _coins(psbt)
    coins = [one.output for one in found]
    if isinstance(own, Holdings):
        claims = [*(one.keypaths for one in psbt.inputs), *(one.keypaths for one in psbt.outputs)]
        own.foresee([each for each in claims if len(each) <= KEYPATHS_MAX])
    owned = _owned_inputs(psbt, coins, own)
    outputs = _outputs(psbt, own, network, limits)
    fee_sat = sum(coin.amount_sat for coin in coins) - sum(one.amount_sat for one in psbt.tx.outputs)
    check_amounts(psbt.tx.outputs, network, limits)
    vsize = sizes.signed_vsize(psbt.tx, [(one.locking, one.threshold) for one in owned])
    check_fee(fee_sat=fee_sat, vsize=vsize, moved_sat=_moved(outputs), network=network, limits=limits)
    inputs = _signed_inputs(psbt, coins, owned)
    _second_opinion(raw, psbt, found)
    return Proven(network, psbt, inputs, outputs, fee_sat, sizes.fee_rate(fee_sat, vsize), vsize)


def _coins(psbt: Psbt) -> list[ProvenCoin]:
    pairs = zip(psbt.tx.inputs, psbt.inputs, strict=True)
    return [proven_coin(one.outpoint, stated) for one, stated in pairs]


def _second_opinion(raw: bytes, psbt: Psbt, found: Sequence[ProvenCoin]) -> None:
    """Last, so that what is refused here was understood and found good by our own reader alone."""
    amounts = [one.previous.highest for one in found] + [one.amount_sat for one in psbt.tx.outputs]
    if max(amounts) <= LIBWALLY_AMOUNT_MAX:
        check_second_reader(raw, psbt, [one.previous.stripped for one in found])


def _owned_inputs(psbt: Psbt, coins: Sequence[TxOutput], own: Own) -> list[Owned]:
    found = []
    for place, (stated, coin) in enumerate(zip(psbt.inputs, coins, strict=True)):
        owned = own(coin.script, bounded(stated.keypaths))
        if owned is None or owned.locking.script_pubkey != coin.script:
            raise Malformed("psbt.input_foreign", f"input {place} spends a coin that is not of these keys")
        check_input(place, stated, owned)
        found.append(owned)
    return found


def _outputs(psbt: Psbt, own: Own, network: Network, limits: Limits) -> tuple[ProvenOutput, ...]:
    found = tuple(_output(place, psbt, own, network, limits) for place in range(len(psbt.tx.outputs)))
    if sum(one.belongs is Belongs.CHANGE for one in found) > limits.change_max:
        raise Malformed("psbt.change_many", f"a draft has at most {limits.change_max} outputs of change")
    return found


def _output(place: int, psbt: Psbt, own: Own, network: Network, limits: Limits) -> ProvenOutput:
    output, stated = psbt.tx.outputs[place], psbt.outputs[place]
    owned = own(output.script, bounded(stated.keypaths))
    if owned is not None and owned.locking.script_pubkey != output.script:
        owned = None
    check_output(place, stated, owned, limits)
    if is_data(output):
        return ProvenOutput(output, Belongs.DATA, "", None)
    recipient = _recipient(place, network, output.script)
    if owned is None:
        return ProvenOutput(output, Belongs.FOREIGN, recipient, None)
    return ProvenOutput(output, Belongs.CHANGE if owned.change else Belongs.OURS, recipient, owned)


def _recipient(place: int, network: Network, script_pubkey: bytes) -> str:
    try:
        return address.recipient_of(network, script_pubkey)
    except Malformed as error:
        raise Malformed(
            "psbt.output_script", f"output {place} pays to nobody that can be named: {error.public}"
        ) from error


def _moved(outputs: Sequence[ProvenOutput]) -> int:
    """What the transaction is about: what is paid; where nobody is, what comes back."""
    paid = sum(one.output.amount_sat for one in outputs if one.belongs is not Belongs.CHANGE)
    return paid or sum(one.output.amount_sat for one in outputs)


def _signed_inputs(psbt: Psbt, coins: Sequence[TxOutput], owned: Sequence[Owned]) -> tuple[ProvenInput, ...]:
    spent = [(one.locking, coin) for one, coin in zip(owned, coins, strict=True)]
    inputs = []
    for place, digest in enumerate(digests(psbt.tx, spent)):
        signatures = psbt.inputs[place].signatures
        _check_signatures(place, digest, signatures, owned[place])
        outpoint = psbt.tx.inputs[place].outpoint
        inputs.append(ProvenInput(outpoint, coins[place], owned[place], digest, signatures))
    return tuple(inputs)


def _check_signatures(
    place: int, digest: bytes, signatures: tuple[tuple[bytes, bytes], ...], owned: Owned
) -> None:
    keys = {one.public_key for one in owned.keypaths} if signatures else ()
    for public_key, signature in signatures:
        if public_key not in keys:
            raise Malformed("psbt.signature_key", f"input {place} carries a signature of a key it has not")
        verify_signature(digest, signature, public_key)
