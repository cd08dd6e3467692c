"""Cooler attests a Minter wallet when its own nodes tell of exactly its owners, and not a moment before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.accounts import child_key
from keepcool.chains.minter.wallets import owners_of
from keepcool.cooler import proving
from keepcool.cooler.proven_memory import PROVEN, ProvenMemory
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.ids import WalletId
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Standing, WalletRecord, parse_record
from keepcool.cosigner.attest import attest
from keepcool.cosigner.journal import walk
from keepcool.cosigner.revisions import second_revision
from keepcool.ports.minternode import Multisig, Owner
from keepcool.wire.messages import Attested, Failure, ProveItem, Reserved
from tests.unit.keeper.minter_house import CUSTOMER, KEEPER, TERMS, House, code, told, wanted


async def proven(house: House, name: str, nonce: int = 1, creator: int = 0, *, made: bool = True) -> Attested:
    """The second revision, as Keeper tells it; the wallet is on the chain when `made`."""
    (first,) = await house.reserve(wanted(name, (await house.creators())[creator], nonce))
    assert isinstance(first, Reserved), first
    if made:
        house.book.take(first.transaction)
    (second,) = await house.prove(ProveItem(wallet=name, owner=f"u-{name}"))
    assert isinstance(second, Attested), second
    return second


def forged(house: House, record: WalletRecord) -> Attested:
    """What a Keeper that was taken over may attest: a record that grew out of a reserved one as it should,
    with other contents."""
    first = replace(
        record, revision=1, previous=NO_PREVIOUS, owner="", user_key="", policy_class="",
        standing=Standing.RESERVED,
    )  # fmt: skip
    return by_keeper(house, second_revision(first, record))


def by_keeper(house: House, record: WalletRecord) -> Attested:
    signature = attest(house.keeper.foundation.identity, record)
    return Attested(record=record.encoded(), attestations={KEEPER.value: signature})


def count(house: House) -> int:
    return house.cooler.foundation.store.record_count()


def test_a_wallet_is_attested_once_the_chain_has_made_it(tmp_path: Path) -> None:
    """Before its create is in a block Cooler asks for patience; after it, it attests, for ever the same, and
    asks the chain no more."""

    async def story(house: House) -> None:
        early = await proven(house, "w-1", made=False)
        (waits,) = await house.attest(early)
        assert isinstance(waits, Failure)
        assert (waits.problem.kind, waits.problem.code) == ("unavailable", "wallet.unproven")
        assert count(house) == 0
        (made,) = await house.reserve(wanted("w-1", (await house.creators())[0], 1))
        assert isinstance(made, Reserved)
        house.book.take(made.transaction)
        (both,) = await house.attest(early)
        assert isinstance(both, Attested), both
        assert set(both.attestations) == {"keeper", "cooler"}
        asked = len(house.book.asked)
        house.book.down = Unavailable("node.away", "the node is away")
        assert await house.attest(early) == [both]
        assert len(house.book.asked) == asked

    told(tmp_path, story)


def _other_owner(multisig: Multisig) -> Multisig:
    return Multisig(2, (*multisig.owners[:2], Owner(CUSTOMER, 1)))


LIES: dict[str, Callable[[Multisig], Multisig]] = {
    "another owner": _other_owner,
    "an owner more": lambda it: Multisig(2, (*it.owners, Owner(CUSTOMER, 1))),
    "an owner less": lambda it: Multisig(2, it.owners[:2]),
    "anybody spends": lambda it: Multisig(0, it.owners),
    "one signature": lambda it: Multisig(1, it.owners),
    "three signatures": lambda it: Multisig(3, it.owners),
    "a heavy owner": lambda it: Multisig(2, (Owner(it.owners[0].address, 2), *it.owners[1:])),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "twin"])
def test_other_owners_on_the_chain_are_a_breach(
    tmp_path: Path, lie: str, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threshold, weights and owners must be exactly the record's; without the comparison such a wallet would
    be attested, and coins paid into somebody else's."""
    if not guarded:
        monkeypatch.setattr(proving, "check_owners", lambda *_: None)

    async def story(house: House) -> None:
        second = await proven(house, "w-1")
        address = parse_record(second.record).address
        house.book.multisigs[address] = LIES[lie](house.book.multisigs[address])
        (said,) = await house.attest(second)
        if not guarded:
            assert isinstance(said, Attested)
            return
        assert isinstance(said, Failure)
        assert (said.problem.kind, said.problem.code) == ("breach", "multisig.owners")
        assert count(house) == 0

    told(tmp_path, story)


