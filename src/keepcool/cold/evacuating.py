"""What the cold key signs: coins of a Minter wallet on their way to the harbor. Judged as everywhere.

Laws: the draft is decoded here to its last byte; by a send or a multisend, all of it goes to the one harbor;
nothing that changes owners is ever signed, because where wallets share their keys one such signature would
change the owners of all; the words must give the key on the record. The paper is read, used and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from keepcool.chains.accounts import account_origin_of, child_key, steps_of, wallet_number_of
from keepcool.chains.families import family_named
from keepcool.chains.family import FamilyName, terms_of
from keepcool.chains.minter.assets import coin_asset
from keepcool.cold import judging
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed, Refused
from keepcool.core.ids import IntentId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import Role, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.cosigner.judge import Rule
from keepcool.hazmat import accounts, coinkeys, papers, process
from keepcool.hazmat.papers import Paper
from keepcool.policy.case import Case
from keepcool.policy.families import MINTER


@dataclass(frozen=True, slots=True)
class Order:
    """`record`: a registry record's canonical bytes. `draft`: the nine fields. The fee is paid in `gas_coin`
    at no more than `gas_price_max`."""

    record: bytes
    draft: bytes
    harbor: str
    gas_price_max: int = 10
    gas_coin: int = 0


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, the key that signed it (compressed, hex), and r, s, v (65 bytes)."""

    record: WalletRecord
    effects: Effects
    public_key: str
    signature: bytes


def sign(words: str, order: Order) -> Signed:
    """Raises Refused with every objection, Malformed on bytes that are not understood, and what is wrong with
    the words."""
    process.harden()
    case = _case(order)
    approval = judging.granted(case, order.harbor, _rules(order))
    owner = case.record.key(Role.COLD)
    with _key(words, case.record) as secret:
        public = bytes.fromhex(owner.public_key)
        (signature,) = coinkeys.sign(approval, secret, public)
    return Signed(case.record, case.effects, owner.public_key, signature)


def _case(order: Order) -> Case:
    record = parse_record(order.record)
    if record.family != FamilyName.MINTER:
        raise Refused("cold.family", f"this signs for Minter wallets, not for those of {record.family}")
    family = family_named(record.family)
    family.parse_recipient(record.network, order.harbor)
    effects = family.decode(order.draft, record)
    if not any(one.amount.units for one in effects.payments):
        found = [hazard.text for hazard in effects.hazards] or ["this draft pays nothing to anybody"]
        raise Refused("cold.refused", "not signed: " + "; ".join(found))
    intent = Intent(
        intent=IntentId(f"cold-{effects.digests[0].hex()[:32]}"),
        purpose=Purpose.PAY,
        network=record.network,
        source=record.wallet,
        outputs=tuple(Output(one.recipient, one.amount) for one in effects.payments if one.amount.units),
        fee_max=Amount(coin_asset(record.network, order.gas_coin), 0),
        expires_at_s=1,
    )
    return Case(
        intent=intent,
        effects=effects,
        record=record,
        attested_by=frozenset(),
        derived_address=family.derive_address(terms_of(record)),
        evidence=(),
        history=judging.NO_HISTORY,
        now_s=0,
    )


def _rules(order: Order) -> tuple[tuple[str, Rule], ...]:
    def address(case: Case) -> str:
        fits = case.derived_address == case.record.address
        return "" if fits else "the record's address does not come from its creation"

    def hazards(case: Case) -> str:
        return "; ".join(one.text for one in case.effects.hazards)

    def calls(case: Case) -> str:
        found = {call.selector for call in case.effects.calls}
        return "" if found and found <= set(MINTER.calls) else "the cold key signs sends and multisends alone"

    def harbor(case: Case) -> str:
        others = sorted({one.recipient for one in case.effects.payments} - {order.harbor})
        return f"it pays {', '.join(others)}, and the harbor is {order.harbor}" if others else ""

    def fee(case: Case) -> str:
        rate = case.effects.fee_rate
        if rate is None or not 1 <= rate <= order.gas_price_max:
            return f"its gas price is {rate}; from 1 to {order.gas_price_max} is allowed"
        wanted = coin_asset(case.record.network, order.gas_coin)
        fits = case.effects.fee_asset == wanted
        return "" if fits else f"it pays its fee in {case.effects.fee_asset}, not in {wanted}"

    def data(case: Case) -> str:
        return "" if case.effects.data_bytes == 0 else "it carries bytes besides its payments"

    return judging.asked((address, hazards, calls, harbor, fee, data))


@contextmanager
def _key(words: str, record: WalletRecord) -> Iterator[Secret]:
    """The wallet's cold key, wiped afterwards. Raises Refused when the words give another."""
    paper = papers.opened(words, Role.COLD)
    try:
        secret = _secret_of(paper, record)
        try:
            yield secret
        finally:
            secret.wipe()
    finally:
        paper.wipe()


def _secret_of(paper: Paper, record: WalletRecord) -> Secret:
    owner = record.key(Role.COLD)
    number, steps = wallet_number_of(owner), steps_of(owner)
    if number is None or steps is None:
        if owner.public_key != paper.public.hex():
            raise _other_words()
        return paper.leaf
    for account in paper.accounts:
        if account.pin.family == record.family and account.pin.origin == account_origin_of(owner):
            if child_key(account.pin, number) != owner:
                raise _other_words()
            return accounts.children(account.secret, [(steps, bytes.fromhex(owner.public_key))])[0]
    raise _other_words()


def _other_words() -> Malformed:
    return Malformed(
        "cold.other_words", "these words do not give the cold key on the record; read them again"
    )
