"""Decisions: only about what both signers and the bytes agree on, never one's own, several by one touch."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from keepcool.chains.evm.family import EvmFamily
from keepcool.core.errors import Unavailable
from keepcool.wire.reviews import ReviewAnswer
from tests.fixtures.softkey import SoftEd25519
from tests.unit.desk import samples
from tests.unit.desk.house import ALICE, BOB, CLERK, Browser, House, raw

pytestmark = pytest.mark.slow


def keepers(**changes: Any) -> ReviewAnswer:
    return samples.review("keeper", **changes)


OTHER_WALLET = samples.record(owner="user-2")
LIES: dict[str, tuple[dict[str, Any], ReviewAnswer | None]] = {
    "cooler says another effect": ({"effects_hash": "00" * 32}, None),
    "cooler says another fee": ({"fee_units_max": "1"}, None),
    "cooler says other drafts": ({"draft_hashes": ["11" * 32]}, None),
    "cooler says another key": ({"user_key": "ed25519:" + "22" * 32}, None),
    "cooler tells another effect": ({"effects": b'{"digests":["00"]}'}, None),
    "cooler's words do not read": ({"effects": b"["}, None),
    "cooler's draft does not decode": ({"drafts": [b"{}"]}, None),
    "cooler has no draft": ({"drafts": [], "draft_hashes": []}, None),
    "keeper sees another effect": ({}, keepers(effects_hash="00" * 32)),
    "keeper sees another fee": ({}, keepers(fee_units_max="7")),
    "keeper sees other drafts": ({}, keepers(draft_hashes=["11" * 32])),
    "keeper sees no owner's signature": ({"user_signed": True}, keepers()),
    "keeper sees another record": ({}, keepers(record=OTHER_WALLET.encoded())),
}


@pytest.mark.parametrize("name", LIES)
def test_nothing_is_approved_that_the_sources_differ_about(name: str) -> None:
    """Any difference between Cooler, Keeper and the bytes is shown as an alarm and takes the button away, and
    the desk drafts no approval; a rejection is taken all the same."""
    changes, keeper = LIES[name]
    house = House()
    hashed = house.wait(samples.review(**changes), keeper)

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        page = (await browser.get(f"/items/{hashed}")).text
        assert 'id="differences"' in page
        assert 'value="approve"' not in page
        assert 'value="reject"' in page
        assert (await browser.statements([hashed])).json()["code"] == "approval.closed"
        assert (await browser.statements([hashed], "reject")).status_code == 200

    house.run(story)
    assert house.cooler.taken == []


def test_a_draft_that_pays_somebody_else_is_seen() -> None:
    """Where Cooler's summary tells of one payment and its bytes of another, the bytes' is shown."""
    house = House()
    evil = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
    honest, changed = samples.intent(), samples.intent(to=evil)
    hashed = house.wait(samples.review(of=honest, drafts=[samples.draft(changed, samples.record())]))

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        page = (await browser.get(f"/items/{hashed}")).text
        assert 'id="differences"' in page
        assert "".join(f"<span>{part}</span>" for part in ("0x", "8617", "E340")) in page
        assert (await browser.statements([hashed])).status_code == 403

    house.run(story)


def test_keeper_that_is_silent_closes_approval() -> None:
    """While Keeper does not answer nothing can be approved; when Keeper says it waits for nothing, it can."""
    house = House()
    hashed = house.wait(samples.review())
    del house.keeper.reviews[hashed]

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        house.keeper.failing = Unavailable("signer.away", "away")
        assert (await browser.statements([hashed])).status_code == 403
        house.keeper.failing = None
        house.clock.at_ms += 10_000
        assert (await browser.statements([hashed])).status_code == 200

    house.run(story)


def test_nobody_approves_what_he_asked_for() -> None:
    """Bob's own payment shows him no button and drafts him no approval; what he forges the signers refuse."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(BOB)
        assert 'value="approve"' not in (await browser.get(f"/items/{hashed}")).text
        assert (await browser.statements([hashed])).json()["code"] == "approval.closed"
        async with house.browser() as other:
            await other.sign_in(ALICE)
            drafted = await other.statements([hashed])
        forged = json.loads(raw(drafted.json()["statements"])[0])
        forged["approver"] = "bob"
        text = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
        drafted._content = msgspec.json.encode({"statements": [text]})
        answer = await browser.send(BOB, drafted)
        assert [one["code"] for one in answer.json()["results"]] == ["approval.four_eyes"] * 2

    house.run(story)
    assert house.cooler.taken == house.keeper.taken == []


