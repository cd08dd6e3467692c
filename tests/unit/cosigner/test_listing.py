"""What a signer tells a restored App: its registry page by page, and what it has signed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import parse_record
from keepcool.cosigner.addressing import IssuedAddresses
from keepcool.cosigner.listing import Listing
from keepcool.ports.signer_store import Change, RecordRow
from keepcool.wire.listing import FIND_MAX, FindSigned, ListWallets, SignedDraft
from keepcool.wire.messages import ITEMS_MAX, AddressItem
from tests.fixtures.bitcoinrecords import bitcoin_record
from tests.unit.cosigner.house import NETWORK, Pair, item, register, wallet_record
from tests.unit.cosigner.test_addressing import both as both_desks

WALLETS = 2 * ITEMS_MAX + 7


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close_all()


def listing(pair: Pair, issued: IssuedAddresses | None = None) -> Listing:
    signer = pair.signers[Service.KEEPER]
    return Listing(signer.store, issued or IssuedAddresses(), signer.drafts, signer.witness)


def test_the_registry_is_told_whole_and_in_pages(pair: Pair) -> None:
    """Every record comes once, in the order of the names, with both attestations as they lie there; a page
    holds no more than an envelope may."""

    async def story() -> None:
        signer = pair.open(Service.KEEPER)
        await register(signer, "w0000", 7)
        known = signer.store.record(WalletId("w0000"))
        assert known is not None
        rows = [
            RecordRow(WalletId(f"w{number:04}"), 1, f"record {number}".encode(), known.attestations)
            for number in range(1, WALLETS)
        ]
        await signer.store.commit(Change(records=tuple(rows)))
        told = listing(pair)
        first = told.wallets(ListWallets())
        assert (len(first.items), first.more) == (ITEMS_MAX, True)
        assert first.items[0].record == known.record
        assert set(first.items[0].attestations) == {"keeper", "cooler"}
        second = told.wallets(ListWallets(after=f"w{ITEMS_MAX - 1:04}"))
        third = told.wallets(ListWallets(after=f"w{2 * ITEMS_MAX - 1:04}"))
        assert (len(third.items), third.more) == (WALLETS - 2 * ITEMS_MAX, False)
        records = [one.record for page in (first, second, third) for one in page.items]
        assert records == [known.record, *(row.record for row in rows)]

    asyncio.run(story())


def test_it_says_how_far_addresses_were_attested(pair: Pair) -> None:
    """A pool's listing carries the highest index this signer attested; a wallet without any has -1."""

    async def story() -> None:
        keeper, _ = await both_desks(pair, bitcoin_record("pool"), bitcoin_record("quiet"))
        await keeper.ask(AddressItem(wallet="pool", first=40, count=3))
        told = listing(pair, keeper.memory).wallets(ListWallets())
        issued = {parse_record(one.record).wallet: one.issued for one in told.items}
        assert issued == {"pool": 42, "quiet": -1}

    asyncio.run(story())


def test_a_signed_draft_is_found_by_slot_and_digest(pair: Pair) -> None:
    """The intent's own bytes come back for the draft that was signed; another digest at the same slot, and
    the same digest at another slot, are not known."""

    async def story() -> None:
        for service in (Service.KEEPER, Service.COOLER):
            await register(pair.open(service), "w1", 11)
        for signer in pair.signers.values():
            await signer.witness.cover(signer.journal.committed.sequence)
        keeper, asked = pair.signers[Service.KEEPER], item("w1", 0, {"somebody": 40})
        await keeper.sign(asked)
        space, digest = f"safe:{wallet_record('w1', 11).address}", hashlib.sha256(asked.draft).digest()
        wanted = [
            SignedDraft(network=NETWORK, space=space, position=position, digest=one)
            for position, one in ((0, digest), (1, digest), (0, bytes(32)))
        ]
        found, *others = listing(pair).signed(FindSigned(items=wanted)).items
        assert (found.intent, found.sequence) == (asked.intent, 1)
        assert [(one.intent, one.sequence) for one in others] == [(b"", 0), (b"", 0)]

    asyncio.run(story())


def test_no_more_is_looked_for_than_an_answer_may_hold(pair: Pair) -> None:
    """Too many at once, and none, are refused."""

    async def story() -> None:
        pair.open(Service.KEEPER)
        one = SignedDraft(network=NETWORK, space="s", position=0, digest=bytes(32))
        for count in (0, FIND_MAX + 1):
            with pytest.raises(Malformed, match="at once"):
                listing(pair).signed(FindSigned(items=[one] * count))

    asyncio.run(story())
