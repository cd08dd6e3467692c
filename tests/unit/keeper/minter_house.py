"""Keeper and Cooler whole, on real files, real keys and real envelopes, for one Minter network.

Their keystore is a shelf in memory, and the chain they meet is a book of accounts that takes signed creates
and reads them with the codec under test only where the signers do not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.sqlite.signer import open_store
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.adapters.system.faults import NoFaults
from keepcool.chains.accounts import AccountPins, account_pins
from keepcool.chains.minter.address import of_multisig
from keepcool.chains.minter.data import CreateMultisig
from keepcool.chains.minter.transaction import SignedTransaction, parse_signed
from keepcool.cooler.attesting import Attesting, Pins
from keepcool.cooler.number_memory import NumberMemory as CoolerNumbers
from keepcool.cooler.proven_memory import ProvenMemory
from keepcool.cooler.proving import OwnersReader, Proofs
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Peer, Service
from keepcool.core.registry import OwnerKey, Role, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.cosigner.foundation import Foundation, Part
from keepcool.cosigner.journal import Memory
from keepcool.cosigner.keyring import NewKey, account_place, one_key, own_key_of, sealed
from keepcool.cosigner.service import Signer
from keepcool.cosigner.signing import nobody
from keepcool.hazmat import accounts, coinkeys, derivation
from keepcool.hazmat.accounts import Account
from keepcool.hazmat.innerseal import InnerKey
from keepcool.keeper.creator_memory import CreatorMemory
from keepcool.keeper.creators import Creators
from keepcool.keeper.issuing import Issuing, PaperKeys
from keepcool.keeper.lock import PoolLock
from keepcool.keeper.main import POINTS
from keepcool.keeper.number_memory import NumberMemory
from keepcool.keeper.paying import Purses
from keepcool.keeper.request_keys import RequestKeys
from keepcool.keeper.reserving import Reserving
from keepcool.local.plan import minter_plan
from keepcool.local.policies import MinterTerms, minter_policy
from keepcool.policy.document import parse_policy
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.minternode import Account as ChainAccount
from keepcool.ports.minternode import Multisig, Owner, Status
from keepcool.ports.signer_store import Change
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    Attested,
    AttestWallets,
    Declined,
    Failure,
    Message,
    ProveItem,
    ProveWallets,
    PurseAnswer,
    PurseItem,
    PurseRequest,
    PurseSigned,
    PurseStatus,
    RegisterWallets,
    ReserveAnswer,
    Reserved,
    ReserveItem,
    ReserveWallets,
    SignAnswer,
    Signed,
    SignItem,
    SignRequest,
    StatusAnswer,
    StatusRequest,
    WalletsAnswer,
)
from keepcool.wire.requestkeys import NO_KEYS, Keys
from tests.unit.app.books.loopback import FixedClock, Lines, LoopbackBus
from tests.unit.cosigner.house import Shelf

NETWORK = NetworkId("minter:2")
COIN = AssetId("minter:2/coin:0")
BIP = 10**18
NOW_S = FixedClock().now // 1000
HARBOR = "Mx" + "5a" * 20
CUSTOMER = "Mx" + "c0" * 20
TERMS = MinterTerms(NETWORK, "MNT", minter_plan(NETWORK, ["http://127.0.0.1:1"]).assets, harbor=HARBOR)
KEEPER, COOLER = Service.KEEPER, Service.COOLER


@dataclass
class Book:
    """The chain as Cooler's nodes tell it: addresses and their owners. `down` is raised instead."""

    multisigs: dict[str, Multisig] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    down: Exception | None = None

    def take(self, raw: bytes) -> SignedTransaction:
        """A create gets into a block."""
        sent = parse_signed(raw)
        tx = sent.transaction
        assert isinstance(tx.data, CreateMultisig)
        rows = zip(tx.data.owners.addresses, tx.data.owners.weights, strict=True)
        owners = tuple(Owner(address, weight) for address, weight in rows)
        self.multisigs[of_multisig(sent.sender(), tx.nonce)] = Multisig(tx.data.owners.threshold, owners)
        return sent

    async def check(self) -> Status:
        return Status("minter-test", 1, bytes(32), 0, catching_up=False)

    async def accounts(self, addresses: Sequence[str]) -> list[ChainAccount]:
        self.asked.append(tuple(addresses))
        await asyncio.sleep(0)
        if self.down is not None:
            raise self.down
        return [ChainAccount(one, (), 0, self.multisigs.get(one)) for one in addresses]


@dataclass(frozen=True)
class Paper:
    """A paper key: the account of the family, and the one key all wallets share in that layout."""

    role: Role
    account: Account
    leaf: Secret
    public: bytes

    @classmethod
    def new(cls, role: Role) -> Paper:
        seed = Secret(bytearray(os.urandom(32)))
        leaf, public = coinkeys.new_key(SystemEntropy())
        return cls(role, accounts.account_of(derivation.master(seed), role, "minter"), leaf, public)

    @property
    def shared(self) -> OwnerKey:
        return OwnerKey(self.role, self.public.hex(), "44h/60h/0h/0/0")


