"""Forwarders of a pool are attested as addresses of Bitcoin are: signers derive them, none believes App."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from keepcool.app.pools.proofs import Proof, verify_address
from keepcool.chains import family
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.evm.forwarders import forwarder_address
from keepcool.chains.evm.listing import POOL_END
from keepcool.chains.evm.profiles import pool_profile
from keepcool.chains.listing import listing_of
from keepcool.client.attested import Pins, check_address
from keepcool.client.models import ProofAnswer
from keepcool.core.addresses import CHANGE, AddressRange, parse_range, root_of, signed_bytes, way_of
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.wire.messages import AddressItem
from tests.unit.cosigner.house import Keys, Pair, wallet_record
from tests.unit.cosigner.test_addressing import Desk, attested, both, refused

SERVICES = (Service.KEEPER, Service.COOLER)
COUNT = 20


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close_all()


def pool_record(name: str = "pool", hot: int = 40) -> WalletRecord:
    plain = wallet_record(name, hot)
    blank = replace(plain, profile=pool_profile(plain.profile))
    return replace(blank, address=EvmFamily().derive_address(family.terms_of(blank)))


POOL, FOREIGN = pool_record(), pool_record("thief", 77)


def range_of(index: int = 1) -> AddressItem:
    return AddressItem(wallet="pool", first=index, count=COUNT)


def pins() -> Pins:
    keeper, cooler = (Keys(one).public("attestation") for one in SERVICES)
    return Pins(keeper, cooler)


def proof(statement: bytes, signatures: dict[str, bytes], addresses: list[str], index: int) -> ProofAnswer:
    way = way_of(addresses, index - 1)
    return ProofAnswer(index=index, statement=statement, signatures=signatures, path=list(way))


async def said_by_both(desks: list[Desk]) -> tuple[bytes, dict[str, bytes]]:
    said = [attested(await desk.ask(range_of())) for desk in desks]
    assert said[0].statement == said[1].statement
    return said[0].statement, {by.value: one.signature for by, one in zip(SERVICES, said, strict=True)}


def test_both_signers_derive_the_treasurys_forwarders(pair: Pair) -> None:
    """One statement of both over forwarders of exactly this record's address; a client believes each."""
    listed = [forwarder_address(POOL.address, index) for index in range(1, COUNT + 1)]

    async def story() -> None:
        statement, signatures = await said_by_both(await both(pair, POOL))
        assert parse_range(statement).root == root_of(listed)
        for index, address in enumerate(listed, start=1):
            check_address(pins(), POOL, address, proof(statement, signatures, listed, index))

    asyncio.run(story())


def test_a_foreign_forwarder_has_no_proof(pair: Pair) -> None:
    """App, taken over, hands out the forwarder of a treasury of its own under the pool's honest statement:
    neither the client nor an honest App shows it."""
    foreign = [forwarder_address(FOREIGN.address, index) for index in range(1, COUNT + 1)]

    async def story() -> None:
        statement, signatures = await said_by_both(await both(pair, POOL))
        given = proof(statement, signatures, foreign, 3)
        with pytest.raises(Breach, match=r"client\.other_address"):
            check_address(pins(), POOL, foreign[2], given)
        keys = {by: VerifyKey(Keys(by).public("attestation")) for by in SERVICES}
        by_service = {by: signatures[by.value] for by in SERVICES}
        kept = Proof(foreign[2], 3, statement, by_service, tuple(given.path))
        with pytest.raises(Breach, match=r"addresses\.row_differs"):
            verify_address(keys, POOL, kept)

    asyncio.run(story())


def test_twin_a_signer_that_believed_app_would_be_believed() -> None:
    """Had both signers signed the list App named instead of their own, the foreign address would pass."""
    foreign = [forwarder_address(FOREIGN.address, index) for index in range(1, COUNT + 1)]
    statement = AddressRange(
        wallet=POOL.wallet, record=POOL.hash(), network=POOL.network, cosigner=0, change=0, first=1,
        count=COUNT, root=root_of(foreign),
    ).encoded()  # fmt: skip
    signatures = {by.value: Keys(by).attest(signed_bytes(statement)) for by in SERVICES}
    check_address(pins(), POOL, foreign[2], proof(statement, signatures, foreign, 3))


def test_what_is_not_a_pool_has_no_forwarders(pair: Pair) -> None:
    """A wallet of one owner, a wallet nobody attested, a branch of change and what lies beyond the end."""
    own = replace(wallet_record("own", 41), address="")
    own = replace(own, address=EvmFamily().derive_address(family.terms_of(own)))
    items = {
        "addresses.family": AddressItem(wallet="own", first=1, count=1),
        "registry.unknown": AddressItem(wallet="nobody", first=1, count=1),
        "addresses.change": AddressItem(wallet="pool", first=0, count=1, change=CHANGE),
        "addresses.end": AddressItem(wallet="pool", first=POOL_END, count=1),
    }

    async def story() -> None:
        for desk in await both(pair, POOL, own):
            rows = len(desk.memory)
            for code, item in items.items():
                refused(await desk.ask(item), code)
            assert len(desk.memory) == rows

    asyncio.run(story())


def test_the_record_leads_to_the_list() -> None:
    """Whoever has the record has all addresses: they are derived from the treasury alone."""
    listing = listing_of(POOL, 0)
    assert listing.addresses([7, 9]) == tuple(forwarder_address(POOL.address, one) for one in (7, 9))
    assert [listing.spell(one) for one in listing.scripts([7])] == [forwarder_address(POOL.address, 7)]
