"""What a paper key signs of Bitcoin: coins on their way to the harbor, with the cool key's paper or the cold.

Laws: the draft is proven here to its last byte, from the wallet's own public keys; every output goes to the
one harbor, or back to the change of the one wallet it is all from, where that was asked for; who signs is
shown what it does before the words are read; every signature is verified against the key of the script it is
for. BIP-45, BIP-174.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from keepcool.chains.bip32 import ExtendedKey
from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.bip45 import PURPOSE
from keepcool.chains.bitcoin.combining import Final, carried, combine
from keepcool.chains.bitcoin.decode import effects_of
from keepcool.chains.bitcoin.descriptor import Descriptor
from keepcool.chains.bitcoin.family import STRUCTURE
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network, Networks
from keepcool.chains.bitcoin.ownership import Own, own_of
from keepcool.chains.bitcoin.proving import Belongs, Proven, ProvenInput, prove
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.restoring import Backup
from keepcool.chains.bitcoin.signatures import from_wire, verify_signature
from keepcool.chains.bitcoin.wallets import first_address, wallet_of
from keepcool.chains.family import FamilyName
from keepcool.cold import judging
from keepcool.core.approval import Approval
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed, Refused
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.cosigner.judge import Rule
from keepcool.hazmat import accounts, coinkeys, papers, process
from keepcool.policy.case import Case

FEE_RATE_MAX = 100_000
_FAMILY = FamilyName.BITCOIN.value


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose coins: from a record, or from the descriptors where the registry is lost (then `record` is a
    stand-in that names none of it). `each`: `own` of every wallet by itself."""

    network: Network
    own: Own
    each: tuple[Own, ...]
    record: WalletRecord
    derived_address: str


@dataclass(frozen=True, slots=True)
class Terms:
    """`harbor`: the one recipient. `change`: outputs may go back to the wallet. The fee is at most
    `fee_rate_max` per 1000 virtual bytes."""

    harbor: str
    change: bool = False
    fee_rate_max: int = FEE_RATE_MAX


@dataclass(frozen=True, slots=True)
class Examined:
    """A draft that was found in order, and what it does. Nothing is signed yet."""

    proven: Proven
    effects: Effects
    approval: Approval


@dataclass(frozen=True, slots=True)
class Signed:
    """The draft with the paper's signatures in it, and the final transaction once there are enough."""

    psbt: bytes
    signatures: tuple[int, ...]
    final: Final | None


def holder_of_record(raw: bytes, networks: Networks = SHIPPED) -> Holder:
    """Raises Malformed on bytes that are no record, Refused on one of another family."""
    record = parse_record(raw)
    if record.family != _FAMILY:
        raise Refused("cold.family", f"this signs for Bitcoin wallets, not for those of {record.family}")
    wallet = wallet_of(record, networks)
    return Holder(wallet.network, wallet.own(), (wallet.own(),), record, first_address(wallet))


def holder_of_backup(backup: Backup) -> Holder:
    """For wallets whose descriptors are all that is left."""
    name = WalletId("descriptors")
    owners = tuple(OwnerKey(role, "") for role in (Role.HOT, Role.COOL, Role.COLD))
    record = WalletRecord(
        wallet=name, revision=1, previous=NO_PREVIOUS, family=_FAMILY, network=backup.network.id, profile="",
        threshold=2, owners=(owners[0], owners[1], owners[2]), address="", owner="", user_key="",
        policy_class="", standing=Standing.PROVEN, made_at_s=0,
    )  # fmt: skip
    return Holder(backup.network, own_of(backup.descriptors()), _each(backup), record, "")


def _each(backup: Backup) -> tuple[Own, ...]:
    """By the keys alone: a file says itself what it calls one wallet."""
    alike: dict[tuple[object, ...], list[Descriptor]] = {}
    for one in backup.descriptors():
        same = (one.kind, one.threshold, one.ordered, frozenset(key.key for key in one.keys))
        alike.setdefault(same, []).append(one)
    return tuple(map(own_of, alike.values()))


def examined(raw: bytes, holder: Holder, terms: Terms, networks: Networks = SHIPPED) -> Examined:
    """Raises Malformed on a draft that lies or is not understood, Refused with every objection."""
    process.harden()
    harbor = address.parse_recipient(holder.network, terms.harbor, networks)
    proven = prove(raw, holder.own, holder.network, STRUCTURE)
    below = tuple(_below_purpose(place, one) for place, one in enumerate(proven.inputs))
    effects = replace(effects_of(proven, holder.record.address), leaves=below)
    rules = _rules(replace(terms, harbor=harbor), _strayed(proven, holder))
    return Examined(proven, effects, judging.granted(_case(effects, holder), harbor, rules))


