"""A wallet whose address comes from the chain changes its owner's key, over the wire and at both signers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keepcool.core import approvals
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.cosigner.attest import attest
from keepcool.wire import proofs
from keepcool.wire.messages import (
    Attested,
    Failure,
    ProveItem,
    RekeyItem,
    RekeyWallets,
    Reserved,
    WalletsAnswer,
)
from tests.fixtures.softkey import SoftEd25519
from tests.unit.keeper.minter_house import COOLER, KEEPER, House, code, told, wanted

OWNER, NEW, THIEF = SoftEd25519("owner"), SoftEd25519("new"), SoftEd25519("thief")
TERMS = ProveItem(wallet="w-1", owner="u-1", user_key=OWNER.text)


async def rekeyed(house: House, to: Service, *items: RekeyItem) -> list[Attested | Failure]:
    answer = await house.ask(to, "wallets.rekey.v1", RekeyWallets(items=list(items)))
    assert isinstance(answer, WalletsAnswer)
    return answer.items


def consent(record: WalletRecord, key: SoftEd25519, by: SoftEd25519 = OWNER) -> RekeyItem:
    statement = approvals.rekey_statement(record.wallet, record.hash(), key.text)
    proof = proofs.encode(by.proof(approvals.rekey_challenge(statement)))
    return RekeyItem(wallet=record.wallet, key=key.text, proof=proof)


async def owned(house: House) -> Attested:
    """A wallet with a user key, made, attested and registered: as both signers have it."""
    (first,) = await house.reserve(wanted("w-1", (await house.creators())[0], 1))
    assert isinstance(first, Reserved)
    house.book.take(first.transaction)
    both = await house.attest(*[one for one in await house.prove(TERMS) if isinstance(one, Attested)])
    (whole,) = await house.register(*[one for one in both if isinstance(one, Attested)])
    assert isinstance(whole, Attested)
    return whole


async def changed(house: House) -> tuple[WalletRecord, Attested]:
    """Before, and the third revision as both attested it."""
    before = parse_record((await owned(house)).record)
    item = consent(before, NEW)
    (made,) = await rekeyed(house, KEEPER, item)
    assert isinstance(made, Attested), made
    follow = RekeyItem(wallet="w-1", key=NEW.text, proof=item.proof, attestations=made.attestations)
    (both,) = await rekeyed(house, COOLER, follow)
    assert isinstance(both, Attested), both
    return before, both


def test_the_third_revision_follows_the_second(tmp_path: Path) -> None:
    """Attested by both and registered it is in force; everything asked for again tells it: reserving, proving
    on its terms, attesting, registering. On the old terms, and as the old revision, nothing is told."""

    async def story(house: House) -> None:
        before, both = await changed(house)
        record = parse_record(both.record)
        assert record == replace(before, revision=3, previous=before.hash(), user_key=NEW.text)
        (whole,) = await house.register(both)
        assert isinstance(whole, Attested)
        assert set(whole.attestations) == {"keeper", "cooler"}
        (again,) = await house.reserve(wanted("w-1", (await house.creators())[0], 1))
        assert isinstance(again, Reserved)
        assert parse_record(again.record.record).revision == 1
        mine = ProveItem(wallet="w-1", owner="u-1", user_key=NEW.text)
        (told_again,) = await house.prove(mine)
        assert isinstance(told_again, Attested)
        assert told_again.record == both.record
        for other in (TERMS, ProveItem(wallet="w-1", owner="u-2", user_key=NEW.text)):
            assert [code(one) for one in await house.prove(other)] == ["wallet.other"]
        assert await house.attest(both) == [both]
        assert all(house.cooler.registry.wallet(record.wallet).is_proven for _ in (1, 2))
        assert house.keeper.registry.wallet(record.wallet).is_proven

    told(tmp_path, story)


def test_cooler_attests_no_later_revision_but_by_consent(tmp_path: Path) -> None:
    """A Keeper that was taken over attests a third revision with a thief's key: neither as a new wallet nor
    as a change does Cooler sign it."""

    async def story(house: House) -> None:
        record = parse_record((await owned(house)).record)
        forged = replace(record, revision=3, previous=record.hash(), user_key=THIEF.text)
        signature = attest(house.keeper.foundation.identity, forged)
        stated = Attested(record=forged.encoded(), attestations={KEEPER.value: signature})
        assert [code(one) for one in await house.attest(stated)] == ["wallet.standing"]
        item = consent(record, THIEF, THIEF)
        bent = RekeyItem(
            wallet="w-1", key=THIEF.text, proof=item.proof, attestations={KEEPER.value: signature}
        )
        assert [code(one) for one in await rekeyed(house, COOLER, bent)] == ["proof.signature"]
        assert house.cooler.registry.wallet(record.wallet).record == record

    told(tmp_path, story)


def test_a_user_key_is_a_key(tmp_path: Path) -> None:
    """What App calls a user's key must be one: refused when the wallet is given to its owner, and Cooler
    attests no record that names another."""

    async def story(house: House) -> None:
        (first,) = await house.reserve(wanted("w-1", (await house.creators())[0], 1))
        assert isinstance(first, Reserved)
        for wrong in ("k-1", "ed25519:", OWNER.text.upper(), OWNER.text + " "):
            bent = ProveItem(wallet="w-1", owner="u-1", user_key=wrong)
            assert [code(one) for one in await house.prove(bent)] == ["person.key"]
        assert [code(one) for one in await house.prove(TERMS)] == ["Attested"]

    told(tmp_path, story)
