"""Two signers over real SQLite files, real keys and a direct wire; a family simple enough to read.

A draft of this family is canonical JSON: source, nonce, payments. Its one digest is the draft's hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec
from nacl import bindings

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.chains.family import Family, FamilyName, WalletTerms
from keepcool.core import canonical
from keepcool.core.effects import Effects, Payment, Slot
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import AssetId, IntentId, NetworkId, UserId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord
from keepcool.core.secret import Secret
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.cosigner import keyring, underway
from keepcool.cosigner.attest import attest
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Journal
from keepcool.cosigner.judge import Rulebook
from keepcool.cosigner.keyring import NewKey, SealedKeyring
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.people import People
from keepcool.cosigner.signing import CoSigner, Points
from keepcool.cosigner.witness import Ask, Parties, Witness
from keepcool.hazmat import coinkeys
from keepcool.hazmat.innerseal import InnerKey
from keepcool.policy.case import Case
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Change, RecordRow
from keepcool.wire.messages import Message, SignAnswer, SignItem, SignRequest, WitnessAnswer, WitnessRequest

NETWORK = NetworkId("eip155:31337")
ETH = AssetId("eip155:31337/slip44:60")
NOW_S = 1_800_000_000
HOUR_CAP = 1000
M = TypeVar("M", bound=Message)


def random(size_bytes: int) -> bytes:
    return os.urandom(size_bytes)


def numbered(number: int) -> Secret:
    return Secret(bytearray(number.to_bytes(32, "big")))


class PlainFamily:
    """Addresses are hashes of the terms; drafts are JSON."""

    name, version = FamilyName.EVM, 1

    def derive_address(self, terms: WalletTerms) -> str:
        return "plain-" + hashlib.sha256(repr(terms).encode()).hexdigest()[:40]

    def decode(self, draft: bytes, record: WalletRecord) -> Effects:
        plain = canonical.decode(draft, "draft")
        if plain.get("breaks"):
            raise ZeroDivisionError
        slot = Slot(record.network, f"safe:{record.address}", int(str(plain["nonce"])))
        pay = plain["pay"]
        assert isinstance(pay, dict)
        paid = tuple(Payment(to, Amount(ETH, int(str(units)))) for to, units in pay.items())
        digest = hashlib.sha256(draft).digest()
        return Effects("evm", record.network, record.address, paid, (), (), (), (slot,), None, (digest,))

    def parse_recipient(self, network: NetworkId, text: str) -> str:
        return f"{network}:{text}"

    def encode_signature(self, r: bytes, s: bytes, recovery_id: int) -> bytes:
        return r + s + bytes([27 + recovery_id])

    def verify_signature(self, digest: bytes, signature: bytes, public_key: str) -> None: ...


def family_named(name: str) -> Family:
    return PlainFamily()


@dataclass
class Keys:
    """An Identity whose attestation and journal keys come from its name."""

    service: Service

    def _pair(self, purpose: str) -> tuple[bytes, bytes]:
        seed = hashlib.sha256(f"{self.service} {purpose}".encode()).digest()
        return bindings.crypto_sign_seed_keypair(seed)

    def public(self, purpose: str) -> bytes:
        return self._pair(purpose)[0]

    @property
    def signing_key(self) -> bytes:
        return self.public("message")

    def sign(self, message: bytes) -> bytes:
        return bindings.crypto_sign(message, self._pair("message")[1])[:64]

    def seal(self, recipient: bytes, plaintext: bytes, nonce: bytes) -> bytes:
        return recipient + nonce + plaintext

    def open(self, sender: bytes, sealed: bytes) -> bytes:
        return sealed.removeprefix(sender)

    def attest(self, message: bytes) -> bytes:
        return bindings.crypto_sign(message, self._pair("attestation")[1])[:64]

    def state_head(self, message: bytes) -> bytes:
        return bindings.crypto_sign(message, self._pair("journal")[1])[:64]


@dataclass
class Shelf:
    """A keystore in memory that binds what it keeps and notes every opening."""

    up: bool = True
    openings: list[tuple[str, int]] = field(default_factory=list)

    async def seal(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        return [bound.context() + plain for bound, plain in items]

    async def unseal(self, items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
        if not self.up:
            raise Unavailable("keystore.down", "the keystore does not answer")
        self.openings.append((reference, len(items)))
        if any(not sealed.startswith(bound.context()) for bound, sealed in items):
            raise Breach("keystore.binding", "this ciphertext belongs elsewhere")
        return [sealed.removeprefix(bound.context()) for bound, sealed in items]

    async def check(self) -> None: ...


@dataclass
class Hands:
    """A clock to set and a place to die at."""

    at_ms: int = NOW_S * 1000
    die_at: FaultPoint | None = None

    def now_ms(self) -> int:
        return self.at_ms

    def reach(self, point: FaultPoint) -> None:
        if point is self.die_at:
            raise KilledError


class KilledError(Exception):
    """Stands for kill -9: nothing after it runs."""


def never_twice(case: Case) -> Verdict:
    others = [one for one in case.history.same_slots if one.intent != case.intent.intent]
    free = case.history.lowest_unsigned.get(case.effects.slots[0].space, 0)
    if others or case.effects.slots[0].position > free:
        return Denied("never-twice", "this nonce is taken")
    return Approved("never-twice")


def hour_cap(case: Case) -> Verdict:
    spent = sum(payment.amount.units for payment in case.effects.payments)
    rivals = max((one.spent.get(ETH, 0) for one in case.history.same_slots), default=0)
    total = case.history.spent_hour.get(ETH, 0) + max(spent, rivals)
    return Denied("hour-cap", f"{total} in an hour") if total > HOUR_CAP else Approved("hour-cap")


def attested(case: Case) -> Verdict:
    both = {Service.KEEPER, Service.COOLER} <= case.attested_by
    same = case.derived_address == case.record.address
    return Approved("attested") if both and same else Denied("attested", "not attested by both")


def frozen(case: Case) -> Verdict:
    return Denied("frozen", case.history.frozen[0]) if case.history.frozen else Approved("frozen")


BOOK = Rulebook(
    "ab" * 32,
    (("never-twice", never_twice), ("hour-cap", hour_cap), ("attested", attested), ("frozen", frozen)),
)


async def unreachable(_: WitnessRequest) -> WitnessAnswer:
    raise Unavailable("bus.timeout", "no answer in time")


@dataclass
class Signer:
    """A signer's parts; `cosigner` is what the tests speak to."""

    service: Service
    keys: Keys
    store: SqliteSignerStore
    journal: Journal
    freezes: Freezes
    drafts: SignedDrafts
    witness: Witness
    shelf: Shelf
    hands: Hands
    cosigner: CoSigner
    inner: InnerKey
    people: People

    async def sign(self, *items: SignItem, asked: Asked | None = None) -> SignAnswer:
        return sent(await self.cosigner.sign(SignRequest(items=list(items)), asked or self.new_envelope()))

    def new_envelope(self) -> Asked:
        return Asked(os.urandom(8).hex(), self.hands.at_ms + 60_000, Service.APP)

    def close(self) -> None:
        self.store.close()


