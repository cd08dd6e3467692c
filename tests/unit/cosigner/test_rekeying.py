"""Another key of an owner: consented to or ordered, one revision after the other, both signers at one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from keepcool.core import approvals
from keepcool.core.errors import Conflict, Malformed
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.cosigner.freezes import freeze
from keepcool.cosigner.rekeying import Ordered, never_ordered
from keepcool.cosigner.revisions import first_revision
from keepcool.ports.signer_store import Change, RecordRow
from keepcool.wire import proofs
from keepcool.wire.messages import Attested, Failure, RekeyItem, RekeyWallets
from tests.fixtures.softkey import SoftEd25519, SoftKey, user_passkey
from tests.unit.cosigner.house import Keys, Pair, register
from tests.unit.cosigner.people_house import (
    DENIALS_MAX,
    OWNER,
    POLICY,
    THIEF,
    House,
    by_owner,
    code,
    codes,
    opened,
    owned,
    pay,
)

NEW, NEXT = user_passkey("new"), SoftEd25519("next")
KEEPER_KEY = (Service.KEEPER, Keys(Service.KEEPER).public("attestation"))


@dataclass
class Two:
    """Keeper and Cooler with the same policy, over one wallet or more."""

    keeper: House
    cooler: House

    async def rekey(
        self, *items: RekeyItem, at: Service = Service.KEEPER, ordered: Ordered = never_ordered
    ) -> list[Attested | Failure]:
        leads = at is Service.KEEPER
        house, after = (self.keeper, None) if leads else (self.cooler, KEEPER_KEY)
        rekeying = house.rekeying(ordered, after)
        return (await rekeying.rekey(RekeyWallets(items=list(items)), house.asked())).items

    async def whole(self, item: RekeyItem, ordered: Ordered = never_ordered) -> WalletRecord:
        """At Keeper, at Cooler, and registered with Keeper."""
        [made] = await self.rekey(item, ordered=ordered)
        assert isinstance(made, Attested)
        follow = RekeyItem(wallet=item.wallet, key=item.key, proof=item.proof, attestations=made.attestations)
        [both] = await self.rekey(follow, at=Service.COOLER, ordered=ordered)
        assert isinstance(both, Attested)
        assert both.record == made.record
        record = parse_record(both.record)
        signatures = {Service(name): one for name, one in both.attestations.items()}
        row = RecordRow(record.wallet, record.revision, both.record, signatures)
        await self.keeper.signer.store.commit(Change(records=(row,)))
        return record


async def two(folder: Path, *wallets: WalletRecord) -> Two:
    pair = Pair(folder)
    cooler = opened(pair, Service.COOLER)
    both = Two(opened(pair, Service.KEEPER), cooler)
    for record in wallets or (owned("w1", 5),):
        for house in (both.keeper, both.cooler):
            await register(house.signer, record.wallet, 5, record)
    return both


def consent(record: WalletRecord, key: SoftKey, by: SoftKey = OWNER) -> RekeyItem:
    statement = approvals.rekey_statement(record.wallet, record.hash(), key.text)
    proof = proofs.encode(by.proof(approvals.rekey_challenge(statement)))
    return RekeyItem(wallet=record.wallet, key=key.text, proof=proof)


def test_an_owner_changes_his_key(tmp_path: Path) -> None:
    """The next revision differs in the key alone and names the one before; from then on the new key's
    signature counts and the old one's does not, at either signer; and his new key changes it again."""
    before = owned("w1", 5)

    async def story() -> None:
        both = await two(tmp_path)
        record = await both.whole(consent(before, NEW))
        expected = replace(before, revision=2, previous=before.hash(), user_key=NEW.text)
        assert record == expected
        for house in (both.keeper, both.cooler):
            assert codes(await house.sign(by_owner(pay(50)))) == ["denied"]
            assert codes(await house.sign(by_owner(pay(50), NEW))) == ["signed"]
        third = await both.whole(consent(record, NEXT, NEW))
        assert (third.revision, third.previous, third.user_key) == (3, record.hash(), NEXT.text)
        for house in (both.keeper, both.cooler):
            assert house.rows("wallet") == 2

    asyncio.run(story())


def test_the_same_asked_again_is_the_same(tmp_path: Path) -> None:
    """Repeated at either signer, before and after a restart, it is told again and nothing is written."""
    item = consent(owned("w1", 5), NEW)

    async def story() -> None:
        both = await two(tmp_path)
        [first] = await both.rekey(item)
        assert await both.rekey(item, item) == [first, first]
        await both.whole(item)
        keeper = both.keeper.reopened()
        rows = keeper.rows()
        both.keeper = keeper
        [again] = await both.rekey(item)
        assert isinstance(again, Attested)
        assert set(again.attestations) == {"keeper", "cooler"}
        assert keeper.rows() == rows

    asyncio.run(story())