@dataclass
class House:
    """Both signers, their papers, and App's side of the lines."""

    lines: Lines
    keeper: Signer
    cooler: Signer
    cool: Paper
    cold: Paper
    book: Book
    app: Exchange
    pins: AccountPins
    pool: Creators

    async def ask(self, to: Service, typ: str, body: Message) -> Message:
        return await self.app.ask(to, typ, body, 30)

    async def status(self) -> list[PurseStatus]:
        answer = await self.ask(KEEPER, "status.v1", StatusRequest())
        assert isinstance(answer, StatusAnswer)
        return answer.purses

    async def creators(self) -> list[str]:
        return [one.address for one in await self.status()]

    async def reserve(self, *items: ReserveItem, keys: Keys = NO_KEYS) -> list[Reserved | Failure]:
        answer = await self.ask(KEEPER, "wallets.reserve.v1", ReserveWallets(items=list(items), keys=keys))
        assert isinstance(answer, ReserveAnswer)
        return answer.items

    async def prove(self, *items: ProveItem) -> list[Attested | Failure]:
        return await self._wallets(KEEPER, "wallets.prove.v1", ProveWallets(items=list(items)))

    async def attest(self, *records: Attested) -> list[Attested | Failure]:
        return await self._wallets(COOLER, "wallets.attest.v1", AttestWallets(records=list(records)))

    async def register(self, *records: Attested) -> list[Attested | Failure]:
        return await self._wallets(KEEPER, "wallets.register.v1", RegisterWallets(records=list(records)))

    async def purse(self, *items: PurseItem) -> list[PurseSigned | Declined | Failure]:
        answer = await self.ask(KEEPER, "purse.sign.v1", PurseRequest(items=list(items)))
        assert isinstance(answer, PurseAnswer)
        return answer.items

    async def sign(
        self, signer: Service, *items: SignItem, keys: Keys = NO_KEYS
    ) -> list[Signed | Declined | Failure]:
        answer = await self.ask(signer, "sign.v1", SignRequest(items=list(items), keys=keys))
        assert isinstance(answer, SignAnswer)
        return answer.items

    async def wallet(self, name: str, nonce: int = 1, creator: int = 0, keys: Keys = NO_KEYS) -> WalletRecord:
        """Reserved, made, proven and registered."""
        item = wanted(name, (await self.creators())[creator], nonce)
        (reserved,) = await self.reserve(item, keys=keys)
        assert isinstance(reserved, Reserved), reserved
        self.book.take(reserved.transaction)
        (proven,) = await self.prove(ProveItem(wallet=name, owner=f"u-{name}"))
        assert isinstance(proven, Attested), proven
        (both,) = await self.attest(proven)
        assert isinstance(both, Attested), both
        (registered,) = await self.register(both)
        assert isinstance(registered, Attested), registered
        return parse_record(both.record)

    async def _wallets(self, to: Service, typ: str, body: Message) -> list[Attested | Failure]:
        answer = await self.ask(to, typ, body)
        assert isinstance(answer, WalletsAnswer)
        return answer.items


def wanted(wallet: str, creator: str, nonce: int, gas_price: int = 1) -> ReserveItem:
    return ReserveItem(
        wallet=wallet, network=NETWORK, creator=creator, nonce=nonce, gas_price=gas_price, gas_coin=0
    )


def code(item: object) -> str:
    return item.problem.code if isinstance(item, Failure) else type(item).__name__


def objections(item: object) -> set[str]:
    assert isinstance(item, Declined), item
    return {one.rule for one in item.verdicts if one.outcome != "approved"}


def payment(record: WalletRecord, draft: bytes, to: str, units: int, now_s: int = NOW_S) -> SignItem:
    """A fresh intent to pay, and any draft for it."""
    intent = Intent(
        intent=IntentId(f"i-{os.urandom(6).hex()}"),
        purpose=Purpose.PAY,
        network=NETWORK,
        source=WalletId(record.wallet),
        outputs=(Output(to, Amount(COIN, units)),),
        fee_max=Amount(COIN, BIP),
        expires_at_s=now_s + 3600,
    )
    return SignItem(intent=intent.encoded(), draft=draft)


