"""Signers attest addresses by ranges: their own derivation, remembered before it is said."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl import bindings

from keepcool.chains.bitcoin.listing import OWN_END, POOL_END, Listing
from keepcool.chains.families import family_named
from keepcool.chains.listing import listing_of
from keepcool.core.addresses import CHANGE, COUNT_MAX, INDEX_END, parse_range, root_of, signed_bytes, way_of
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.addressing import Addressing, IssuedAddresses
from keepcool.cosigner.freezes import freeze
from keepcool.cosigner.journal import Asked, Journal
from keepcool.cosigner.known import OwnRegistry
from keepcool.wire.messages import AddressesAnswer, AddressItem, AttestAddresses, Failure, RangeAttested
from tests.fixtures.bitcoinrecords import OWN, POOL, bitcoin_record
from tests.unit.cosigner.house import Keys, Pair, Signer, register, wallet_record

SERVICES = (Service.KEEPER, Service.COOLER)


@dataclass
class Desk:
    """One signer and its part in attesting addresses."""

    signer: Signer
    journal: Journal
    memory: IssuedAddresses
    part: Addressing

    async def ask(self, *items: AddressItem, asked: Asked | None = None) -> AddressesAnswer:
        request = AttestAddresses(items=list(items))
        return await self.part.attest(request, asked or self.signer.new_envelope())


def desk_of(signer: Signer) -> Desk:
    memory = IssuedAddresses()
    journal = Journal.opened(signer.store, [memory, signer.freezes])
    pinned = {one: (Keys(one).public("attestation"),) for one in SERVICES}
    part = Addressing(
        journal=journal,
        registry=OwnRegistry(signer.store, lambda: pinned, family_named),
        freezes=signer.freezes,
        witness=signer.witness,
        memory=memory,
        identity=signer.keys,
        clock=signer.hands,
        listing_of=listing_of,
    )
    return Desk(signer, journal, memory, part)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close_all()


async def both(pair: Pair, *records: WalletRecord) -> list[Desk]:
    signers = [pair.open(service) for service in SERVICES]
    for number, record in enumerate(records):
        for signer in signers:
            await register(signer, record.wallet, 40 + number, record)
    return [desk_of(signer) for signer in signers]


def attested(answer: AddressesAnswer, at: int = 0) -> RangeAttested:
    item = answer.items[at]
    assert isinstance(item, RangeAttested), item
    return item


def refused(answer: AddressesAnswer, code: str) -> None:
    item = answer.items[0]
    assert isinstance(item, Failure)
    assert item.problem.code == code


@pytest.mark.parametrize("profile", ["bip45-pool-p2wsh", "bip45-pool-p2sh-p2wsh", "bip45-pool-p2sh", OWN])
def test_both_signers_say_the_same_of_addresses_each_derived(pair: Pair, profile: str) -> None:
    """Keeper and Cooler give one statement, signed under keys of their own, and every address of the range
    is proven by it at its index; the record's address is index 0."""
    record = bitcoin_record("pool", profile=profile)

    async def story() -> None:
        desks = await both(pair, record)
        said = [attested(await desk.ask(AddressItem(wallet="pool", first=0, count=21))) for desk in desks]
        assert said[0].statement == said[1].statement
        for desk, one in zip(desks, said, strict=True):
            key = desk.signer.keys.public("attestation")
            bindings.crypto_sign_open(one.signature + signed_bytes(one.statement), key)
        stated = parse_range(said[0].statement)
        listed = listing_of(record, 0).addresses(range(21))
        assert (stated.record, stated.network, stated.root) == (
            record.hash(),
            record.network,
            root_of(listed),
        )
        assert listed[0] == record.address
        for index, address in enumerate(listed):
            stated.check_holds(address, index, way_of(listed, index))

    asyncio.run(story())


def test_the_same_range_is_the_same_answer_and_remembered_once(pair: Pair) -> None:
    """Asked again, also after a restart, a range gives the same bytes and no further journal row."""
    item = AddressItem(wallet="pool", first=5, count=3)

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"))
        first = attested(await keeper.ask(item))
        assert (first.highest, attested(await keeper.ask(item, item), 1).highest) == (-1, 7)
        assert keeper.journal.committed.sequence == 1
        pair.close(Service.KEEPER)
        again = desk_of(pair.open(Service.KEEPER))
        later = attested(await again.ask(item))
        assert (later.statement, later.signature) == (first.statement, first.signature)
        assert (again.journal.committed.sequence, len(again.memory)) == (1, 1)

    asyncio.run(story())


def test_the_journal_knows_the_highest_index(pair: Pair) -> None:
    """Ranges in any order, with gaps: what was handed out last is known after a restart, each branch and
    wallet by itself."""

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"), bitcoin_record("other"))
        for first in (5000, 0, POOL_END - 10):
            attested(await keeper.ask(AddressItem(wallet="pool", first=first, count=10)))
        attested(await keeper.ask(AddressItem(wallet="pool", first=7, count=1, change=CHANGE)))
        pair.close(Service.KEEPER)
        again = desk_of(pair.open(Service.KEEPER)).memory
        assert again.highest("pool") == POOL_END - 1
        assert again.highest("pool", CHANGE) == 7
        assert again.highest("other") == -1

    asyncio.run(story())


