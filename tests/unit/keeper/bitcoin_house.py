"""Keeper and Cooler whole, on real files, real keys and real envelopes, for a network of the Bitcoin family.

Their keystore is a shelf in memory; coins come from transactions made up here, which nobody needs a chain
for: a draft carries all of them, and Bitcoin Core's own script code says whether what was signed is valid."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.sqlite.signer import open_store
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.adapters.system.faults import NoFaults
from keepcool.chains.accounts import AccountPins, account_pins
from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.bip45 import CHANGE, RECEIVING
from keepcool.chains.bitcoin.combining import Final, combine
from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.signatures import from_wire
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.chains.bitcoin.wallets import Bip45Wallet, wallet_of
from keepcool.cooler.attesting import Attesting, Pins
from keepcool.cooler.number_memory import NumberMemory as CoolerNumbers
from keepcool.cooler.proven_memory import ProvenMemory
from keepcool.cooler.proving import Proofs
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Peer, Service
from keepcool.core.registry import OwnerKey, Role, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.cosigner.foundation import Foundation, Part
from keepcool.cosigner.journal import Memory
from keepcool.cosigner.keyring import NewKey, account_place, one_key, sealed
from keepcool.cosigner.service import Signer
from keepcool.hazmat import accounts, derivation
from keepcool.hazmat.accounts import Account
from keepcool.hazmat.innerseal import InnerKey
from keepcool.keeper.issuing import Issuing, PaperKeys
from keepcool.keeper.lock import PoolLock
from keepcool.keeper.lock_terms import LockTerms
from keepcool.keeper.main import POINTS
from keepcool.keeper.number_memory import NumberMemory
from keepcool.keeper.request_keys import RequestKeys
from keepcool.keeper.resealing import Resealing
from keepcool.local.policies import PolicyPart, written
from keepcool.policy.document import parse_policy
from keepcool.ports.keystore import Keystore
from keepcool.ports.signer_store import Change
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    Attested,
    AttestWallets,
    CreateWallets,
    Declined,
    Failure,
    Message,
    NewWallet,
    RegisterWallets,
    SignAnswer,
    Signed,
    SignItem,
    SignRequest,
    WalletsAnswer,
)
from keepcool.wire.requestkeys import NO_KEYS, Keys
from tests.unit.app.books.loopback import FixedClock, Lines, LoopbackBus
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import Coin, draft, funding
from tests.unit.cosigner.house import Shelf

LITECOIN = SHIPPED.named("litecoin-regtest")
OWN, POOL = "bip45-p2wsh", "bip45-pool-p2wsh"
NOW_S = FixedClock().now // 1000
KEEPER, COOLER = Service.KEEPER, Service.COOLER
COIN_SAT = 10_000_000
CUSTOMER = address.spell(LITECOIN, b"\x00\x14" + b"\xc0" * 20)
STRANGER = address.spell(LITECOIN, b"\x00\x14" + b"\x66" * 20)


@dataclass(frozen=True)
class Paper:
    """A paper key: the account of the family, which is all a Bitcoin wallet takes keys from."""

    role: Role
    account: Account

    @classmethod
    def new(cls, role: Role) -> Paper:
        root = derivation.master(Secret(bytearray(os.urandom(32))))
        return cls(role, accounts.account_of(root, role, "bitcoin"))


@dataclass
class House:
    """Both signers, their papers, and App's side of the lines."""

    keeper: Signer
    cooler: Signer
    cool: Paper
    cold: Paper
    app: Exchange
    pins: AccountPins
    lock: PoolLock
    salt: int = 0

    async def ask(self, to: Service, typ: str, body: Message) -> Message:
        return await self.app.ask(to, typ, body, 60)

    async def create(self, *wallets: NewWallet, keys: Keys = NO_KEYS) -> list[Attested | Failure]:
        body = CreateWallets(wallets=list(wallets), keys=keys)
        return await self._wallets(KEEPER, "wallets.create.v1", body)

    async def attest(self, *records: Attested) -> list[Attested | Failure]:
        return await self._wallets(COOLER, "wallets.attest.v1", AttestWallets(records=list(records)))

    async def register(self, *records: Attested) -> list[Attested | Failure]:
        return await self._wallets(KEEPER, "wallets.register.v1", RegisterWallets(records=list(records)))

    async def sign(
        self, signer: Service, *items: SignItem, keys: Keys = NO_KEYS
    ) -> list[Signed | Declined | Failure]:
        answer = await self.ask(signer, "sign.v1", SignRequest(items=list(items), keys=keys))
        assert isinstance(answer, SignAnswer)
        return answer.items

    async def wallet(self, name: str, profile: str = OWN, keys: Keys = NO_KEYS) -> WalletRecord:
        """Created, attested and registered."""
        (made,) = await self.create(wanted(name, profile), keys=keys)
        assert isinstance(made, Attested), made
        (both,) = await self.attest(made)
        assert isinstance(both, Attested), both
        (registered,) = await self.register(both)
        assert isinstance(registered, Attested), registered
        return parse_record(both.record)

    def coins(self, record: WalletRecord, count: int) -> list[Coin]:
        self.salt += count
        return coins_of(record, count, self.salt)

    async def both_sign(self, record: WalletRecord, item: SignItem) -> Final:
        """Both signatures combined, and judged by Bitcoin Core's script code."""
        (hot,) = await self.sign(KEEPER, item)
        (cool,) = await self.sign(COOLER, item)
        assert isinstance(hot, Signed), hot
        assert isinstance(cool, Signed), cool
        return final(record, item.draft, {Role.HOT: hot.signatures, Role.COOL: cool.signatures})

    async def _wallets(self, to: Service, typ: str, body: Message) -> list[Attested | Failure]:
        answer = await self.ask(to, typ, body)
        assert isinstance(answer, WalletsAnswer)
        return answer.items


