"""What people signed decides: without it nothing is signed, with it what they saw and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from keepcool.core.approvals import Decision
from keepcool.core.intent import parse_intent
from keepcool.core.registry import WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner import evidence
from keepcool.cosigner.freezes import freeze
from keepcool.cosigner.keyring import NO_REQUEST_KEYS, RequestKeys
from keepcool.wire import proofs
from keepcool.wire.messages import Declined, EvidenceItem, Signed, SignItem
from tests.fixtures.softkey import SoftPasskey, user_passkey, user_proof
from tests.unit.cosigner.house import ETH, NOW_S, register
from tests.unit.cosigner.people_house import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OWNER,
    POLICY,
    THIEF,
    House,
    by_owner,
    codes,
    decision,
    owned,
    pay,
    ready,
    signed_by,
    with_evidence,
)


def approval(one: SignItem, key: SoftPasskey = ALICE, name: str = "alice") -> SignItem:
    [signed] = signed_by(key, decision(one, name))
    return with_evidence(one, EvidenceItem(kind="approval", key=key.text, proof=proofs.encode(signed)))


def reasons(one: object) -> str:
    assert isinstance(one, Declined)
    return " ".join(f"{v.rule}: {v.reason}" for v in one.verdicts if v.outcome != "approved")


def test_a_small_payment_needs_its_owner_and_nobody_else(tmp_path: Path) -> None:
    """Without the owner's signature it waits, with it both the device key's and a passkey's wallet pays; and
    without tiers (the twin) the same request is signed on App's word."""

    async def story() -> None:
        house = await ready(tmp_path, "w1")
        assert codes(await house.sign(pay(50))) == ["review"]
        assert codes(await house.sign(by_owner(pay(50)))) == ["signed"]
        key = user_passkey("owner")
        await register(house.signer, "w2", 6, owned("w2", 6, key.text))
        other = pay(50, wallet="w2")
        assert codes(await house.sign(by_owner(other, key))) == ["signed"]
        house.policy = replace(POLICY, tiers=(), hash="a2" * 32)
        assert codes(await house.sign(pay(50, 1))) == ["signed"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("bent", "why"),
    [
        ("thief", "another key than the wallet's owner has"),
        ("posing", "not of the key it is said to be of"),
        ("elsewhere", "not of the key it is said to be of"),
        ("garbage", "no proof of this release"),
        ("kind", "evidence of unknown kind"),
    ],
)
def test_an_owners_signature_that_does_not_hold_is_denied(tmp_path: Path, bent: str, why: str) -> None:
    """Somebody else's signature, under his own or the owner's name, the owner's over another intent, bytes
    that are none, and kinds nobody verifies: denied, nothing waits and nothing is remembered."""
    one = pay(50)
    proof = {
        "thief": (THIEF.text, user_proof(THIEF, one.intent)),
        "posing": (OWNER.text, user_proof(THIEF, one.intent)),
        "elsewhere": (OWNER.text, user_proof(OWNER, pay(49).intent)),
        "garbage": (OWNER.text, b"{}"),
        "kind": (OWNER.text, user_proof(OWNER, one.intent)),
    }[bent]

    async def story() -> None:
        house = await ready(tmp_path)
        kind = "sms" if bent == "kind" else "user"
        offered = with_evidence(one, EvidenceItem(kind=kind, key=proof[0], proof=proof[1]))
        [declined] = await house.sign(offered)
        assert codes([declined]) == ["denied"]
        assert why in reasons(declined)
        assert house.rows() == 0
        assert codes(await house.sign(by_owner(one))) == ["signed"]

    asyncio.run(story())


def test_a_wallet_without_a_user_key_has_no_owners_signature(tmp_path: Path) -> None:
    """A signature for a wallet whose record names no key is no evidence, whoever made it."""

    async def story() -> None:
        house = await ready(tmp_path, user_key="")
        [declined] = await house.sign(by_owner(pay(50)))
        assert "this wallet has no user key" in reasons(declined)

    asyncio.run(story())


def test_a_passkey_touched_at_another_site_is_refused(tmp_path: Path) -> None:
    """The users' site counts for users: a touch at the desk, or at a phisher's, signs no payment."""

    async def story() -> None:
        here = user_passkey("owner")
        house = await ready(tmp_path, user_key=here.text)
        for key in (here.at("desk.example", "https://desk.example"), here.at("evil.example", "https://x")):
            [declined] = await house.sign(by_owner(pay(50), key))
            assert "evidence that does not hold" in reasons(declined)
        house.policy = replace(POLICY, users=None, hash="a2" * 32)
        [declined] = await house.sign(by_owner(pay(50), here))
        assert "no site is configured" in reasons(declined)
        house.policy = POLICY
        assert codes(await house.sign(by_owner(pay(50), here))) == ["signed"]

    asyncio.run(story())