def sent(answer: M) -> M:
    """As it comes out of the wire at the other end: what does not fit its own form does not get there."""
    return msgspec.json.decode(msgspec.json.encode(answer), type=type(answer))


def peer_of(service: Service) -> Service:
    return Service.COOLER if service is Service.KEEPER else Service.KEEPER


def open_signer(
    folder: Path,
    service: Service,
    ask: Ask = unreachable,
    *,
    shelf: Shelf | None = None,
    book: Callable[[], Rulebook] = lambda: BOOK,
    families: Callable[[str], Family] = family_named,
) -> Signer:
    keys, peer, hands = Keys(service), peer_of(service), Hands()
    store = open_store(folder / f"{service}.db")
    freezes = Freezes()
    people = People.of(freezes)
    drafts = SignedDrafts(people.owners, people.waiting)
    journal = Journal.opened(store, [drafts, freezes, *people.memories])
    parties = Parties(keys.public("journal"), peer, Keys(peer).public("journal"))
    witness = Witness(keys, parties, journal, store, ask=ask, entropy=random)
    pinned = {one: (Keys(one).public("attestation"),) for one in (Service.KEEPER, Service.COOLER)}
    shelf, inner = shelf or Shelf(), InnerKey(bytearray(hashlib.sha256(service.encode()).digest()))
    role = Role.HOT if service is Service.KEEPER else Role.COOL
    place = (keyring.own_key_of if role is Role.HOT else keyring.one_key)(service, role)
    points = Points(FaultPoint.KEEPER_OPENED, FaultPoint.KEEPER_REMEMBERED, FaultPoint.KEEPER_SIGNED)
    cosigner = CoSigner(
        journal=journal,
        drafts=drafts,
        freezes=freezes,
        registry=OwnRegistry(store, lambda: pinned, families),
        witness=witness,
        keyring=SealedKeyring(store, shelf, inner, role, place),
        rulebook=book,
        clock=hands,
        faults=hands,
        points=points,
        people=people,
    )
    return Signer(
        service, keys, store, journal, freezes, drafts, witness, shelf, hands, cosigner, inner, people
    )


