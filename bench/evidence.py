"""What people's signatures cost a signer: whole batches through Cooler, with evidence and without.

Cooler is its own process and does all it does for a payment (envelope, decoding, rules and tiers, journal,
witness, keystore, signature); the kinds of payment take turns. Beside it the libraries verify and do nothing
else. People's keys are made before the clock runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec
import uvloop
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.fixtures.softkey import (
    ORIGIN,
    USERS_ORIGIN,
    SoftEd25519,
    SoftKey,
    SoftPasskey,
    approved,
    user_passkey,
)

from bench.measure import Figure, side_by_side
from bench.rig import ETH, Rig, asked, payment, signed, signers, wallets
from keepcool.chains.families import family_named
from keepcool.core.approvals import APPROVAL_KIND, USER_KIND, Approval, Decision, effects_hash, user_challenge
from keepcool.core.intent import parse_intent
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local.people import People, PersonPlan
from keepcool.wire import proofs
from keepcool.wire.messages import EvidenceItem, SignItem, StatusAnswer, StatusRequest

BATCH, ROUNDS = 100, 5
DEVICE, PASSKEY = SoftEd25519("owner"), user_passkey("owner")
APPROVERS: dict[str, SoftKey] = {
    "anna": SoftEd25519("anna"),
    "boris": SoftEd25519("boris"),
    "clara": SoftPasskey("clara"),
    "david": SoftPasskey("david"),
}
NEEDS_NOBODY, NEEDS_ONE, NEEDS_TWO = 1, 2, 3  # wei, as the tiers below have it


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of payment: what it comes with. `wei` chooses the tier."""

    name: str
    wei: int = NEEDS_NOBODY
    owner: SoftKey | None = None
    approvers: tuple[str, ...] = ()


PLAIN = _Kind("no evidence")
KINDS = (
    PLAIN,
    _Kind("the owner, Ed25519", owner=DEVICE),
    _Kind("the owner, passkey (ES256)", owner=PASSKEY),
    _Kind("one approval, Ed25519", NEEDS_ONE, approvers=("anna",)),
    _Kind("two approvals, Ed25519", NEEDS_TWO, approvers=("anna", "boris")),
    _Kind("one approval, passkey", NEEDS_ONE, approvers=("clara",)),
    _Kind("two approvals, passkeys", NEEDS_TWO, approvers=("clara", "david")),
)


def people(desk_url: str = ORIGIN) -> People:
    """Owners who sign, four approvers, and a desk."""
    listed = [
        PersonPlan(name, key.text, key.credential if isinstance(key, SoftPasskey) else "")
        for name, key in APPROVERS.items()
    ]
    return People(user_signatures=True, users_url=USERS_ORIGIN, approvers=tuple(listed), desk_url=desk_url)


def tiers(tables: dict[str, Any]) -> None:
    """Nobody, one or two by the amount; owners for their own. And much may wait."""
    one, two = ([{"group": "accounting", "count": count}] for count in (1, 2))
    tables["tiers"] = [
        {"name": "owners", "owned": True, "user": True},
        {"name": "small", "owned": False, "transaction_units_max": {ETH: str(NEEDS_NOBODY)}},
        {"name": "one", "owned": False, "transaction_units_max": {ETH: str(NEEDS_ONE)}, "approvals": one},
        {"name": "two", "owned": False, "approvals": two},
    ]
    tables["alarm"] = {"denials_max": 50, "window_s": 60, "reviews_per_hour_max": 20_000}


def evidence() -> list[Figure]:
    with (
        signers(people(), tiers) as installation,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):

        async def measured() -> dict[str, list[float]]:
            async with asked(installation) as rig:
                return await _taken(rig)

        took = runner.run(measured())
    return [*_costs(took), *_bare()]


async def _taken(rig: Rig) -> dict[str, list[float]]:
    """Seconds for one payment of each kind, batch by batch, the kinds in turn."""
    policies = await _policies(rig)
    batches = {kind.name: await _batches(rig, kind, policies) for kind in KINDS}
    times: dict[str, list[float]] = {kind.name: [] for kind in KINDS}
    for at in range(ROUNDS + 1):
        for name, made in batches.items():
            begin = time.perf_counter()
            await signed(rig, Service.COOLER, made[at])
            if at:  # the first one warms up
                times[name].append((time.perf_counter() - begin) / BATCH)
    return times