def test_approvals_may_come_with_the_request_and_stay_in_the_journal(tmp_path: Path) -> None:
    """A decision that comes as evidence counts, has its row before the signature's, once, and is remembered
    for a request without it."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = pay(300)
        assert codes(await house.sign(by_owner(approval(one)))) == ["signed"]
        assert (house.rows("approval"), house.rows("sign"), house.rows("waiting")) == (1, 1, 0)
        house = house.reopened()
        assert codes(await house.sign(one, by_owner(approval(one)))) == ["signed", "signed"]
        assert house.rows() == 2

    asyncio.run(story())


@pytest.mark.parametrize(
    ("key", "name", "about", "why"),
    [
        (MALLORY, "mallory", 300, "names no approver"),
        (MALLORY, "alice", 300, "not of the key it is said to be of"),
        (BOB, "alice", 300, "not of the key it is said to be of"),
        (ALICE, "alice", 299, "about another intent"),
    ],
)
def test_an_approval_that_does_not_hold_is_denied(
    tmp_path: Path, key: SoftPasskey, name: str, about: int, why: str
) -> None:
    """Of nobody, in another's name, or of another intent: denied, with no row."""

    async def story() -> None:
        house = await ready(tmp_path)
        [signed] = signed_by(key, decision(pay(about), name))
        offered = EvidenceItem(kind="approval", key=key.text, proof=proofs.encode(signed))
        [declined] = await house.sign(with_evidence(by_owner(pay(300)), offered))
        assert why in reasons(declined)
        assert house.rows() == 0

    asyncio.run(story())


def test_evidence_is_of_the_key_it_names(tmp_path: Path) -> None:
    """A good decision beside another key's name is not taken."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = by_owner(pay(300))
        [signed] = signed_by(ALICE, decision(one))
        for key in (BOB.text, "", "alice"):
            offered = EvidenceItem(kind="approval", key=key, proof=proofs.encode(signed))
            [declined] = await house.sign(with_evidence(one, offered))
            assert "another key than it is said to be of" in reasons(declined)

    asyncio.run(story())


def test_nobody_approves_what_he_asked_for(tmp_path: Path) -> None:
    """Carol is in accounting and owns the wallet: her approval verifies and does not count."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = by_owner(pay(300))
        [signed] = signed_by(CAROL, decision(one, "carol"))
        [declined] = await house.sign(
            with_evidence(one, EvidenceItem(kind="approval", key=CAROL.text, proof=proofs.encode(signed)))
        )
        assert codes([declined]) == ["review"]
        assert "nobody approves what he asked for" in reasons(declined)

    asyncio.run(story())


def test_two_groups_and_a_delay(tmp_path: Path) -> None:
    """A big payment needs both groups and its time, in whatever order they come; a second short is short."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = pay(800)
        [first] = await house.sign(one)
        assert isinstance(first, Declined)
        assert first.until_s == NOW_S + 600
        await house.submit(*signed_by(ALICE, decision(one)))
        house.pass_s(599)
        await house.submit(*signed_by(BOB, decision(one, "bob")))
        [second] = await house.sign(one)
        assert isinstance(second, Declined)
        assert (second.review, second.until_s) == (True, NOW_S + 600)
        house = house.reopened()
        house.pass_s(1)
        assert codes(await house.sign(one)) == ["signed"]

    asyncio.run(story())


def test_a_policy_put_in_force_between_approval_and_signing_asks_anew(tmp_path: Path) -> None:
    """What was approved under one policy is not signed under the next; and what was remembered under one and
    is asked for again is judged by the next, with no second row."""

    async def story() -> None:
        house = await ready(tmp_path)
        one, done = by_owner(pay(300)), by_owner(pay(50, 0, intent="i-done"))
        await house.sign(one)
        await house.submit(*signed_by(ALICE, decision(one)))
        house.policy = replace(POLICY, version=2, hash="a2" * 32)
        [declined] = await house.sign(one)
        assert "given under another policy" in reasons(declined)
        assert codes(await house.sign(done)) == ["signed"]
        rows = house.rows()
        house.policy = replace(house.policy, version=3, hash="a3" * 32, tiers=POLICY.tiers[1:])
        assert codes(await house.sign(done)) == ["review"]
        house.policy = replace(house.policy, tiers=())
        house.books.clear()
        assert codes(await house.sign(done)) == ["signed"]
        assert house.rows("sign") == 1
        assert house.rows() == rows + 1

    asyncio.run(story())


def test_a_policy_that_changes_while_a_signature_is_checked_closes_the_request(tmp_path: Path) -> None:
    """Verification lets others speak: when another policy came meanwhile, the request is asked for again."""

    async def story() -> None:
        house = await ready(tmp_path)
        await house.signer.witness.start()
        asking = asyncio.ensure_future(house.sign(by_owner(pay(50))))
        await asyncio.sleep(0)
        house.policy = replace(POLICY, version=2, hash="a2" * 32)
        with pytest.raises(Exception, match=r"policy\.changed"):
            await asking
        assert house.rows() == 0
        assert codes(await house.sign(by_owner(pay(50)))) == ["signed"]

    asyncio.run(story())


def test_what_was_remembered_is_not_released_after_its_intent_ended(tmp_path: Path) -> None:
    """The same bytes give the same signature until the intent ends, and none from that second on."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = by_owner(pay(50))
        [first] = await house.sign(one)
        house.signer.hands.at_ms = parse_intent(one.intent).expires_at_s * 1000 - 1000
        assert await house.sign(one) == [first]
        house.pass_s(1)
        [later] = await house.sign(one)
        assert codes([later]) == ["denied"]
        assert "the intent has expired" in reasons(later)
        assert house.rows("sign") == 1

    asyncio.run(story())