def signed(found: Examined, words: Sequence[str]) -> Signed:
    """With one paper's words or two. Raises Malformed on words of no paper, or of none of this draft's."""
    inputs = list(found.proven.psbt.inputs)
    for spoken in words:
        with _account(spoken) as (secret, node, fingerprint):
            made = coinkeys.sign(found.approval, secret, node.public_key, node)
        for place, (one, signature) in enumerate(zip(found.proven.inputs, made, strict=True)):
            given = dict(inputs[place].signatures)
            given |= _checked(one, from_wire(signature), fingerprint)
            inputs[place] = replace(inputs[place], signatures=tuple(sorted(given.items())))
    psbt = encode_psbt(replace(found.proven.psbt, inputs=tuple(inputs)))
    counts = tuple(len(one.signatures) for one in inputs)
    enough = all(count >= one.owned.threshold for count, one in zip(counts, found.proven.inputs, strict=True))
    return Signed(psbt, counts, _final(found.proven, psbt) if enough else None)


def _final(proven: Proven, psbt: bytes) -> Final:
    """Proven once more from its bytes, with what was found to be ours."""
    known = {one.coin.script: one.owned for one in proven.inputs}
    known |= {one.output.script: one.owned for one in proven.outputs if one.owned is not None}
    again = prove(psbt, lambda script, _: known.get(script), proven.network, STRUCTURE)
    return combine(again, carried([again]))


def _checked(one: ProvenInput, signature: bytes, fingerprint: bytes) -> dict[bytes, bytes]:
    for keypath in one.owned.keypaths:
        if keypath.fingerprint == fingerprint:
            verify_signature(one.digest, signature, keypath.public_key)
            return {keypath.public_key: signature}
    raise Malformed("cold.other_words", "these words give none of this wallet's keys; read them again")


def _below_purpose(place: int, one: ProvenInput) -> tuple[int, ...]:
    """The steps below m/45h that all three keys of the coin share."""
    paths = {keypath.path for keypath in one.owned.keypaths}
    path = paths.pop()
    if paths or path[:1] != (PURPOSE,) or len(path) < 2:
        raise Malformed("cold.path", f"the keys of input {place} do not lie below m/45h; no paper has them")
    return path[1:]


def _strayed(proven: Proven, holder: Holder) -> str:
    """What is wrong with where change goes: a file may hold a wallet that somebody slipped in."""
    back = [(one.output.script, one.owned) for one in proven.outputs if one.belongs is Belongs.CHANGE]
    if not back:
        return ""
    whole = [*((one.coin.script, one.owned) for one in proven.inputs), *back]
    for own in holder.each:
        if all(owned and own(script, owned.keypaths) for script, owned in whole):
            return ""
    return "part of it comes back to another wallet than the one it is all from"


def _case(effects: Effects, holder: Holder) -> Case:
    paid = tuple(Output(one.recipient, one.amount) for one in effects.payments if one.amount.units)
    intent = Intent(
        intent=IntentId(f"cold-{effects.digests[0].hex()[:32]}"),
        purpose=Purpose.PAY if paid else Purpose.VOID,
        network=holder.network.id,
        source=holder.record.wallet,
        outputs=paid,
        fee_max=Amount(holder.network.asset, 0),
        expires_at_s=1,
    )
    return Case(
        intent=intent,
        effects=effects,
        record=holder.record,
        attested_by=frozenset(),
        derived_address=holder.derived_address,
        evidence=(),
        history=judging.NO_HISTORY,
        now_s=0,
    )


def _rules(terms: Terms, strayed: str) -> tuple[tuple[str, Rule], ...]:
    def wallet(case: Case) -> str:
        fits = case.derived_address == case.record.address
        return "" if fits else "the record's address is not the one its keys lead to"

    def harbor(case: Case) -> str:
        others = sorted({one.recipient for one in case.effects.payments} - {terms.harbor})
        return f"it pays {', '.join(others)}, and the harbor is {terms.harbor}" if others else ""

    def change(case: Case) -> str:
        back = "" if terms.change else "part of it comes back to the wallet, which was not asked for"
        return back or strayed if case.effects.change else ""

    def fee(case: Case) -> str:
        rate = case.effects.fee_rate
        fits = rate is not None and rate <= terms.fee_rate_max
        return "" if fits else f"its fee is {rate} per 1000 vB; at most {terms.fee_rate_max} is allowed"

    def data(case: Case) -> str:
        return "" if case.effects.data_bytes == 0 else "it carries bytes besides its payments"

    return judging.asked((wallet, harbor, change, fee, data))


@contextmanager
def _account(words: str) -> Iterator[tuple[Secret, ExtendedKey, bytes]]:
    """The paper's key at m/45h, its node and its master's fingerprint; all wiped afterwards."""
    paper = papers.opened(words, Role.COLD)
    try:
        account = next(one for one in paper.accounts if one.pin.family == _FAMILY)
        (secret,) = accounts.children(account.secret, [((), account.pin.key.public_key)])
        with secret:
            yield secret, account.pin.key, account.pin.key.parent
    finally:
        paper.wipe()
