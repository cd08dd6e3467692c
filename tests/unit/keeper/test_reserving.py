"""Wallets on Minter: reserved by Keeper, made by its creators, proven by Cooler from the chain."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from keepcool.chains.accounts import wallet_number_of
from keepcool.chains.minter.address import of_multisig
from keepcool.chains.minter.data import CreateMultisig
from keepcool.chains.minter.payouts import pay
from keepcool.chains.minter.transaction import parse_signed
from keepcool.chains.minter.wallets import owners_of
from keepcool.core.errors import Unavailable
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import Role, Standing, parse_record
from keepcool.cosigner import freezes
from keepcool.cosigner.journal import Asked, walk
from keepcool.cosigner.verify import verify_journal
from keepcool.keeper.creator_judge import RULES
from keepcool.keeper.creator_memory import CreatorMemory
from keepcool.wire.messages import (
    Attested,
    CreateWallets,
    NewWallet,
    ProveItem,
    Reserved,
    WalletsAnswer,
)
from tests.unit.keeper.minter_house import (
    COIN,
    COOLER,
    CUSTOMER,
    KEEPER,
    NETWORK,
    TERMS,
    House,
    code,
    objections,
    payment,
    told,
    wanted,
)

USER_KEY = "ed25519:" + "5a" * 32


async def reserved(house: House, name: str, nonce: int = 1, creator: int = 0) -> Reserved:
    (made,) = await house.reserve(wanted(name, (await house.creators())[creator], nonce))
    assert isinstance(made, Reserved), made
    return made


def rows(house: House, kind: bytes) -> int:
    return sum(b'"kind":"' + kind + b'"' in row.body for row in house.keeper.foundation.store.entries())


def test_a_reserved_wallet_is_made_by_its_creators_own_transaction(tmp_path: Path) -> None:
    """The record is a first revision of nobody's; the transaction makes exactly its three owners, two of
    whom must sign, at the address of its creator and nonce."""

    async def story(house: House) -> None:
        made = await reserved(house, "w-1")
        record, sent = parse_record(made.record.record), parse_signed(made.transaction)
        creator = (await house.creators())[0]
        assert (record.revision, record.standing, record.owner) == (1, Standing.RESERVED, "")
        assert record.profile == f"multisig-v2:{creator}:1"
        assert record.address == of_multisig(creator, 1)
        assert sent.sender() == creator
        assert isinstance(sent.transaction.data, CreateMultisig)
        owners = sent.transaction.data.owners
        assert (owners.threshold, owners.weights, owners.addresses) == (2, (1, 1, 1), owners_of(record))

    told(tmp_path, story)


def test_a_wallet_has_cool_and_cold_keys_of_its_own(tmp_path: Path) -> None:
    """Numbers count up and are never given twice, also not when a reservation between them was refused."""

    async def story(house: House) -> None:
        first, second = await house.creators(), await house.creators()
        assert first == second
        items = [wanted("a", first[0], 1), wanted("b", first[0], 7), wanted("c", first[1], 1)]
        a, b, c = await house.reserve(*items)
        assert (code(a), code(b), code(c)) == ("Reserved", "reserve.nonce_order", "Reserved")
        d = await reserved(house, "d", 2)
        assert isinstance(a, Reserved)
        assert isinstance(c, Reserved)
        records = [parse_record(one.record.record) for one in (a, c, d)]
        numbers = [wallet_number_of(one.key(role)) for one in records for role in (Role.COOL, Role.COLD)]
        assert numbers[::2] == numbers[1::2]
        assert len(set(numbers)) == 3
        keys = [key.public_key for one in records for key in one.owners]
        assert len(set(keys)) == 9

    told(tmp_path, story)


def test_asked_again_a_wallet_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """The same request gives record and transaction again, before and after the wallet is proven, and the
    journal grows by nothing."""

    async def story(house: House) -> None:
        made = await reserved(house, "w-1")
        before = rows(house, b"creator")
        assert await reserved(house, "w-1") == made
        house.book.take(made.transaction)
        await house.prove(ProveItem(wallet="w-1", owner="u-1"))
        assert await reserved(house, "w-1") == made
        assert rows(house, b"creator") == before == 1

    told(tmp_path, story)


def test_only_the_gas_price_of_a_create_may_change_and_only_upwards(tmp_path: Path) -> None:
    """Dearer, the same create is signed at the same slot; cheaper or in another coin it is refused."""

    async def story(house: House) -> None:
        creator = (await house.creators())[0]
        cheap = await reserved(house, "w-1")
        (dear,) = await house.reserve(wanted("w-1", creator, 1, gas_price=5))
        assert isinstance(dear, Reserved)
        assert dear.record == cheap.record
        one, other = (parse_signed(it.transaction).transaction for it in (cheap, dear))
        assert replace(one, gas_price=5) == other
        (lower,) = await house.reserve(wanted("w-1", creator, 1, gas_price=3))
        (beyond,) = await house.reserve(wanted("w-1", creator, 1, gas_price=TERMS.gas_price_max + 1))
        (coin,) = await house.reserve(msgspec.structs.replace(wanted("w-1", creator, 1, 6), gas_coin=7))
        assert [code(it) for it in (lower, beyond, coin)] == [
            "reserve.slot",
            "reserve.fee_rate",
            "reserve.slot",
        ]
        assert rows(house, b"creator") == 2

    told(tmp_path, story)


def test_one_place_is_one_wallets_for_ever(tmp_path: Path) -> None:
    """Another wallet at a used nonce and a wallet at another place are refused, and nothing is remembered."""

    async def story(house: House) -> None:
        await reserved(house, "w-1")
        creators = await house.creators()
        other, moved, elsewhere = await house.reserve(
            wanted("w-2", creators[0], 1), wanted("w-1", creators[0], 2), wanted("w-3", creators[1], 2)
        )
        assert [code(it) for it in (other, moved, elsewhere)] == [
            "reserve.slot",
            "wallet.other",
            "reserve.nonce_order",
        ]
        assert (rows(house, b"creator"), rows(house, b"reservation")) == (1, 1)
        assert house.keeper.foundation.store.record_count() == 1
        assert [one.next_nonce for one in await house.status()] == [2, 1, 1]

    told(tmp_path, story)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "twin"])
def test_one_address_is_never_promised_twice(
    tmp_path: Path, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two creates of one creator and nonce have one address, and the chain lets only one be made. Keeper
    signs no second; in the twin it does, the address of the first becomes the second's wallet, and only
    Cooler's look at the chain keeps coins from going there."""
    if not guarded:
        monkeypatch.setitem(RULES, "slot", lambda _: "")  # in its place: the order of rules outlives a test

    async def story(house: House) -> None:
        creator = (await house.creators())[0]
        first = await reserved(house, "w-1")
        (second,) = await house.reserve(wanted("w-2", creator, 1))
        if guarded:
            assert code(second) == "reserve.slot"
            return
        assert isinstance(second, Reserved)
        one, other = (parse_record(it.record.record) for it in (first, second))
        assert one.address == other.address
        house.book.take(second.transaction)
        (proven,) = await house.prove(ProveItem(wallet="w-1", owner="u-1"))
        assert isinstance(proven, Attested)
        assert code((await house.attest(proven))[0]) == "multisig.owners"

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"creator": CUSTOMER}, "reserve.creator"),
        ({"network": "minter:1"}, "reserve.creator"),
        ({"wallet": "a b"}, "id.form"),
        ({"nonce": 0}, "minter.profile"),
        ({"gas_price": 0}, "transaction.range"),
        ({"gas_price": 11}, "reserve.fee_rate"),
        ({"gas_coin": 7}, "reserve.fee_asset"),
        ({"gas_coin": 2**32}, "transaction.range"),
    ],
)
def test_refuses_terms_beyond_the_policy(tmp_path: Path, terms: dict[str, object], expected: str) -> None:
    """What the policy does not allow is not signed, and the wallet beside it in the batch is."""

    async def story(house: House) -> None:
        creators = await house.creators()
        bad = msgspec.structs.replace(wanted("odd", creators[0], 1), **terms)
        refused, good = await house.reserve(bad, wanted("beside", creators[1], 1))
        assert (code(refused), code(good)) == (expected, "Reserved")
        assert (rows(house, b"creator"), house.keeper.foundation.store.record_count()) == (1, 1)

    told(tmp_path, story)