def test_a_rejection_ends_an_intent_that_was_approved_and_one_that_was_signed(tmp_path: Path) -> None:
    """Whoever may decide ends it: nothing is signed any more, not even what was signed before."""

    async def story() -> None:
        house = await ready(tmp_path)
        one, done = pay(800), by_owner(pay(300, intent="i-2"))
        await house.sign(one, done)
        await house.submit(*signed_by(ALICE, decision(one), decision(done)))
        assert codes(await house.sign(done)) == ["signed"]
        no = [decision(each, "bob", Decision.REJECT, reason="not ours") for each in (one, done)]
        assert codes(await house.submit(*signed_by(BOB, *no))) == ["accepted", "accepted"]
        outcomes = await house.sign(one, done)
        assert codes(outcomes) == ["denied", "denied"]
        assert all("rejected by bob: not ours" in reasons(each) for each in outcomes)

    asyncio.run(story())


def test_a_rejection_that_comes_with_the_request_is_remembered(tmp_path: Path) -> None:
    """App cannot hide by carrying it: a rejection offered as evidence has its row, and ends the intent."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = by_owner(pay(300))
        [no] = signed_by(BOB, decision(one, "bob", Decision.REJECT))
        offered = EvidenceItem(kind="approval", key=BOB.text, proof=proofs.encode(no))
        assert codes(await house.sign(with_evidence(one, offered))) == ["denied"]
        assert house.rows("approval") == 1
        assert codes(await house.sign(approval(one))) == ["denied"]

    asyncio.run(story())


def test_a_rejection_while_keys_are_opened_holds_the_signature_back(tmp_path: Path) -> None:
    """Between judging and signing others speak: a rejection that comes in then counts."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = by_owner(approval(pay(300)))
        keyring = house.signer.cosigner.keyring
        seen: list[bool] = []

        class Slow:
            role = keyring.role

            async def unseal(
                self,
                records: Sequence[WalletRecord],
                reference: str,
                keys: RequestKeys = NO_REQUEST_KEYS,  # noqa: ARG002
            ) -> list[Secret]:
                no = decision(one, "bob", Decision.REJECT)
                seen.append(codes(await house.submit(*signed_by(BOB, no))) == ["accepted"])
                return await keyring.unseal(records, reference)

        await house.sign(pay(300))
        house.signer.cosigner = replace(house.signer.cosigner, keyring=Slow())
        with pytest.raises(Exception, match=r"approval\.rejected"):
            await house.sign(one)
        assert seen == [True]

    asyncio.run(story())


def test_a_frozen_wallet_is_not_helped_by_evidence(tmp_path: Path) -> None:
    """Whatever people signed, a freeze holds."""

    async def story() -> None:
        house = await ready(tmp_path)
        signer = house.signer
        await freeze(
            signer.journal, signer.freezes, level="wallet", target="w1", reason="", asked=house.asked(),
            clock_ms=signer.hands.at_ms,
        )  # fmt: skip
        assert codes(await house.sign(by_owner(pay(50)))) == ["denied"]

    asyncio.run(story())