@pytest.mark.parametrize(
    ("bent", "said"),
    [
        ("by another", "proof.signature"),
        ("of another key", "proof.signature"),
        ("of another wallet", "proof.signature"),
        ("of another record", "proof.signature"),
        ("none", "rekey.consent"),
        ("garbage", "proof.form"),
        ("a payment's", "proof.signature"),
        ("no key", "person.key"),
        ("unknown", "registry.unknown"),
    ],
)
def test_without_consent_nothing_changes(tmp_path: Path, bent: str, said: str) -> None:
    """Whoever else signs, whatever else was signed: refused, no revision, and the old key goes on."""
    record = owned("w1", 5)
    good = consent(record, NEW)
    later = replace(record, revision=2)
    intent = proofs.encode(OWNER.proof(approvals.user_challenge(pay(50).intent)))
    item = {
        "by another": consent(record, NEW, THIEF),
        "of another key": RekeyItem(wallet="w1", key=THIEF.text, proof=good.proof),
        "of another wallet": consent(replace(record, wallet=owned("w2", 5).wallet), NEW),
        "of another record": RekeyItem(wallet="w1", key=NEW.text, proof=consent(later, NEW).proof),
        "none": RekeyItem(wallet="w1", key=NEW.text),
        "garbage": RekeyItem(wallet="w1", key=NEW.text, proof=b"{}"),
        "a payment's": RekeyItem(wallet="w1", key=NEW.text, proof=intent),
        "no key": RekeyItem(wallet="w1", key="", proof=good.proof),
        "unknown": RekeyItem(wallet="w9", key=NEW.text, proof=good.proof),
    }[bent]

    async def story() -> None:
        both = await two(tmp_path, record, owned("w2", 5))
        if bent == "of another wallet":
            item_for_w1 = RekeyItem(wallet="w1", key=item.key, proof=item.proof)
            [answer] = await both.rekey(item_for_w1)
        else:
            [answer] = await both.rekey(item)
        assert code(answer) == said
        assert both.keeper.rows() == 0
        assert codes(await both.keeper.sign(by_owner(pay(50)))) == ["signed"]

    asyncio.run(story())


def test_cooler_follows_keeper_and_nobody_else(tmp_path: Path) -> None:
    """Cooler attests no revision that Keeper has not: without Keeper's attestation, with one of another
    record or of another's hand, it refuses."""
    record = owned("w1", 5)
    item = consent(record, NEW)

    async def story() -> None:
        both = await two(tmp_path)
        for attestations in ({}, {"keeper": b""}, {"keeper": bytes(64)}, {"cooler": bytes(64)}):
            lone = RekeyItem(wallet="w1", key=NEW.text, proof=item.proof, attestations=attestations)
            [answer] = await both.rekey(lone, at=Service.COOLER)
            assert isinstance(answer, Failure)
        assert both.cooler.rows() == 0
        await both.whole(item)

    asyncio.run(story())


def test_an_order_needs_no_consent_and_gives_a_first_key(tmp_path: Path) -> None:
    """Where administrators ordered exactly this, no proof is needed, also where there was no key, also under
    a freeze; where they ordered something else, it is."""
    bare = owned("w2", 5, user_key="")

    def ordered(wallet: str, record: str, key: str) -> bool:
        return (wallet, record, key) == ("w2", bare.hash(), NEW.text)

    async def story() -> None:
        both = await two(tmp_path, owned("w1", 5), bare)
        wish = RekeyItem(wallet="w2", key=NEW.text)
        assert codes(await both.rekey(wish)) == ["rekey.order"]
        other = RekeyItem(wallet="w2", key=NEXT.text)
        assert codes(await both.rekey(other, ordered=ordered)) == ["rekey.order"]
        elsewhere = RekeyItem(wallet="w1", key=NEW.text)
        assert codes(await both.rekey(elsewhere, ordered=ordered)) == ["rekey.consent"]
        await frozen(both.keeper, "w2")
        record = await both.whole(wish, ordered)
        assert (record.user_key, record.revision) == (NEW.text, 2)

    asyncio.run(story())


async def frozen(house: House, wallet: str) -> None:
    signer = house.signer
    await freeze(
        signer.journal, signer.freezes, level="wallet", target=wallet, reason="", asked=house.asked(),
        clock_ms=signer.hands.at_ms,
    )  # fmt: skip


def test_a_frozen_wallet_keeps_its_key(tmp_path: Path) -> None:
    """A thief who has the old key finds the wallet frozen: only administrators change its key then."""

    async def story() -> None:
        both = await two(tmp_path)
        await frozen(both.keeper, "w1")
        assert codes(await both.rekey(consent(owned("w1", 5), NEW))) == ["freeze.frozen"]

    asyncio.run(story())