def test_one_touch_decides_about_several() -> None:
    """Many payments are signed by one signature; each signer takes each, and what it refuses is told."""
    house = House()
    hashes = [house.wait(samples.review(of=samples.intent(f"i-{one}"))) for one in range(5)]

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        drafted = await browser.statements(hashes)
        gone = house.keeper.reviews.pop(hashes[2])
        assert gone.summary.intent_hash == hashes[2]
        results = (await browser.send(ALICE, drafted)).json()["results"]
        failed = [(one["intent"], one["service"]) for one in results if one["error"]]
        assert failed == [(hashes[2], "keeper")]

    house.run(story)
    assert len(house.cooler.taken) == 5
    assert len(house.keeper.taken) == 4


def test_a_rejection_ends_it() -> None:
    """A rejection is taken by both signers, and the page offers no more decision."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(CLERK)
        assert (await browser.decide(CLERK, [hashed], "reject")).status_code == 200
        page = (await browser.get(f"/items/{hashed}")).text
        assert 'id="decide"' not in page
        assert (await browser.statements([hashed], "reject")).status_code == 409

    house.run(story)
    assert house.cooler.taken == house.keeper.taken == [f"reject {hashed} clerk"]


def test_a_decision_is_in_the_name_of_its_key() -> None:
    """Statements drafted for Alice and signed by another person's session and key are carried to nobody."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        drafted = await browser.statements([hashed])
        async with house.browser() as other:
            await other.sign_in(CLERK)
            assert (await other.send(CLERK, drafted)).json()["code"] == "approval.approver"
            assert (await other.send(SoftEd25519("stranger"), drafted)).status_code == 403

    house.run(story)
    assert house.cooler.taken == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "  "}, "approval.reason"),
        ({"reason": "x" * 201}, "approval.reason"),
        ({"reason": "two\nlines"}, "approval.reason"),
        ({"lives_s": 1}, "approval.expiry"),
        ({"lives_s": 10**9}, "approval.expiry"),
        ({"extra": 1}, "request.json"),
    ],
)
def test_a_decision_has_a_reason_and_an_end(changes: dict[str, Any], code: str) -> None:
    """Without a reason of one line, with an absurd lifetime or an unknown field nothing is drafted."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        answer = await browser.statements([hashed], **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    house.run(story)


def test_a_statement_says_what_was_counted() -> None:
    """What is drafted names the intent, the effects of the bytes, the fee, both policies and the reason."""
    house = House()
    hashed = house.wait(samples.review())

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        answer = await browser.statements([hashed], reason="звонил, это он", lives_s=3600)
        (said,) = (json.loads(one) for one in raw(answer.json()["statements"]))
        assert said == {
            "approver": "alice",
            "decision": "approve",
            "effects": samples.review().effects_hash,
            "expires_at_s": samples.NOW_S + 3600,
            "fee_units_max": str(10**16),
            "intent": hashed,
            "policies": sorted([samples.policy_of("cooler"), samples.policy_of("keeper")]),
            "reason": "звонил, это он",
            "version": 1,
        }

    house.run(story)


def test_a_ladder_of_which_a_part_came_along_is_approved_by_its_hashes() -> None:
    """Of many drafts an answer holds some, and the hashes of all: what they do is counted from those that
    came, the highest fee is the one both signers name, and the page says how many came."""
    house = House()
    of, by = samples.intent(), samples.record()
    raws = [samples.draft(of, by, nonce) for nonce in (2, 3, 4)]
    whole: dict[str, Any] = {
        "drafts": raws[:2],
        "draft_hashes": [hashlib.sha256(one).hexdigest() for one in raws],
        "fee_units_max": "777",
        "effects": samples.told(EvmFamily().decode(raws[2], by)),
    }
    hashed = house.wait(samples.review(of=of, by=by, **whole))

    async def story(browser: Browser) -> None:
        await browser.sign_in(ALICE)
        assert "Drafts: 2 of 3 came along" in (await browser.get(f"/items/{hashed}")).text
        answer = await browser.statements([hashed])
        (said,) = (json.loads(one) for one in raw(answer.json()["statements"]))
        assert said["fee_units_max"] == "777"
        assert all(one["error"] == "" for one in (await browser.send(ALICE, answer)).json()["results"])

    house.run(story)
