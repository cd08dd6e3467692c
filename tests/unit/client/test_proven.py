"""A client believes an address of a pool only with the proof that both signers derived it from its record."""

from __future__ import annotations

import msgspec
import pytest

from keepcool.chains.bitcoin.listing import listing_of
from keepcool.client.attested import Pins, Wanted, check_address, record_of
from keepcool.client.models import ProofAnswer, WalletAnswer
from keepcool.core.addresses import CHANGE, AddressRange, root_of, signed_bytes, way_of
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from tests.fixtures.bitcoinrecords import OWN, bitcoin_record
from tests.unit.app.books.loopback import Signers

SIGNERS = Signers()
SERVICES = (Service.KEEPER, Service.COOLER)
_KEEPER, _COOLER = (SIGNERS.identities[one].peer().attestation_key or b"" for one in SERVICES)
PINS = Pins(_KEEPER, _COOLER)
POOL, THIEFS = bitcoin_record("pool", owner="house"), bitcoin_record("thief", profile=OWN, number=3)
ASKED = Wanted(wallet="mine", user="me", network=POOL.network, kind="pooled", pool="pool")
FIRST, COUNT, AT = 40, 13, 5


def proof_of(record: WalletRecord, at: int = AT, change: int = 0) -> tuple[str, ProofAnswer]:
    """The address at a place of a range of this record, and what proves it."""
    listing = listing_of(record, change)
    listed = listing.addresses(range(FIRST, FIRST + COUNT))
    statement = AddressRange(
        wallet=record.wallet,
        record=record.hash(),
        network=record.network,
        cosigner=listing.cosigner,
        change=change,
        first=FIRST,
        count=COUNT,
        root=root_of(listed),
    ).encoded()
    signatures = {one.value: SIGNERS.identities[one].attest(signed_bytes(statement)) for one in SERVICES}
    way = list(way_of(listed, at))
    return listed[at], ProofAnswer(index=FIRST + at, statement=statement, signatures=signatures, path=way)


def told_of(record: WalletRecord, address: str, proof: ProofAnswer | None, **more: object) -> WalletAnswer:
    """What App says of a wallet of the pool."""
    encoded = record.encoded()
    fields: dict[str, object] = {"id": "mine", "user": "me", "kind": "pooled", "pool": record.wallet, **more}
    plain = {
        "network": record.network, "profile": record.profile, "status": "ready", "address": address,
        "record_bytes": encoded, "external_id": None, "metadata": {}, "created_at_ms": 1, "proof": proof,
        "attestations": {one.value: SIGNERS.sign(one, encoded) for one in SERVICES}, **fields,
    }  # fmt: skip
    return msgspec.convert(plain, WalletAnswer)


def test_an_address_with_its_proof_is_believed() -> None:
    """Each address of the range, at its index."""
    for at in range(COUNT):
        address, proof = proof_of(POOL, at)
        assert record_of(PINS, told_of(POOL, address, proof), ASKED) == POOL


def test_an_address_app_made_up_is_refused() -> None:
    """A taken-over App swaps the address: with another proof, with none, with the right one, no one pays."""
    (mine, proof), (theirs, stolen) = proof_of(POOL), proof_of(THIEFS)
    for address, shown in ((theirs, proof), (theirs, None), (mine, None), (mine, stolen)):
        with pytest.raises(Breach, match=r"client\."):
            record_of(PINS, told_of(POOL, address, shown), ASKED)
    moved = msgspec.structs.replace(proof, index=proof.index + 1)
    forged = msgspec.structs.replace(proof, signatures={"keeper": proof.signatures["keeper"]})
    for broken in (moved, forged):
        with pytest.raises(Breach, match=r"client\.(other|unattested)_address"):
            record_of(PINS, told_of(POOL, mine, broken), ASKED)


def test_an_honest_proof_of_another_wallet_is_refused() -> None:
    """An address both signers attested of the thief's own wallet, offered as the pool's or as a pool's."""
    theirs, stolen = proof_of(THIEFS)
    with pytest.raises(Breach, match=r"client\.other_record"):
        record_of(PINS, told_of(POOL, theirs, stolen), ASKED)
    with pytest.raises(Breach, match=r"client\.other_kind"):
        record_of(PINS, told_of(THIEFS, theirs, stolen), ASKED)
    anywhere = Wanted(wallet="mine", kind="pooled")
    with pytest.raises(Breach, match=r"client\.no_pool"):
        record_of(PINS, told_of(THIEFS, theirs, stolen), anywhere)


def test_who_does_not_look_at_the_proof_pays_the_thief() -> None:
    """Twin: by the record alone, which is the pool's indeed, the swapped address would be believed."""
    theirs, _ = proof_of(THIEFS)
    told = told_of(POOL, theirs, None, id="pool", user="house", kind="segregated", pool=None)
    assert record_of(PINS, msgspec.structs.replace(told, address=POOL.address), Wanted()) == POOL
    assert told.address == theirs != POOL.address


def test_a_pool_is_not_taken_for_ones_own_wallet() -> None:
    """Who asked for keys of his own is not given an address of the house, and the other way round."""
    address, proof = proof_of(POOL)
    with pytest.raises(Breach, match=r"client\.other_kind"):
        record_of(PINS, told_of(POOL, address, proof), Wanted(kind="segregated"))


def test_a_change_address_is_nothing_to_pay_to() -> None:
    """Both signers attest change addresses too; no one is asked to pay there."""
    address, proof = proof_of(POOL, change=CHANGE)
    with pytest.raises(Breach, match=r"client\.other_record"):
        check_address(PINS, POOL, address, proof)