def test_a_change_that_only_keeper_has_seen_signs_nothing(tmp_path: Path) -> None:
    """Until both attested the new revision neither the old key nor the new one pays at Keeper, and no third
    key comes."""
    before = owned("w1", 5)

    async def story() -> None:
        both = await two(tmp_path)
        [made] = await both.rekey(consent(before, NEW))
        assert isinstance(made, Attested)
        record = parse_record(made.record)
        assert codes(await both.keeper.sign(by_owner(pay(50)), by_owner(pay(50), NEW))) == ["denied"] * 2
        assert codes(await both.rekey(consent(record, NEXT, NEW))) == ["rekey.pending"]
        await both.whole(consent(before, NEW))
        assert codes(await both.keeper.sign(by_owner(pay(50), NEW))) == ["signed"]

    asyncio.run(story())


def test_of_two_changes_at_once_one_is_made(tmp_path: Path) -> None:
    """Two consents to two keys race, in one request and in two: one revision, and the other is told to ask
    again."""
    record = owned("w1", 5)

    async def story() -> None:
        both = await two(tmp_path)
        first, second = consent(record, NEW), consent(record, NEXT)
        assert codes(await both.rekey(first, second)) == ["accepted", "registry.revision"]
        assert both.keeper.rows("wallet") == 1
        other = await two(tmp_path / "again")
        answers = await asyncio.gather(other.rekey(first), other.rekey(second))
        assert sorted(codes([one for answer in answers for one in answer])) == [
            "accepted",
            "registry.revision",
        ]

    (tmp_path / "again").mkdir()
    asyncio.run(story())


def test_several_wallets_change_at_once(tmp_path: Path) -> None:
    """One request changes as many wallets as it names, each by its own consent."""
    records = owned("w1", 5), owned("w2", 5)

    async def story() -> None:
        both = await two(tmp_path, *records)
        answers = await both.rekey(*[consent(one, NEW) for one in records])
        assert codes(answers) == ["accepted", "accepted"]
        assert both.keeper.rows("wallet") == 2

    asyncio.run(story())


def test_what_the_old_key_signed_is_not_released_after_the_change(tmp_path: Path) -> None:
    """A payment remembered under the old key is judged by the new one when it is asked for again; and one
    that is under way when the key changes is held back."""
    record = owned("w1", 5)

    async def story() -> None:
        both = await two(tmp_path)
        done = by_owner(pay(50))
        assert codes(await both.keeper.sign(done)) == ["signed"]
        under_way = asyncio.ensure_future(both.keeper.sign(by_owner(pay(60, 1))))
        await asyncio.sleep(0)
        [made] = await both.rekey(consent(record, NEW))
        assert isinstance(made, Attested)
        try:
            outcome = codes(await under_way)
        except Conflict as error:
            outcome = [error.code]
        assert outcome == ["registry.revision"]
        await both.whole(consent(record, NEW))
        assert codes(await both.keeper.sign(done)) == ["denied"]
        assert codes(await both.keeper.sign(pay(50))) == ["review"]
        assert codes(await both.keeper.sign(by_owner(pay(50), NEW))) == ["signed"]
        assert both.keeper.rows("sign") <= 2

    asyncio.run(story())


def test_a_pool_has_no_user_key(tmp_path: Path) -> None:
    """What belongs to many gets no key of one, not even by order."""
    rules = next(iter(POLICY.networks.values()))
    policy = replace(POLICY, networks={rules.network: replace(rules, pool_profile="safe-1.5.0-l1")})

    async def story() -> None:
        both = await two(tmp_path)
        both.keeper.policy = policy
        answers = await both.rekey(consent(owned("w1", 5), NEW), ordered=lambda *_: True)
        assert codes(answers) == ["wallet.user_key"]

    asyncio.run(story())


def test_forged_changes_raise_the_alarm_and_a_batch_has_a_bound(tmp_path: Path) -> None:
    """New keys that nobody consented to are denials; none and too many at once are refused."""

    async def story() -> None:
        both = await two(tmp_path)
        for number in range(DENIALS_MAX + 1):
            key = SoftEd25519(f"thief-{number}")
            [answer] = await both.rekey(consent(owned("w1", 5), key, key))
            assert isinstance(answer, Failure)
            assert bool(both.keeper.signer.freezes.count) is (number == DENIALS_MAX)
        for items in ([], [consent(owned("w1", 5), NEW)] * 101):
            with pytest.raises(Malformed, match=r"wallet\.batch"):
                await both.rekey(*items)

    asyncio.run(story())


def test_a_record_that_changed_its_key_still_names_its_first(tmp_path: Path) -> None:
    """What was reserved can be told from a record whatever its later revisions; an invented second cannot."""
    record = owned("w1", 5)
    third = replace(record, revision=3, previous="ab" * 32, user_key=NEW.text)
    assert first_revision(third).revision == 1
    assert first_revision(third).user_key == ""
    with pytest.raises(Conflict, match=r"wallet\.revision"):
        first_revision(replace(record, revision=2, previous="ab" * 32))
