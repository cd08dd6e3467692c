"""Administrators put another user key in force: the old one counts for nothing from then on, App or not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from keepcool.core.approvals import Action
from keepcool.wire.messages import Attested, RekeyWallets
from tests.unit.cosigner.order_office import NAMES, REKEY_DELAY_S, STRANGER, Office, person, told
from tests.unit.cosigner.people_house import OWNER, by_owner, codes, owned, pay, ready
from tests.unit.cosigner.test_rekeying import NEW, consent, two


def test_an_order_that_is_due_ends_the_old_key(tmp_path: Path) -> None:
    """From the moment it takes effect, for this very record and no other. While it waits it ends nothing,
    but from its quorum on the old key consents to no other."""

    async def story(office: Office) -> None:
        record, key = owned("w1", 5), person(STRANGER)
        order = office.order(Action.REKEY, wallet="w1", record=record.hash(), key=key)
        await office.submit(order, NAMES[0])
        assert not office.orders.claims_key(record)
        await office.submit(order, NAMES[1])
        assert not office.orders.replaces_key(record)
        assert office.orders.claims_key(record)
        assert not office.orders.claims_key(owned("w2", 5))
        office.later(REKEY_DELAY_S)
        await office.ordering.settle()
        assert office.orders.replaces_key(record)
        assert not office.orders.replaces_key(
            replace(record, user_key=key, revision=2, previous=record.hash())
        )
        assert not office.orders.replaces_key(owned("w2", 5))

    told(tmp_path / "keeper.sqlite", story)


def test_nothing_is_signed_with_a_key_that_was_ordered_away(tmp_path: Path) -> None:
    """An App that was taken over, and the thief of the owner's device, need only keep silent about the order:
    the signer asks its own journal. The twin that does not ask signs."""

    async def story() -> None:
        house = await ready(tmp_path)
        cosigner = house.signer.cosigner
        house.signer.cosigner = replace(cosigner, key_replaced=lambda _: True)
        assert codes(await house.sign(by_owner(pay(50, intent="i-1")))) == ["registry.revision"]
        house.signer.cosigner = cosigner
        assert codes(await house.sign(by_owner(pay(50, intent="i-1")))) == ["signed"]

    asyncio.run(story())


def test_the_old_key_gives_itself_no_successor(tmp_path: Path) -> None:
    """Nor does it consent to another key, by which its record would be another than the order names. The twin
    that does not ask takes the consent."""

    async def story() -> None:
        both = await two(tmp_path)
        house, wish = both.keeper, consent(owned("w1", 5), NEW, OWNER)
        asked = replace(house.rekeying(), key_replaced=lambda _: True)
        said = await asked.rekey(RekeyWallets(items=[wish]), house.asked())
        assert codes(said.items) == ["rekey.order"]
        (taken,) = await both.rekey(wish)
        assert isinstance(taken, Attested)

    asyncio.run(story())