def test_a_day_has_its_limit_of_creates(tmp_path: Path) -> None:
    """The create beyond the day's limit is refused; a dearer one at a counted slot is not counted again."""

    async def story(house: House) -> None:
        creators = await house.creators()
        await reserved(house, "a")
        await reserved(house, "b", creator=1)
        (beyond,) = await house.reserve(wanted("c", creators[2], 1))
        assert code(beyond) == "reserve.creates_per_day"
        (dearer,) = await house.reserve(wanted("a", creators[0], 1, gas_price=2))
        assert isinstance(dearer, Reserved)
        assert sum(one.deployments_today for one in await house.status()) == 2

    told(tmp_path, story, dataclasses.replace(TERMS, creates_per_day=2))


def test_nothing_is_made_while_frozen(tmp_path: Path) -> None:
    """A freeze of the network holds back new wallets and those signed before."""

    async def story(house: House) -> None:
        await reserved(house, "a")
        creators, keeper = await house.creators(), house.keeper
        await freezes.freeze(
            keeper.journal,
            keeper.freezes,
            level="network",
            target=NETWORK,
            reason="drill",
            asked=Asked("e-1", 2**50, Service.WATCHTOWER),
            clock_ms=1,
        )
        again, new = await house.reserve(wanted("a", creators[0], 1), wanted("b", creators[1], 1))
        assert [code(again), code(new)] == ["reserve.not_frozen", "reserve.not_frozen"]

    told(tmp_path, story)