@dataclass
class Pair:
    """Keeper and Cooler that reach each other directly; either can be closed and opened again."""

    folder: Path
    linked: bool = True
    asked: int = 0
    signers: dict[Service, Signer] = field(default_factory=dict)

    def open(self, service: Service, book: Callable[[], Rulebook] = lambda: BOOK) -> Signer:
        async def ask(request: WitnessRequest) -> WitnessAnswer:
            self.asked += 1
            peer = self.signers.get(peer_of(service))
            if peer is None or not self.linked:
                return await unreachable(request)
            return await peer.witness.answer(request)

        self.signers[service] = open_signer(self.folder, service, ask, book=book)
        return self.signers[service]

    def close(self, service: Service) -> None:
        self.signers.pop(service).close()

    def close_all(self) -> None:
        for service in list(self.signers):
            self.close(service)


def wallet_record(name: str, hot: int, families: Callable[[str], Family] = family_named) -> WalletRecord:
    owners = tuple(
        OwnerKey(role, coinkeys.public_key(numbered(secret)).hex())
        for role, secret in ((Role.HOT, hot), (Role.COOL, 1_000_001), (Role.COLD, 1_000_002))
    )
    terms = WalletTerms(
        WalletId(name),
        NETWORK,
        "safe-1.5.0-l1",
        2,
        (owners[0].public_key, owners[1].public_key, owners[2].public_key),
    )
    return WalletRecord(
        WalletId(name), 1, NO_PREVIOUS, "evm", NETWORK, "safe-1.5.0-l1", 2,
        (owners[0], owners[1], owners[2]), families("evm").derive_address(terms), UserId("u1"), "", "",
        Standing.PROVEN, NOW_S,
    )  # fmt: skip


async def register(signer: Signer, name: str, hot: int, record: WalletRecord | None = None) -> None:
    """The wallet's attested record and this signer's key of it, stored."""
    record = record or wallet_record(name, hot)
    encoded = record.encoded()
    signatures = {one: attest(Keys(one), record) for one in (Service.KEEPER, Service.COOLER)}
    role = Role.HOT if signer.service is Service.KEEPER else Role.COOL
    secret = numbered(hot if role is Role.HOT else 1_000_001)
    place = (keyring.own_key_of if role is Role.HOT else keyring.one_key)(signer.service, role)
    new = NewKey(place(record), secret, coinkeys.public_key(secret))
    rows = await keyring.sealed([new], signer.shelf, signer.inner, random, underway.Hands())
    missing = [row for row in rows if signer.store.keys([(row.wallet, row.network, row.purpose)]) == [None]]
    row = RecordRow(record.wallet, record.revision, encoded, signatures)
    await signer.store.commit(Change(records=(row,), keys=tuple(missing)))


def item(wallet: str, nonce: int, pay: dict[str, int], intent: str | None = None) -> SignItem:
    """A payment of ETH units by recipient; the intent is named after wallet and nonce unless told."""
    draft = canonical.encode(
        {"nonce": nonce, "pay": {to: str(units) for to, units in pay.items()}, "source": wallet}
    )
    made = Intent(
        IntentId(intent or f"{wallet}-{nonce}"),
        Purpose.PAY,
        NETWORK,
        WalletId(wallet),
        tuple(Output(to, Amount(ETH, units)) for to, units in pay.items()),
        Amount(ETH, 0),
        NOW_S + 7200,
    )
    return SignItem(intent=made.encoded(), draft=draft)