def test_a_node_that_is_away_proves_nothing(tmp_path: Path) -> None:
    """Away, on another chain or silent: the wallet is not attested, and the error says what is wrong."""

    async def story(house: House) -> None:
        second = await proven(house, "w-1")
        house.book.down = Unavailable("node.disagree", "the nodes do not agree")
        (said,) = await house.attest(second)
        assert code(said) == "node.disagree"
        assert count(house) == 0

    told(tmp_path, story)


def test_without_a_node_cooler_says_what_to_configure(tmp_path: Path) -> None:
    """No node, no proof: the answer names the table and the file."""

    async def story(house: House) -> None:
        second = await proven(house, "w-1")
        objections = await proving.Proofs({}).objections([parse_record(second.record)])
        (error,) = objections.values()
        assert error.code == "wallet.no_node"
        assert '[minter."minter:2"]' in error.public
        assert "cooler.toml" in error.public

    told(tmp_path, story)


def test_a_hundred_wallets_are_one_question(tmp_path: Path) -> None:
    """All wallets of a request are read at once; the one that is not made yet waits alone."""

    async def story(house: House) -> None:
        creators = await house.creators()
        items = [wanted(f"w-{n}", creators[n % 3], n // 3 + 1) for n in range(100)]
        for made in await house.reserve(*items):
            assert isinstance(made, Reserved), made
            house.book.take(made.transaction)
        second = await house.prove(*(ProveItem(wallet=one.wallet, owner="u") for one in items))
        records = [one for one in second if isinstance(one, Attested)]
        late = parse_record(records[41].record)
        del house.book.multisigs[late.address]
        said = await house.attest(*records)
        assert [at for at, one in enumerate(said) if not isinstance(one, Attested)] == [41]
        assert code(said[41]) == "wallet.unproven"
        assert [len(one) for one in house.book.asked] == [100]
        assert count(house) == 99

    told(tmp_path, story)


def test_what_is_not_a_second_revision_is_not_attested(tmp_path: Path) -> None:
    """Reserved records, revisions that did not grow out of one, and changed terms are refused."""

    async def story(house: House) -> None:
        second = await proven(house, "w-1")
        record = parse_record(second.record)
        (reserved,) = await house.reserve(wanted("w-1", (await house.creators())[0], 1))
        assert isinstance(reserved, Reserved)
        odd = {
            "wallet.standing": reserved.record,
            "wallet.revision": by_keeper(house, replace(record, previous="0" * 64)),
            "wallet.terms": forged(house, replace(record, threshold=1)),
            "wallet.address": forged(house, replace(record, address=CUSTOMER)),
            "attestation.signature": Attested(
                record=replace(record, owner="u-2").encoded(), attestations=second.attestations
            ),
        }
        for expected, one in odd.items():
            assert code((await house.attest(one))[0]) == expected
        assert count(house) == 0
        (good,) = await house.attest(second)
        assert isinstance(good, Attested)
        other = forged(house, replace(record, owner="u-2"))
        assert code((await house.attest(other))[0]) == "wallet.other"

    told(tmp_path, story)


def keys_of(house: House, cool: int, cold: int) -> tuple[OwnerKey, OwnerKey]:
    return child_key(house.pins.cool["minter"], cool), child_key(house.pins.cold["minter"], cold)


def test_cool_and_cold_are_one_wallets_own_children(tmp_path: Path) -> None:
    """Children of two numbers, a key that says it is a child and is none, and the shared keys are refused."""

    async def story(house: House) -> None:
        record = parse_record((await proven(house, "w-1")).record)
        hot, cool, cold = record.owners
        for other in (
            (hot, *keys_of(house, 4, 5)),
            (hot, replace(cool, public_key=cold.public_key), replace(cold, public_key=cool.public_key)),
            (hot, replace(cool, public_key=hot.public_key), cold),
            (hot, house.cool.shared, house.cold.shared),
        ):
            (said,) = await house.attest(forged(house, replace(record, owners=other)))
            assert code(said) == "account.child"
        assert count(house) == 0

    told(tmp_path, story)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "twin"])