def test_wallets_of_this_family_are_not_simply_created(tmp_path: Path) -> None:
    """`wallets.create.v1` would give an address nobody has made: it refuses."""

    async def story(house: House) -> None:
        new = NewWallet(wallet="w", network=NETWORK, profile="multisig-v2", owner="u")
        answer = await house.ask(KEEPER, "wallets.create.v1", CreateWallets(wallets=[new]))
        assert isinstance(answer, WalletsAnswer)
        assert [code(one) for one in answer.items] == ["wallet.reserve"]

    told(tmp_path, story)


def test_a_wallet_is_given_to_one_owner_for_ever(tmp_path: Path) -> None:
    """Proving again on the same terms gives the same record; on others it is refused, and so is a wallet
    nobody reserved."""

    async def story(house: House) -> None:
        made = await reserved(house, "w-1")
        terms = ProveItem(wallet="w-1", owner="u-1", user_key=USER_KEY, policy_class="")
        (first,) = await house.prove(terms)
        (again,) = await house.prove(terms)
        assert isinstance(first, Attested)
        assert first == again
        record, before = parse_record(first.record), parse_record(made.record.record)
        assert (record.revision, record.previous) == (2, before.hash())
        assert (record.owner, record.user_key, record.standing) == ("u-1", USER_KEY, Standing.PROVEN)
        assert (record.address, record.owners) == (before.address, before.owners)
        other, unknown, long = await house.prove(
            ProveItem(wallet="w-1", owner="u-2"),
            ProveItem(wallet="w-9", owner="u-1"),
            ProveItem(wallet="w-1", owner="u" * 129),
        )
        assert [code(it) for it in (other, unknown, long)] == [
            "wallet.other",
            "wallet.unreserved",
            "wallet.text",
        ]

    told(tmp_path, story)


def test_nothing_is_paid_from_a_wallet_before_it_is_proven(tmp_path: Path) -> None:
    """Keeper signs for a reserved wallet neither before nor after it has an owner, until Cooler's attestation
    is registered; then both sign."""

    async def story(house: House) -> None:
        made = await reserved(house, "w-1")
        record = parse_record(made.record.record)
        draft = pay(network=NETWORK, nonce=1, outputs=[Output(CUSTOMER, Amount(COIN, 5))]).preimage()
        (alone,) = await house.sign(KEEPER, payment(record, draft, CUSTOMER, 5))
        assert {"record_proven", "record_attested"} <= objections(alone)
        house.book.take(made.transaction)
        (proven,) = await house.prove(ProveItem(wallet="w-1", owner="u-1"))
        assert isinstance(proven, Attested)
        (half,) = await house.sign(KEEPER, payment(record, draft, CUSTOMER, 5))
        assert objections(half) == {"record_attested"}
        (both,) = await house.attest(proven)
        assert isinstance(both, Attested)
        await house.register(both)
        item = payment(record, draft, CUSTOMER, 5)
        for signer in (KEEPER, COOLER):
            assert code((await house.sign(signer, item))[0]) == "Signed"

    told(tmp_path, story)


