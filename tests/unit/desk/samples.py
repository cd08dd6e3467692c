"""Intents that wait, with real drafts of a real Safe, as a signer tells of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec

from keepcool.chains.evm import payouts
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import encode_draft
from keepcool.chains.family import terms_of
from keepcool.core import canonical, registry
from keepcool.core.approvals import effects_hash
from keepcool.core.effects import Effects
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.wire.messages import Head, VerdictItem
from keepcool.wire.reviews import (
    GivenApproval,
    PastDraft,
    ReviewAnswer,
    ReviewSummary,
    SeenDestination,
    WindowUse,
)

NETWORK = NetworkId("eip155:1")
ETH = AssetId("eip155:1/slip44:60")
ALICE = "0x52908400098527886E0F7030069857D2E4169EE7"
NOW_S = 1_800_000_000
PROFILE = "safe-1.5.0-l1"
PUBLIC_KEYS = (
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",  # the curve's G, 2G, 3G
    "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
)


def record(wallet: str = "w-1", owner: str = "user-1", policy_class: str = "retail") -> WalletRecord:
    hot, cool, cold = (OwnerKey(role, key) for role, key in zip(Role, PUBLIC_KEYS, strict=True))
    blank = WalletRecord(
        wallet=WalletId(wallet), revision=1, previous=registry.NO_PREVIOUS, family="evm",
        network=NETWORK, profile=PROFILE, threshold=2, owners=(hot, cool, cold), address="", owner=owner,
        user_key="", policy_class=policy_class, standing=Standing.PROVEN, made_at_s=1,
    )  # fmt: skip
    return replace(blank, address=EvmFamily().derive_address(terms_of(blank)))


def intent(name: str = "i-1", units: int = 5 * 10**18, to: str = ALICE, wallet: str = "w-1") -> Intent:
    return Intent(
        IntentId(name), Purpose.PAY, NETWORK, WalletId(wallet), (Output(to, Amount(ETH, units)),),
        Amount(ETH, 10**16), NOW_S + 86_400,
    )  # fmt: skip


def draft(of: Intent, by: WalletRecord, nonce: int = 2) -> bytes:
    tx = payouts.pay(profile_named(PROFILE), safe=by.address, chain_id=1, nonce=nonce, outputs=of.outputs)
    return encode_draft(tx)


def head(service: str, sequence: int = 40) -> Head:
    return Head(service=service, sequence=sequence, hash=b"\xab" * 32, signature=bytes(64))


def summary(of: Intent, owner: str = "user-1", sequence: int = 7, **changes: object) -> ReviewSummary:
    plain = ReviewSummary(
        intent_hash=of.hash(), intent=of.encoded(), owner=owner, since_s=NOW_S - 300, until_s=0,
        state="waiting", tier="large", needs=["1 approval of accounting"], approvals=[], sequence=sequence,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def review(
    service: str = "cooler",
    of: Intent | None = None,
    by: WalletRecord | None = None,
    policy: str = "",
    **changes: object,
) -> ReviewAnswer:
    """What an honest signer says of this intent; `changes` make it say something else."""
    paid, wallet = of or intent(), by or record()
    raw = draft(paid, wallet)
    effects = EvmFamily().decode(raw, wallet)
    plain = ReviewAnswer(
        summary=summary(paid, wallet.owner),
        record=wallet.encoded(),
        drafts=[raw],
        draft_hashes=[hashlib.sha256(raw).hexdigest()],
        effects=told(effects),
        effects_hash=effects_hash(effects).hex(),
        fee_units_max=str(paid.fee_max.units),
        policy=policy or policy_of(service),
        policy_version=3,
        verdicts=[
            VerdictItem(rule="tiers", outcome="needs_review", reason="tier large needs 1 approval"),
            VerdictItem(rule="cap_day", outcome="approved"),
        ],
        user_key="",
        user_signed=False,
        destinations=[SeenDestination(recipient=ALICE, first_s=0, times=0)],
        history=[PastDraft(at_s=NOW_S - 86_400, intent_hash="ef" * 32, recipients=[ALICE], spent={ETH: "7"})],
        windows=[WindowUse(asset=ETH, window="day", of="user", spent="1", cap="10")],
        hints=["this address was never paid before"],
        head=head(service),
    )
    return msgspec.structs.replace(plain, **changes)


def told(effects: Effects) -> bytes:
    """As a signer tells what a draft does, as far as the desk compares it."""
    return canonical.encode(
        {
            "change": [],
            "digests": [one.hex() for one in effects.digests],
            "payments": [
                [one.recipient, one.amount.asset, str(one.amount.units)] for one in effects.payments
            ],
            "source": effects.source,
        }
    )


def policy_of(service: str) -> str:
    return hashlib.sha256(service.encode()).hexdigest()


def given(approver: str, decision: str, reason: str, sequence: int = 50) -> GivenApproval:
    return GivenApproval(
        approver=approver, decision=decision, reason=reason, at_s=NOW_S, expires_at_s=NOW_S + 60,
        sequence=sequence,
    )  # fmt: skip