def coins_of(record: WalletRecord, count: int, salt: int, previous_bytes: int = 0) -> list[Coin]:
    """Coins at receiving addresses 0, 1, … of the hot branch, other ones for another salt; each from a
    transaction that carries so many bytes besides."""
    wallet = wallet_of(record)
    places = [wallet.place(RECEIVING, index) for index in range(count)]
    return [coin_at(wallet.owned(place), salt + at, previous_bytes) for at, place in enumerate(places)]


def coin_at(owned: Owned, salt: int, previous_bytes: int = 0) -> Coin:
    data = [TxOutput(0, b"\x6a" + bytes(previous_bytes))] if previous_bytes else []
    mine = TxOutput(COIN_SAT, owned.locking.script_pubkey)
    other = TxOutput(70_000, b"\x00\x14" + b"\xb0" * 20)
    return Coin(funding(other, mine, *data, salt=salt), 1, owned)


def final(record: WalletRecord, raw: bytes, given: dict[Role, list[bytes]]) -> Final:
    """What App makes of two signers' answers. Raises Malformed when it does not unlock the coins."""
    family, wallet = BitcoinFamily(), wallet_of(record)
    proven, leaves = family.prove(raw, record), family.decode(raw, record).leaves
    signatures = [
        {wallet.leaf_key(role, leaf): from_wire(made[place]) for role, made in given.items()}
        for place, leaf in enumerate(leaves)
    ]
    return combine(proven, signatures, core)


def wanted(wallet: str, profile: str = OWN, owner: str = "", network: str = LITECOIN.id) -> NewWallet:
    return NewWallet(wallet=wallet, network=network, profile=profile, owner=owner or f"u-{wallet}")


def code(item: object) -> str:
    return item.problem.code if isinstance(item, Failure) else type(item).__name__


def objections(item: object) -> set[str]:
    assert isinstance(item, Declined), item
    return {one.rule for one in item.verdicts if one.outcome != "approved"}