def test_no_two_wallets_share_a_key_or_an_address(
    tmp_path: Path, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Keeper that was taken over gives a number, a hot key or an address twice: Cooler attests none of
    these. The twin attests them, and two wallets are then one signature apart."""
    if not guarded:
        monkeypatch.setattr(ProvenMemory, "check_unique", lambda *_: None)

    async def story(house: House) -> None:
        first, second = await proven(house, "w-1"), await proven(house, "w-2", creator=1)
        assert isinstance((await house.attest(first))[0], Attested)
        one, other = parse_record(first.record), parse_record(second.record)
        hot, cool, cold = other.owners
        twice = (
            forged(house, replace(other, owners=(hot, *one.owners[1:]))),
            forged(house, replace(other, owners=(one.owners[0], cool, cold))),
            forged(house, replace(one, wallet=other.wallet)),
        )
        monkeypatch.setattr(proving, "check_owners", lambda *_: None)
        for record in twice:
            (said,) = await house.attest(record)
            if not guarded:
                assert isinstance(said, Attested)
                return
            assert isinstance(said, Failure)
            assert (said.problem.kind, said.problem.code) == ("breach", "wallet.twice_used")
        assert count(house) == 1
        again = ProvenMemory()
        for entry in walk(house.cooler.foundation.store):
            again.learn(entry)
        with pytest.raises(Breach):
            again.check_unique(replace(one, wallet=other.wallet), 0)
        again.check_unique(one, 0)

    told(tmp_path, story)


def test_in_one_batch_a_number_counts_as_well(tmp_path: Path) -> None:
    """Two records of one request that share their cool and cold keys: only the first is attested."""

    async def story(house: House) -> None:
        first, second = await proven(house, "w-1"), await proven(house, "w-2", creator=1)
        one, other = parse_record(first.record), parse_record(second.record)
        twice = forged(house, replace(other, owners=(other.owners[0], *one.owners[1:])))
        house.book.multisigs[other.address] = made_so(parse_record(twice.record))
        good, bad = await house.attest(first, twice)
        assert (code(good), code(bad)) == ("Attested", "wallet.twice_used")

    told(tmp_path, story)


def test_what_two_requests_staged_is_forgotten_once_each(tmp_path: Path) -> None:
    """One wallet staged twice, and the second failed to commit: its places are still its own."""

    async def story(house: House) -> None:
        first = await proven(house, "w-1")
        assert isinstance((await house.attest(first))[0], Attested)
        record = parse_record(first.record)
        (entry,) = [one for one in walk(house.cooler.foundation.store) if one.kind == PROVEN]
        memory = ProvenMemory()
        memory.learn(entry)
        memory.learn(entry)
        memory.unlearn(entry)
        with pytest.raises(Breach):
            memory.check_unique(replace(record, wallet=WalletId("w-2")), 0)
        memory.unlearn(entry)
        memory.check_unique(replace(record, wallet=WalletId("w-2")), 0)

    told(tmp_path, story)


def made_so(record: WalletRecord) -> Multisig:
    """What the chain would tell of this record's wallet."""
    return Multisig(2, tuple(Owner(address, 1) for address in owners_of(record)))


def test_the_shared_layout_pins_the_two_keys_of_all_wallets(tmp_path: Path) -> None:
    """Where the policy says so, cool and cold are the pinned keys, and children are refused."""

    async def story(house: House) -> None:
        second = await proven(house, "w-1")
        record = parse_record(second.record)
        assert [key.public_key for key in record.owners[1:]] == [
            house.cool.shared.public_key,
            house.cold.shared.public_key,
        ]
        children = forged(house, replace(record, owners=(record.owners[0], *keys_of(house, 0, 0))))
        assert code((await house.attest(children))[0]) == "wallet.keys"
        assert isinstance((await house.attest(second))[0], Attested)

    told(tmp_path, story, replace(TERMS, layout="shared"))