def test_nothing_is_paid_to_an_address_before_it_is_proven(tmp_path: Path) -> None:
    """Keeper knows what it reserved: coins may not go there until both signers have attested the wallet."""

    async def story(house: House) -> None:
        payer = await house.wallet("w-1")
        early = await reserved(house, "w-2", creator=1)
        to = parse_record(early.record.record).address
        draft = pay(network=NETWORK, nonce=1, outputs=[Output(to, Amount(COIN, 5))]).preimage()
        (said,) = await house.sign(KEEPER, payment(payer, draft, to, 5))
        assert objections(said) == {"record_proven"}
        assert (await house.wallet("w-2", creator=1)).address == to
        (good,) = await house.sign(KEEPER, payment(payer, draft, to, 5))
        assert code(good) == "Signed"

    told(tmp_path, story)


def test_an_unwitnessed_create_leaves_no_signature(tmp_path: Path) -> None:
    """Without its peer Keeper signs no create; asked again when the peer is back, it signs the one it
    remembered."""

    async def story(house: House) -> None:
        creators = await house.creators()
        house.lines.down.add("witness.v1")
        with pytest.raises(Unavailable):
            await house.reserve(wanted("w-1", creators[0], 1))
        house.lines.down.clear()
        made = await reserved(house, "w-1")
        assert parse_signed(made.transaction).sender() == creators[0]
        assert rows(house, b"creator") == 1

    told(tmp_path, story)


def test_two_who_ask_at_once_get_one_wallet(tmp_path: Path) -> None:
    """The same wallet asked for by two requests at once is one record and one transaction; of wallets for one
    place one is made and the others are refused."""

    async def story(house: House) -> None:
        creators = await house.creators()
        same = [house.reserve(wanted("w-1", creators[0], 1)) for _ in range(4)]
        answers = await asyncio.gather(*same)
        assert all(one == answers[0] for one in answers)
        assert isinstance(answers[0][0], Reserved)
        rivals = [house.reserve(wanted(f"r-{n}", creators[1], 1)) for n in range(4)]
        codes = sorted(code(one) for (one,) in await asyncio.gather(*rivals))
        assert codes == ["Reserved", "reserve.slot", "reserve.slot", "reserve.slot"]
        assert (rows(house, b"creator"), rows(house, b"reservation")) == (2, 2)

    told(tmp_path, story)


def test_the_journal_alone_tells_what_was_reserved(tmp_path: Path) -> None:
    """Read from the chain of entries, places, numbers and the day are those the process had."""

    async def story(house: House) -> None:
        for name, creator in (("a", 0), ("b", 1), ("c", 1)):
            account = (await house.creators())[creator]
            await reserved(house, name, 2 if name == "c" else 1, creator)
        report = verify_journal(house.keeper.foundation.store)
        assert (report.kinds["creator"], report.kinds["reservation"], report.kinds["wallet"]) == (3, 3, 3)
        memory = CreatorMemory()
        for entry in walk(house.keeper.foundation.store):
            memory.learn(entry)
        assert memory.next_number(NETWORK) == 3
        assert [memory.next_nonce(NETWORK, one) for one in await house.creators()] == [2, 3, 1]
        place = memory.reservation("c")
        assert place is not None
        assert (place.account, place.nonce, place.number) == (account, 2, 2)
        assert memory.history(NETWORK, account, 3, house.pool.now_s()).day.creates == 3
        assert memory.reserved_at(NETWORK, of_multisig(account, 2)) == "c"

    told(tmp_path, story)