def psbt(
    record: WalletRecord,
    coins: Sequence[Coin],
    to: str = CUSTOMER,
    units: int = COIN_SAT // 2,
    fee_sat: int = 5_000,
) -> bytes:
    """Pays `units` to one recipient; the rest comes back to the hot branch's change."""
    wallet: Bip45Wallet = wallet_of(record)
    paid = TxOutput(units, address.parse_address(LITECOIN, to))
    change = wallet.owned(wallet.place(CHANGE, 0))
    return encode_psbt(draft(coins, [paid], {0: change}, fee_sat))


def payment(
    record: WalletRecord,
    raw: bytes,
    to: str = CUSTOMER,
    units: int = COIN_SAT // 2,
    name: str = "",
) -> SignItem:
    """An intent to pay, a fresh one unless named, and any draft for it."""
    intent = Intent(
        intent=IntentId(name or f"i-{os.urandom(6).hex()}"),
        purpose=Purpose.PAY,
        network=LITECOIN.id,
        source=WalletId(record.wallet),
        outputs=(Output(to, Amount(LITECOIN.asset, units)),),
        fee_max=Amount(LITECOIN.asset, 1_000_000),
        expires_at_s=NOW_S + 3600,
    )
    return SignItem(intent=intent.encoded(), draft=raw)


def policy(service: Service, **changes: object) -> bytes:
    rules: dict[str, object] = {
        "family": "bitcoin",
        "profile": OWN,
        "pool_profile": POOL,
        "fee_max_units": "1000000",
        "fee_rate_max": 1_000_000,
        "fee_share_max": 500,
        "change_max": 5,
        "native": {"asset": LITECOIN.asset, "symbol": "LTC", "decimals": 8},
        **changes,
    }
    caps = {f"cap_{span}_units": str(21 * 10**14) for span in ("transaction", "hour", "day")}
    asset = {LITECOIN.asset: {"symbol": "LTC", "decimals": 8, **caps}}
    return written(service, [PolicyPart(LITECOIN.id, "satoshi", rules, asset)])


@dataclass(frozen=True)
class Ground:
    """What both signers stand on, kept so that they can be opened again. `terms`: of the lock on pools.
    `rules`: what their policy says otherwise than usual, `people` what it says besides; `installation`: the
    root key (hex); `keystore`: Keeper's, a shelf where there is none."""

    folder: Path
    lines: Lines
    identities: dict[Service, FileIdentity]
    inner: dict[Service, bytes] = field(
        default_factory=lambda: {one: os.urandom(32) for one in (KEEPER, COOLER)}
    )
    cool: Paper = field(default_factory=lambda: Paper.new(Role.COOL))
    cold: Paper = field(default_factory=lambda: Paper.new(Role.COLD))
    terms: LockTerms | None = None
    rules: Mapping[str, object] = field(default_factory=dict)
    people: bytes = b""
    installation: str = ""
    request_keys: bool = False
    keystore: Keystore | None = None

    @classmethod
    def new(cls, folder: Path) -> Ground:
        named = (KEEPER, COOLER, Service.APP)
        return cls(
            folder, Lines(), {one: FileIdentity(one, *(os.urandom(32) for _ in range(4))) for one in named}
        )

    def peer(self, service: Service) -> Peer:
        return self.identities[service].peer()

    @property
    def pins(self) -> AccountPins:
        return account_pins([self.cool.account.pin, self.cold.account.pin])