@pytest.mark.parametrize(("profile", "end"), [(POOL, POOL_END), (OWN, OWN_END)])
def test_no_address_is_attested_where_a_restore_would_never_look(
    pair: Pair, profile: str, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile App asks for addresses at the end of a branch: refused, and the journal does not say that
    they were handed out. The twin: attested, a restore would have to look through two thousand million."""
    item = AddressItem(wallet="pool", first=INDEX_END - 1, count=1)

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool", profile=profile))
        for one in (item, AddressItem(wallet="pool", first=end - 1, count=2, change=CHANGE)):
            refused(await keeper.ask(one), "addresses.end")
        assert (keeper.memory.highest("pool"), keeper.journal.committed.sequence) == (-1, 0)
        attested(await keeper.ask(AddressItem(wallet="pool", first=end - 1, count=1)))
        monkeypatch.setattr(Listing, "end", INDEX_END)
        attested(await keeper.ask(item))
        assert keeper.memory.highest("pool") == INDEX_END - 1

    asyncio.run(story())


def test_ranges_within_what_was_handed_out_fill_no_journal(pair: Pair) -> None:
    """However a hostile App cuts what is known to be handed out: each cut is attested, and the journal, which
    is walked at every start, does not grow. What reaches beyond is remembered."""

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"))
        attested(await keeper.ask(AddressItem(wallet="pool", first=0, count=20)))
        for first in range(20):
            for count in range(1, 21 - first):
                attested(await keeper.ask(AddressItem(wallet="pool", first=first, count=count)))
        assert (len(keeper.memory), keeper.journal.committed.sequence) == (1, 1)
        attested(await keeper.ask(AddressItem(wallet="pool", first=0, count=21)))
        assert (len(keeper.memory), keeper.memory.highest("pool")) == (2, 20)

    asyncio.run(story())


def test_what_was_not_committed_is_not_known(pair: Pair) -> None:
    """A range whose row the disk refuses is answered with the refusal, and forgotten."""

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"))
        rival = desk_of(keeper.signer)  # a second journal over the same file, which will be behind
        attested(await keeper.ask(AddressItem(wallet="pool", first=0, count=1)))
        with pytest.raises(Conflict):
            await rival.ask(AddressItem(wallet="pool", first=10, count=1))
        assert (rival.memory.highest("pool"), len(rival.memory)) == (-1, 0)

    asyncio.run(story())


def test_foreign_and_frozen_wallets_get_no_statement(pair: Pair) -> None:
    """A wallet this signer does not know, one that only Keeper attested, one whose family has one address,
    and frozen ones are refused by name, and nothing is remembered."""

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"), bitcoin_record("half"))
        pair.signers[Service.KEEPER].store.close()
        _drop_cooler(pair.folder / "keeper.db", "half")
        keeper = desk_of(pair.open(Service.KEEPER))
        refused(await keeper.ask(AddressItem(wallet="thiefs", first=0, count=1)), "registry.unknown")
        refused(await keeper.ask(AddressItem(wallet="half", first=0, count=1)), "addresses.unattested")
        assert keeper.journal.committed.sequence == 0
        await freeze(
            keeper.journal, keeper.signer.freezes, level="wallet", target="pool", reason="odd",
            asked=keeper.signer.new_envelope(), clock_ms=keeper.signer.hands.now_ms(),
        )  # fmt: skip
        refused(await keeper.ask(AddressItem(wallet="pool", first=0, count=1)), "addresses.frozen")
        assert keeper.journal.committed.sequence == 1

    asyncio.run(story())


def test_a_wallet_of_a_family_with_one_address_is_refused() -> None:
    """A Safe has no branch to hand out addresses from."""
    with pytest.raises(Refused, match=r"addresses\.family"):
        listing_of(wallet_record("safe", 5), 0)


@pytest.mark.parametrize(
    "item",
    [
        AddressItem(wallet="pool", first=-1, count=1),
        AddressItem(wallet="pool", first=0, count=0),
        AddressItem(wallet="pool", first=0, count=-5),
        AddressItem(wallet="pool", first=INDEX_END, count=1),
        AddressItem(wallet="pool", first=0, count=1, change=2),
        AddressItem(wallet="a wallet", first=0, count=1),
    ],
    ids=str,
)
def test_impossible_ranges_are_malformed(pair: Pair, item: AddressItem) -> None:
    """Indices beyond the branch are refused, and the other ranges of the request are answered."""

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"))
        answer = await keeper.ask(item, AddressItem(wallet="pool", first=0, count=1))
        assert isinstance(answer.items[0], Failure)
        assert answer.items[0].problem.kind == "malformed"
        attested(answer, 1)

    asyncio.run(story())


def test_a_request_is_bounded_as_a_whole(pair: Pair) -> None:
    """A thousand addresses are one request's most, however they are cut."""

    async def story() -> None:
        keeper, _ = await both(pair, bitcoin_record("pool"))
        most = attested(await keeper.ask(AddressItem(wallet="pool", first=0, count=COUNT_MAX)))
        assert parse_range(most.statement).count == COUNT_MAX
        half = AddressItem(wallet="pool", first=0, count=COUNT_MAX // 2 + 1)
        for items in ((half, half), ()):
            with pytest.raises(Malformed, match=r"addresses\.(count|batch)"):
                await keeper.ask(*items)

    asyncio.run(story())


def _drop_cooler(file: Path, wallet: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM attestation WHERE wallet = ? AND service = 'cooler'", (wallet,))
    connection.close()