async def opened_house(
    folder: Path,
    terms: MinterTerms = TERMS,
    creators: int = 3,
    nodes: OwnersReader | None = None,
    *,
    request_keys: bool = False,
    keystore: Keystore | None = None,
) -> House:
    """Cooler asks `nodes`; without them the book."""
    identities = {
        one: FileIdentity(one, *(os.urandom(32) for _ in range(4))) for one in (KEEPER, COOLER, Service.APP)
    }
    peers = {one: identity.peer() for one, identity in identities.items()}
    lines, book = Lines(), Book()
    cool, cold = Paper.new(Role.COOL), Paper.new(Role.COLD)
    pins = account_pins([cool.account.pin, cold.account.pin])
    memory, proven = CreatorMemory(), ProvenMemory()
    ground = Ground(folder, lines, terms, peers, request_keys, keystore)
    keeper = await _signer(identities[KEEPER], ground, memory)
    cooler = await _signer(identities[COOLER], ground, proven)
    await _hold(cooler, cool)
    pool = await Creators.opened(keeper, memory, lambda _: creators)
    paper = PaperKeys(cool.shared, cold.shared, pins)
    keys = _request_keys(keeper.foundation, ground)
    issuing = Issuing(keeper, paper, NumberMemory(), keys)
    reserving, purses = Reserving(keeper, memory, pool, paper, keys), Purses(keeper, [pool])
    await keeper.serve(
        {
            "wallets.create.v1": issuing.create,
            "wallets.register.v1": issuing.register,
            "wallets.reserve.v1": reserving.reserve,
            "wallets.prove.v1": reserving.prove,
            "purse.sign.v1": purses.sign,
        },
        purses.status,
    )
    cooler_pins = Pins(cool.public.hex(), cold.public.hex(), pins)
    attesting = Attesting(cooler, cooler_pins, proven, Proofs({NETWORK: nodes or book}), CoolerNumbers())
    await cooler.serve({"wallets.attest.v1": attesting.attest})
    await keeper.witness.start()
    await cooler.witness.start()
    app = Exchange(
        identities[Service.APP],
        peers.values(),
        LoopbackBus(Service.APP, lines),
        FixedClock(),
        SystemEntropy(),
    )
    return House(lines, keeper, cooler, cool, cold, book, app, pins, pool)


def told(
    folder: Path,
    story: Callable[[House], Awaitable[None]],
    terms: MinterTerms = TERMS,
    *,
    creators: int = 3,
    nodes: OwnersReader | None = None,
    request_keys: bool = False,
    keystore: Keystore | None = None,
) -> None:
    async def whole() -> None:
        house = await opened_house(
            folder, terms, creators, nodes, request_keys=request_keys, keystore=keystore
        )
        try:
            await story(house)
        finally:
            for signer in (house.keeper, house.cooler):
                signer.foundation.store.close()

    asyncio.run(whole())


@dataclass(frozen=True)
class Ground:
    """What both signers stand on. `keystore`: Keeper's, a shelf where there is none."""

    folder: Path
    lines: Lines
    terms: MinterTerms
    peers: dict[Service, Peer]
    request_keys: bool = False
    keystore: Keystore | None = None


async def _signer(identity: FileIdentity, ground: Ground, memory: Memory) -> Signer:
    service, clock, entropy = identity.service, FixedClock(), SystemEntropy()
    peers = ground.peers
    others = {one: peer for one, peer in peers.items() if one is not service}
    foundation = Foundation(
        identity=identity,
        own=identity.peer(),
        peers=others,
        store=open_store(ground.folder / f"{service}.sqlite"),
        keystore=(ground.keystore if service is KEEPER else None) or Shelf(),
        inner=InnerKey(bytearray(os.urandom(32))),
        exchange=Exchange(identity, others.values(), LoopbackBus(service, ground.lines), clock, entropy),
        clock=clock,
        entropy=entropy,
        faults=NoFaults(),
        policy=parse_policy(minter_policy(service, ground.terms)),
    )
    role, peer = (Role.HOT, COOLER) if service is KEEPER else (Role.COOL, KEEPER)
    place = (own_key_of if service is KEEPER else one_key)(service, role)
    reserved_at = memory.reserved_at if isinstance(memory, CreatorMemory) else nobody
    part = Part(role=role, place=place, peer=peer, points=POINTS, memories=(memory,), reserved_at=reserved_at)
    if service is KEEPER and ground.request_keys:
        keys = _request_keys(foundation, ground)
        part = replace(part, place=keys.place, unlocked=keys.opened, keyed=keys.refused)
    return await Signer.opened(foundation, part)


def _request_keys(found: Foundation, ground: Ground) -> RequestKeys:
    lock, on = _no_lock(found), ground.request_keys
    return RequestKeys(found.store, lock, found.inner, found.clock, found.entropy, on)


def _no_lock(foundation: Foundation) -> PoolLock:
    later = asyncio.get_running_loop().call_later
    return PoolLock(foundation.store, None, frozenset(), foundation.clock, foundation.entropy, later)


async def _hold(cooler: Signer, paper: Paper) -> None:
    """Cooler's keys as `keepcool cooler new-key` seals them."""
    foundation, pin = cooler.foundation, paper.account.pin
    keys = [
        NewKey(Bound(COOLER.value, "*", "*", Role.COOL.value), paper.leaf, paper.public),
        NewKey(
            account_place(COOLER, Role.COOL, pin.family),
            paper.account.secret,
            pin.key.public_key,
            pin.expression,
        ),
    ]
    with foundation.underway.one() as hands:
        rows = await sealed(keys, foundation.keystore, foundation.inner, foundation.entropy, hands)
        await foundation.store.commit(Change(keys=tuple(rows)))


def _key(peer: Peer) -> bytes:
    assert peer.attestation_key is not None
    return peer.attestation_key
