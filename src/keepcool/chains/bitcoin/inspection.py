"""What somebody holds in hand (a PSBT or a transaction), read as the signers read it.

Laws: an amount is shown as proven only when the whole previous transaction proves it, an output as ours or
change only when the descriptors given here make its script; what is not proven is named, and the rest is
shown beside it. Nothing is refused for taste: fees, dust and time locks are for the rules.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.combining import carried, combine
from keepcool.chains.bitcoin.decode import effects_of
from keepcool.chains.bitcoin.descriptor import Descriptor
from keepcool.chains.bitcoin.finished import as_draft
from keepcool.chains.bitcoin.limits import UNBOUNDED, is_data
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.ownership import Own, Owned, own_of, owned_at
from keepcool.chains.bitcoin.prevouts import proven_coin
from keepcool.chains.bitcoin.proving import Proven, prove
from keepcool.chains.bitcoin.psbt import MAGIC, KeyPath, Psbt, encode_psbt, parse_psbt
from keepcool.chains.bitcoin.transaction import Outpoint, Transaction, TxOutput, parse_transaction
from keepcool.core.effects import Effects
from keepcool.core.errors import KeepcoolError, Malformed

_HEX = re.compile(r"(0x)?[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class SeenInput:
    """`coin` and `recipient` are None and "" while no previous transaction proves them; `path` is where our
    keys for it lie, "" while they are not proven to be ours. `signed_by`: public keys, each verified."""

    outpoint: Outpoint
    sequence: int
    coin: TxOutput | None
    recipient: str
    path: str
    signed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenOutput:
    """`belongs` is foreign, change, ours, data, or unproven."""

    output: TxOutput
    recipient: str
    belongs: str
    path: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """`unproven` says why not everything is proven; with it `proven` and `effects` are None, and `fee_sat` is
    there if all amounts are known. `txid` is None while a signature could still change it."""

    kind: str
    network: Network
    tx: Transaction
    txid: bytes | None
    inputs: tuple[SeenInput, ...]
    outputs: tuple[SeenOutput, ...]
    fee_sat: int | None
    proven: Proven | None
    effects: Effects | None
    unproven: KeepcoolError | None


def inspect(
    data: bytes,
    network: Network,
    descriptors: Sequence[Descriptor] = (),
    previous: Sequence[bytes] = (),
    search: int = 1_000,
) -> Inspection:
    """`data`: a PSBT or transaction as bytes, hexadecimal or base64. `previous`: transactions that made the
    coins of a transaction, which carries none itself. `search`: how many addresses per branch are ours
    though nothing claims it. Raises Malformed on bytes that are neither."""
    raw = read_bytes(data)
    own = _searching(descriptors, search)
    if raw[:5] == MAGIC:
        return _psbt(raw, parse_psbt(raw), network, own)
    tx = parse_transaction(raw)
    return _transaction(tx, network, own, previous)


def read_bytes(data: bytes) -> bytes:
    """The bytes themselves, whichever of the three ways they were written in."""
    if data[:5] == MAGIC:
        return data
    try:
        text = data.decode("ascii").strip()
        return bytes.fromhex(text.removeprefix("0x")) if _HEX.fullmatch(text) else _base64(text)
    except (UnicodeDecodeError, ValueError):
        return data


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise Malformed(
            "inspect.input", "neither a PSBT nor a transaction, in bytes, hexadecimal or base64"
        ) from error


def _psbt(raw: bytes, psbt: Psbt, network: Network, own: Own) -> Inspection:
    try:
        proven = prove(raw, own, network, UNBOUNDED)
    except KeepcoolError as error:
        return _unproven("psbt", psbt, network, error)
    return _proven("psbt", proven, _source(proven))


def _transaction(tx: Transaction, network: Network, own: Own, previous: Sequence[bytes]) -> Inspection:
    """A transaction is proven as the draft it was, with its signatures in it."""
    psbt = as_draft(tx, previous, own)
    try:
        proven = prove(encode_psbt(psbt), own, network, UNBOUNDED)
        _check_whole(tx, proven)
    except KeepcoolError as error:
        return replace(_unproven("transaction", psbt, network, error), tx=tx, txid=tx.txid)
    seen = _proven("transaction", proven, _source(proven))
    return replace(seen, tx=tx, txid=tx.txid)


def _check_whole(tx: Transaction, proven: Proven) -> None:
    """Raises Malformed unless the signatures that verify finish the very same transaction."""
    if combine(proven, carried([proven])).tx != tx:
        raise Malformed("inspect.signatures", "the transaction carries more than its signatures need")


def _proven(kind: str, proven: Proven, source: str) -> Inspection:
    network = proven.network
    inputs = tuple(
        SeenInput(
            one.outpoint,
            bare.sequence,
            one.coin,
            address.spell(network, one.coin.script),
            spelled_path(one.owned),
            tuple(key.hex() for key, _ in one.signatures),
        )
        for bare, one in zip(proven.tx.inputs, proven.inputs, strict=True)
    )
    outputs = tuple(
        SeenOutput(one.output, one.recipient, one.belongs.value, spelled_path(one.owned))
        for one in proven.outputs
    )
    fixed = all(one.owned.locking.witness and not one.owned.locking.redeem for one in proven.inputs)
    txid = proven.tx.txid if fixed else None
    effects = effects_of(proven, source)
    return Inspection(kind, network, proven.tx, txid, inputs, outputs, proven.fee_sat, proven, effects, None)


def _unproven(kind: str, psbt: Psbt, network: Network, error: KeepcoolError) -> Inspection:
    coins = [_coin(psbt, place) for place in range(len(psbt.tx.inputs))]
    inputs = tuple(
        SeenInput(bare.outpoint, bare.sequence, coin, _named(network, coin), "", ())
        for bare, coin in zip(psbt.tx.inputs, coins, strict=True)
    )
    outputs = tuple(
        SeenOutput(one, _named(network, one), "data" if is_data(one) else "unproven", "")
        for one in psbt.tx.outputs
    )
    known = [coin.amount_sat for coin in coins if coin is not None]
    fee = sum(known) - sum(one.amount_sat for one in psbt.tx.outputs)
    fee_sat = fee if known and len(known) == len(coins) and fee >= 0 else None
    return Inspection(kind, network, psbt.tx, None, inputs, outputs, fee_sat, None, None, error)


def _coin(psbt: Psbt, place: int) -> TxOutput | None:
    try:
        return proven_coin(psbt.tx.inputs[place].outpoint, psbt.inputs[place]).output
    except Malformed:
        return None


def _named(network: Network, output: TxOutput | None) -> str:
    if output is None:
        return ""
    try:
        return address.spell(network, output.script)
    except Malformed:
        return ""


def _source(proven: Proven) -> str:
    """The one address everything comes from; "" when there are several."""
    scripts = {one.coin.script for one in proven.inputs}
    return address.spell(proven.network, scripts.pop()) if len(scripts) == 1 else ""


def spelled_path(owned: Owned | None) -> str:
    """The path of an own script below its keys' origins, as far as all keys share it; "" when not ours."""
    if owned is None:
        return ""
    paths = [keypath.path for keypath in owned.keypaths]
    shared: list[str] = []
    for steps in zip(*(reversed(path) for path in paths), strict=False):
        if len(set(steps)) > 1 or steps[0] >= 2**31:
            break
        shared.append(str(steps[0]))
    return "/".join(reversed(shared))


def _searching(descriptors: Sequence[Descriptor], count: int) -> Own:
    """What a claim points to, and what is found among the first `count` addresses of each branch."""
    claimed, table = own_of(descriptors), dict(_first(descriptors, count))

    def own(script_pubkey: bytes, claims: tuple[KeyPath, ...]) -> Owned | None:
        found = claimed(script_pubkey, claims)
        if found is None and script_pubkey in table:
            found = owned_at(*table[script_pubkey])
        return found

    return own


def _first(
    descriptors: Sequence[Descriptor], count: int
) -> Iterator[tuple[bytes, tuple[Descriptor, int, int]]]:
    for descriptor in descriptors:
        indices = range(count if descriptor.ranged else 1)
        for choice in range(descriptor.choices):
            for index, script in enumerate(descriptor.branch(choice).script_pubkeys(indices)):
                yield script, (descriptor, choice, index)