def test_destinations_age_from_what_their_owner_signed(tmp_path: Path) -> None:
    """App's asking teaches nothing about whom an owner pays; his signature, verified, does, and survives a
    restart."""
    policy = replace(POLICY, tiers=(replace(POLICY.tiers[0], cooling_s=1000),))

    async def story() -> None:
        house = await ready(tmp_path, policy=policy)
        one = pay(50)
        assert codes(await house.sign(one)) == ["review"]
        house.pass_s(900)
        [cooling] = await house.sign(by_owner(one))
        assert isinstance(cooling, Declined)
        assert cooling.until_s == NOW_S + 1900
        assert house.rows("waiting") == 2
        house = house.reopened()
        house.pass_s(999)
        assert codes(await house.sign(one)) == ["review"]
        house.pass_s(1)
        assert codes(await house.sign(one)) == ["signed"]
        again = by_owner(pay(50, 1))
        assert codes(await house.sign(again)) == ["signed"]
        stranger = by_owner(pay(50, 2, to="stranger"))
        assert codes(await house.sign(stranger)) == ["review"]

    asyncio.run(story())


def test_an_owners_day_counts_over_all_his_wallets(tmp_path: Path) -> None:
    """What one wallet of an owner paid fills his day, the other's limit with it; another owner's is free, and
    a day later so is his."""
    day = replace(POLICY.tiers[0], user_day_units_max={ETH: 100})
    policy = replace(POLICY, tiers=(day,), intent_lifetime_s_max=200_000)

    async def story() -> None:
        house = await ready(tmp_path, "w1", "w2", policy=policy)
        await register(house.signer, "w3", 7, owned("w3", 7, owner="u3"))
        assert codes(await house.sign(by_owner(pay(60)))) == ["signed"]
        assert codes(await house.sign(by_owner(pay(41, wallet="w2")))) == ["denied"]
        assert codes(await house.sign(by_owner(pay(40, wallet="w2")))) == ["signed"]
        assert codes(await house.sign(by_owner(pay(100, wallet="w3")))) == ["signed"]
        house = house.reopened()
        assert codes(await house.sign(by_owner(pay(1, 1)))) == ["denied"]

    asyncio.run(story())


def test_what_verified_lately_is_not_verified_again(tmp_path: Path) -> None:
    """A waiting payment that is asked for over and over costs one verification; the memory of it is bounded,
    and another key, challenge, proof or site is another question."""
    verifier = evidence.Verifier(lately_max=2)
    challenges = [bytes([number]) * 32 for number in range(3)]
    for one in challenges[:2]:
        verifier.verify(OWNER.text, one, OWNER.proof(one), None)
    older, newer = verifier._lately
    verifier.verify(OWNER.text, challenges[0], OWNER.proof(challenges[0]), None)
    assert list(verifier._lately) == [newer, older]
    verifier.verify(OWNER.text, challenges[2], OWNER.proof(challenges[2]), None)
    assert next(iter(verifier._lately)) == older
    assert len(verifier._lately) == 2
    for one in challenges:
        with pytest.raises(Exception, match=r"proof\.signature"):
            verifier.verify(THIEF.text, one, OWNER.proof(one), None)
    here, touch = user_passkey("owner"), user_passkey("owner").proof(challenges[0])
    verifier.verify(here.text, challenges[0], touch, POLICY.users)
    with pytest.raises(Exception, match=r"proof\.origin"):
        verifier.verify(here.text, challenges[0], touch, POLICY.desk)
    with pytest.raises(Exception, match=r"proof\.challenge"):
        verifier.verify(here.text, challenges[1], touch, POLICY.users)
    bent = msgspec.structs.replace(touch, signature=touch.signature[:-1] + b"\0")
    with pytest.raises(Exception, match=r"proof\.signature"):
        verifier.verify(here.text, challenges[0], bent, POLICY.users)


def test_a_row_says_what_it_was_signed_on(tmp_path: Path) -> None:
    """The journal's row of a signature names owner, his key, the record's revision, the recipients, and
    whether he signed."""

    async def story() -> None:
        house: House = await ready(tmp_path)
        [signed] = await house.sign(by_owner(pay(50)))
        assert isinstance(signed, Signed)
        [row] = house.signer.store.entries()
        said = msgspec.json.decode(row.body)
        expected = {
            "owner": "u1", "user_key": OWNER.text, "revision": 1, "recipients": ["bob"], "user": True,
            "policy": POLICY.hash,
        }  # fmt: skip
        assert {name: said[name] for name in expected} == expected

    asyncio.run(story())