async def opened_house(ground: Ground) -> House:
    """Over the files of this ground, as they are."""
    numbers, attested = NumberMemory(), CoolerNumbers()
    proven = ProvenMemory()
    foundation = _foundation(ground, KEEPER)
    lock = _pool_lock(ground, foundation)
    inner, on = foundation.inner, ground.request_keys
    keys = RequestKeys(foundation.store, lock, inner, foundation.clock, foundation.entropy, on)
    keeper = await Signer.opened(foundation, _keepers_part(lock, keys, numbers))
    cooler = await Signer.opened(_foundation(ground, COOLER), _coolers_part(proven, attested))
    await _hold(cooler, ground.cool)
    shared = [OwnerKey(role, f"02{place:064x}") for place, role in enumerate((Role.COOL, Role.COLD), 1)]
    paper = PaperKeys(shared[0], shared[1], ground.pins)
    issuing = Issuing(keeper, paper, numbers, keys)
    await keeper.serve(
        {
            "wallets.create.v1": issuing.create,
            "wallets.register.v1": issuing.register,
            "wallets.reseal.v1": Resealing(keeper, keys).reseal,
        }
    )
    pins = Pins(shared[0].public_key, shared[1].public_key, ground.pins)
    attesting = Attesting(cooler, pins, proven, Proofs({}), attested)
    await cooler.serve({"wallets.attest.v1": attesting.attest})
    await keeper.witness.start()
    await cooler.witness.start()
    app = Exchange(
        ground.identities[Service.APP],
        [ground.peer(KEEPER), ground.peer(COOLER)],
        LoopbackBus(Service.APP, ground.lines),
        FixedClock(),
        SystemEntropy(),
    )
    return House(keeper, cooler, ground.cool, ground.cold, app, ground.pins, lock)


def told(folder: Path, story: Callable[[House], Awaitable[None]], ground: Ground | None = None) -> None:
    async def whole() -> None:
        house = await opened_house(ground or Ground.new(folder))
        with closed(house):
            await story(house)

    asyncio.run(whole())


@contextmanager
def closed(house: House) -> Iterator[None]:
    try:
        yield
    finally:
        house.lock.lock()
        for signer in (house.keeper, house.cooler):
            signer.foundation.store.close()


def _foundation(ground: Ground, service: Service) -> Foundation:
    identity, clock, entropy = ground.identities[service], FixedClock(), SystemEntropy()
    others = {one: ground.peer(one) for one in ground.identities if one is not service}
    document = policy(service, **ground.rules) + ground.people
    keystore = ground.keystore if service is KEEPER else None
    return Foundation(
        identity=identity,
        own=identity.peer(),
        peers=others,
        store=open_store(ground.folder / f"{service}.sqlite"),
        keystore=keystore or Shelf(),
        inner=InnerKey(bytearray(ground.inner[service])),
        exchange=Exchange(identity, others.values(), LoopbackBus(service, ground.lines), clock, entropy),
        clock=clock,
        entropy=entropy,
        faults=NoFaults(),
        policy=parse_policy(document),
        document=document,
        installation=ground.installation,
    )


def _pool_lock(ground: Ground, foundation: Foundation) -> PoolLock:
    networks = frozenset[str]() if ground.terms is None else frozenset({LITECOIN.id})
    later = asyncio.get_running_loop().call_later
    clock, entropy = foundation.clock, foundation.entropy
    return PoolLock(foundation.store, ground.terms, networks, clock, entropy, later)


def _keepers_part(lock: PoolLock, keys: RequestKeys, *memories: Memory) -> Part:
    return Part(
        role=Role.HOT,
        place=keys.place,
        peer=COOLER,
        points=POINTS,
        memories=memories,
        unlocked=keys.opened,
        barred=lock.barred,
        keyed=keys.refused,
        lock=lambda: lock.stated,
    )


def _coolers_part(*memories: Memory) -> Part:
    place = one_key(COOLER, Role.COOL)
    return Part(role=Role.COOL, place=place, peer=KEEPER, points=POINTS, memories=memories)


async def _hold(cooler: Signer, paper: Paper) -> None:
    """Cooler's account as `keepcool cooler new-key` seals it, unless it lies there already."""
    foundation, pin = cooler.foundation, paper.account.pin
    place = account_place(COOLER, Role.COOL, pin.family)
    if foundation.store.keys([(place.wallet, place.network, place.purpose)]) != [None]:
        return
    key = NewKey(place, paper.account.secret, pin.key.public_key, pin.expression)
    with foundation.underway.one() as hands:
        rows = await sealed([key], foundation.keystore, foundation.inner, foundation.entropy, hands)
        await foundation.store.commit(Change(keys=tuple(rows)))


def _attestation_key(peer: Peer) -> bytes:
    assert peer.attestation_key is not None
    return peer.attestation_key