async def _batches(rig: Rig, kind: _Kind, policies: tuple[str, ...]) -> list[list[SignItem]]:
    records = await wallets(rig, BATCH, "" if kind.owner is None else kind.owner.text)
    return [
        [_with(kind, record, payment(rig, record, nonce, kind.wei), policies) for record in records]
        for nonce in range(ROUNDS + 1)
    ]


def _with(kind: _Kind, record: WalletRecord, item: SignItem, policies: tuple[str, ...]) -> SignItem:
    given = []
    if kind.owner is not None:
        proof = proofs.encode(kind.owner.proof(user_challenge(item.intent)))
        given.append(EvidenceItem(kind=USER_KIND, key=kind.owner.text, proof=proof))
    for name in kind.approvers:
        [one] = approved(APPROVERS[name], _approval(name, record, item, policies))
        given.append(EvidenceItem(kind=APPROVAL_KIND, key=APPROVERS[name].text, proof=proofs.encode(one)))
    return msgspec.structs.replace(item, evidence=given)


def _approval(name: str, record: WalletRecord, item: SignItem, policies: tuple[str, ...]) -> Approval:
    intent = parse_intent(item.intent)
    effects = family_named(record.family).decode(item.draft, record)
    return Approval(
        decision=Decision.APPROVE, intent=intent.hash(), effects=effects_hash(effects).hex(),
        fee_units_max=intent.fee_max.units, policies=policies, approver=name, reason="looked at",
        expires_at_s=intent.expires_at_s,
    )  # fmt: skip


async def _policies(rig: Rig) -> tuple[str, ...]:
    """Of both signers, as approvals name them."""
    found = []
    for signer in (Service.KEEPER, Service.COOLER):
        answer = await rig.exchange.ask(signer, "status.v1", StatusRequest(), 5)
        assert isinstance(answer, StatusAnswer)
        found.append(answer.policy)
    return tuple(sorted(found))


def _costs(took: dict[str, list[float]]) -> list[Figure]:
    """What is more is the median of the differences within a round: machines drift."""
    plain = took[PLAIN.name]
    figures = [Figure(f"a payment with {PLAIN.name}", median(plain) * 1000, "ms")]
    for name, times in took.items():
        if name != PLAIN.name:
            more = median(one - base for one, base in zip(times, plain, strict=True))
            beside = f"{more * 1000:+.2f} ms, {median(times) / median(plain):.2f} x"
            figures.append(Figure(f"a payment with {name}", median(times) * 1000, "ms", beside))
    return figures


def _bare() -> list[Figure]:
    rates = side_by_side(_verifiers(), rounds=3)
    return [Figure(f"{name}: one verification", 1000 / rate, "ms") for name, rate in rates.items()]


def _verifiers() -> dict[str, Callable[[], int]]:
    """Each verifies one signature a call. A passkey's key is read from its compressed point each time, as a
    signer has it; `cryptography` does the same."""
    message = hashlib.sha256(b"keepcool bench").digest()
    device = DEVICE.secret
    ed25519 = device.sign(message).signature
    point, hashed = PASSKEY.public, SHA256.new(message)
    es256 = bytes(DSS.new(PASSKEY.secret, "fips-186-3", encoding="der").sign(hashed))
    ready = ECC.import_key(point, curve_name="P-256")

    def nacl() -> int:
        device.verify_key.verify(message, ed25519)
        return 1

    def pycryptodome() -> int:
        key = ECC.import_key(point, curve_name="P-256")
        DSS.new(key, "fips-186-3", encoding="der").verify(hashed, es256)
        return 1

    def pycryptodome_ready() -> int:
        DSS.new(ready, "fips-186-3", encoding="der").verify(hashed, es256)
        return 1

    def openssl() -> int:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key.verify(es256, message, ec.ECDSA(hashes.SHA256()))
        return 1

    return {
        "PyNaCl Ed25519": nacl,
        "pycryptodome P-256 (what signers use)": pycryptodome,
        "pycryptodome P-256, the key read before": pycryptodome_ready,
        "cryptography (OpenSSL) P-256": openssl,
    }
