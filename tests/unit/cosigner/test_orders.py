"""Orders of administrators: who may give them, when they take effect, what ends them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.approvals import Action, Order
from keepcool.core.errors import Conflict, Refused
from keepcool.cosigner import ordering
from keepcool.cosigner.mandates import Mandates
from keepcool.cosigner.orders import SignedBy
from keepcool.policy.document import parse_policy
from keepcool.wire.reviews import SubmitOrder
from tests.unit.cosigner.order_office import (
    DELAY_S,
    FIRST,
    KEYS,
    NAMES,
    NETWORK,
    ROOT_DELAY_S,
    STRANGER,
    THAW_DELAY_S,
    Office,
    document,
    opened,
    person,
    proven,
    submitted,
    told,
)

SECOND = document(11)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keeper.sqlite"


def test_a_quorum_and_the_delay_bring_a_policy(file: Path) -> None:
    """Signatures gather over submissions; from the last one needed the delay runs, to the second; then the
    new policy is in force, and stays so when the signer starts again with the old file."""

    async def story() -> None:
        office = await opened(file)
        order = office.proposal(SECOND)
        first = await office.submit(order, "anna", document=SECOND)
        assert (first.state, first.effective_at_s, first.quorum) == ("collecting", 0, 2)
        office.later(100)
        second = await office.submit(order, "boris")
        assert (second.state, second.effective_at_s) == ("pending", office.now_s + DELAY_S)
        assert second.signed_by == ["anna", "boris"]
        office.later(DELAY_S - 1)
        await office.ordering.settle()
        assert office.policy.version == 10
        office.later(1)
        await office.ordering.settle()
        assert (office.policy.version, office.ordering.told(order.order).state) == (11, "done")
        office.store.close()
        again = await opened(file, FIRST, office.watch)
        assert (again.policy.version, again.in_force.document) == (11, SECOND)
        assert again.ordering.told(order.order).state == "done"
        again.store.close()

    asyncio.run(story())


def test_what_fell_due_while_a_signer_was_stopped_is_done_at_start(file: Path) -> None:
    """Nobody has to ask for it."""

    async def story() -> None:
        office = await opened(file)
        await office.submit(office.proposal(SECOND), *NAMES[:2], document=SECOND)
        office.store.close()
        office.later(DELAY_S)
        again = await opened(file, FIRST, office.watch)
        assert again.policy.version == 11
        again.store.close()

    asyncio.run(story())


def test_the_root_key_alone_waits_longer(file: Path) -> None:
    """Its delay is its own; administrators who join bring the moment forward, never back."""

    async def story(office: Office) -> None:
        order = office.proposal(SECOND)
        alone = await office.submit(order, "root", document=SECOND)
        assert alone.effective_at_s == office.now_s + ROOT_DELAY_S
        office.later(10)
        one = await office.submit(order, "anna")
        assert one.effective_at_s == alone.effective_at_s
        both = await office.submit(order, "boris")
        assert both.effective_at_s == office.now_s + DELAY_S
        office.later(500)
        assert (await office.submit(order, "clara")).effective_at_s == both.effective_at_s

    told(file, story)


@pytest.mark.parametrize("who", [("anna",), ("anna", "anna"), ("anna", "root")])
def test_one_administrator_is_no_quorum(file: Path, who: tuple[str, ...]) -> None:
    """Nor is one twice, nor one with the root key: that stands for itself."""

    async def story(office: Office) -> None:
        pending = await office.submit(office.proposal(SECOND), *who, document=SECOND)
        assert pending.state == ("pending" if "root" in who else "collecting")
        office.later(ROOT_DELAY_S - 1)
        await office.ordering.settle()
        assert office.policy.version == 10

    told(file, story)


def test_twin_with_a_quorum_of_one_he_brings_it_alone(file: Path) -> None:
    """The same order under a policy that asks for one signature."""

    async def story(office: Office) -> None:
        await office.submit(office.proposal(SECOND), "anna", document=SECOND)
        office.later(DELAY_S)
        await office.ordering.settle()
        assert office.policy.version == 11

    told(file, story, document(10, quorum=1))


@pytest.mark.parametrize("who", NAMES)
def test_any_one_administrator_cancels(file: Path, who: str) -> None:
    """Up to the last second; and what was cancelled never comes back under the same order."""

    async def story(office: Office) -> None:
        order = office.proposal(SECOND)
        await office.submit(order, *NAMES[:2], document=SECOND)
        office.later(DELAY_S - 1)
        assert (await office.submit(office.cancel(SECOND), who)).state == "done"
        assert office.ordering.told(order.order).state == "cancelled"
        office.later(1)
        assert (await office.submit(order, *NAMES, document=SECOND)).state == "cancelled"
        office.later(ROOT_DELAY_S)
        await office.ordering.settle()
        assert office.policy.version == 10
        assert await office.refused(office.cancel(SECOND), who) == "order.nothing"

    told(file, story)


def test_a_cancel_comes_too_late_once_it_is_due(file: Path) -> None:
    """In the very second the policy is in force, whoever asks first."""

    async def story(office: Office) -> None:
        await office.submit(office.proposal(SECOND), *NAMES[:2], document=SECOND)
        office.later(DELAY_S)
        cancel = office.cancel(SECOND)
        with pytest.raises(Conflict, match=r"order\.nothing"):
            await office.submit(cancel, "clara")
        assert office.policy.version == 11

    told(file, story)


def test_orders_of_strangers_change_nothing(file: Path) -> None:
    """Another key, another installation, another service, an expired or endless order, no signature, one that
    was made for another order: refused, and nothing stands in the journal."""

    async def story(office: Office) -> None:
        order = office.proposal(SECOND)
        assert await office.refused(order, document=SECOND) == "order.unsigned"
        assert await office.refused(order, "dora", document=SECOND) == "order.administrator"
        forged = SubmitOrder(order=order.encoded(), proofs=[proven(order, "anna", STRANGER)], document=SECOND)
        with pytest.raises(Refused, match=r"proof\.signature"):
            await office.ordering.submit(forged)
        moved = SubmitOrder(
            order=order.encoded(), proofs=[proven(office.proposal(SECOND), "anna")], document=SECOND
        )
        with pytest.raises(Refused, match=r"proof\.signature"):
            await office.ordering.submit(moved)
        elsewhere = replace(order, installation="00" * 32)
        assert await office.refused(elsewhere, "anna", document=SECOND) == "order.installation"
        other = office.proposal(SECOND, service="cooler")
        assert await office.refused(other, "anna", document=SECOND) == "order.service"
        for at_s, code in (
            (office.now_s, "order.expired"),
            (office.now_s + 30 * 86_400 + 1, "order.lifetime"),
        ):
            late = replace(order, expires_at_s=at_s)
            assert await office.refused(late, "anna", document=SECOND) == code
        last = replace(order, expires_at_s=office.now_s + 30 * 86_400)
        assert (await office.submit(last, "anna", document=SECOND)).state == "collecting"

    told(file, story)


def test_the_root_key_orders_nothing_but_a_policy(file: Path) -> None:
    """It freezes, thaws and cancels nothing."""

    async def story(office: Office) -> None:
        await office.submit(office.proposal(SECOND), "anna", document=SECOND)
        assert await office.refused(office.freeze(), "root") == "order.root"
        assert await office.refused(office.cancel(SECOND), "root") == "order.root"

    told(file, story)


def test_a_proposal_is_checked_when_it_comes(file: Path) -> None:
    """A version that does not grow, another document than named, one that is none, one for another policy in
    force, or none at all."""

    async def story(office: Office) -> None:
        for version in (9, 10):
            old = document(version, quorum=1)
            assert await office.refused(office.proposal(old), *NAMES, document=old) == "policy.older"
        order = office.proposal(SECOND)
        assert await office.refused(order, *NAMES, document=document(12)) == "order.policy"
        assert await office.refused(order, *NAMES, document=b"version = ") == "policy.toml"
        assert await office.refused(order, *NAMES) == "order.document"
        other = office.proposal(SECOND, previous="00" * 32)
        assert await office.refused(other, *NAMES, document=SECOND) == "order.policy"
        lied = office.proposal(SECOND, policy_version="12")
        assert await office.refused(lied, *NAMES, document=SECOND) == "order.policy"
        await office.submit(order, "anna", document=SECOND)
        assert await office.refused(order, "boris", document=document(12)) == "order.document"

    told(file, story)


def test_what_was_ordered_under_one_policy_ends_with_it(file: Path) -> None:
    """Two proposals wait; the first takes effect, the second expires with it, and so does a thaw."""

    async def story(office: Office) -> None:
        third = document(12)
        await office.frozen()
        report = office.report()
        thaw, other = office.thaw(report), office.proposal(third)
        await office.submit(office.proposal(SECOND), *NAMES[:2], document=SECOND)
        office.later(DELAY_S - THAW_DELAY_S)
        await office.submit(other, *NAMES[:2], document=third)
        await office.submit(thaw, *NAMES[:2], document=report)
        office.later(THAW_DELAY_S)
        await office.ordering.settle()
        assert office.policy.version == 11
        assert office.ordering.told(other.order).state == "expired"
        assert office.ordering.told(thaw.order).state == "expired"
        office.later(DELAY_S)
        await office.ordering.settle()
        assert (office.policy.version, office.freezes.count) == (11, 1)

    told(file, story)


def test_an_order_is_given_once(file: Path) -> None:
    """The same again changes nothing, whoever sends it; another under its id is refused; one whose time has
    passed without a quorum takes no signature any more."""

    async def story(office: Office) -> None:
        order = office.proposal(SECOND)
        await office.submit(order, "anna", document=SECOND)
        head = office.journal.committed
        assert (await office.submit(order, "anna", document=SECOND)).signed_by == ["anna"]
        assert office.journal.committed == head
        assert (
            await office.refused(replace(order, expires_at_s=order.expires_at_s - 1), "boris") == "order.id"
        )
        office.later(86_400)
        assert (await office.submit(order, "boris")).state == "expired"
        assert office.ordering.told(order.order).signed_by == ["anna"]

    told(file, story)


def test_a_quorum_that_came_in_time_does_not_expire(file: Path) -> None:
    """The order's own time is for gathering signatures; the delay may be longer."""

    async def story(office: Office) -> None:
        order = replace(office.proposal(SECOND), expires_at_s=office.now_s + 10)
        await office.submit(order, *NAMES[:2], document=SECOND)
        office.later(DELAY_S)
        await office.ordering.settle()
        assert office.policy.version == 11

    told(file, story)


def test_one_administrator_freezes_at_once_and_every_level(file: Path) -> None:
    """All five levels; a target that does not fit is refused; the order stands behind the freeze."""

    async def story(office: Office) -> None:
        places = (("wallet", "w-1"), ("asset", f"{NETWORK}/slip44:60"), ("network", NETWORK), ("all", ""),
                  ("harbor", ""))  # fmt: skip
        for level, target in places:
            assert (await office.submit(office.freeze(level, target), "anna")).state == "done"
            assert office.freezes.holds(level, target)
        assert all("is frozen by anna (order order-" in one for one in office.freezes.all())
        for level, target in (("all", "x"), ("harbor", "x"), ("asset", "x"), ("network", "x"), ("shelf", "")):
            with pytest.raises(Exception, match=r"freeze\.|id\.form"):
                await office.submit(office.freeze(level, target), "anna")
        assert office.freezes.count == 5

    told(file, story)


def test_one_administrator_cannot_fill_the_journal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many open orders, and so many a day; and nobody else is held up, nor is he kept from freezing by his
    open ones."""
    monkeypatch.setattr(ordering, "OPENED_PER_DAY_MAX", ordering.OPEN_MAX + 2)

    async def story(office: Office) -> None:
        for _ in range(ordering.OPEN_MAX):
            await office.submit(office.proposal(SECOND), "anna", document=SECOND)
        assert await office.refused(office.proposal(SECOND), "anna", document=SECOND) == "order.many"
        await office.submit(office.proposal(SECOND), "boris", document=SECOND)
        for _ in range(2):
            await office.submit(office.freeze(), "anna")
        assert await office.refused(office.freeze(), "anna") == "order.many"
        office.later(86_400)
        assert (await office.submit(office.freeze(), "anna")).state == "done"

    told(file, story)


def test_without_administrators_nobody_orders(file: Path) -> None:
    """Nor does the root key: a file is signed there."""

    async def story(office: Office) -> None:
        assert await office.refused(office.proposal(SECOND), "anna", document=SECOND) == "order.administrator"
        assert await office.refused(office.proposal(SECOND), "root", document=SECOND) == "order.ungoverned"
        assert await office.refused(office.freeze(), "anna") == "order.administrator"
        assert office.ordering.thaws_locally()

    told(file, story, document(10, ()))


def test_who_is_no_administrator_any_more_does_not_count() -> None:
    """By the policy in force: a name with another key, or no name, is nobody."""
    both = Mandates(parse_policy(FIRST), "00" * 32)
    fewer = Mandates(parse_policy(document(11, NAMES[1:])), "00" * 32)
    order = submitted_order()
    assert both.delay_s(order, signatures("anna", "boris")) == DELAY_S
    assert fewer.delay_s(order, signatures("anna", "boris")) is None
    assert fewer.delay_s(order, signatures("clara", "boris")) == DELAY_S


def submitted_order() -> Order:
    details = {"document": "d", "policy_version": "1", "previous": "p", "service": "keeper"}
    return Order("order-1234", "00" * 32, Action.POLICY_PROPOSE, details, 1)


def signatures(*names: str) -> list[SignedBy]:
    return [SignedBy(name, person(KEYS[name])) for name in names]


def test_a_batch_that_does_not_commit_takes_everything_back(file: Path) -> None:
    """Order, policy and freeze are unlearned with the rows that said so."""

    async def story(office: Office) -> None:
        await office.submit(office.proposal(SECOND), *NAMES[:2], document=SECOND)
        office.later(DELAY_S)
        with suppress(ZeroDivisionError), office.journal.batch() as batch:
            office.ordering.carry_out(batch, office.now_s)
            assert office.policy.version == 11
            raise ZeroDivisionError
        assert office.policy.version == 10
        assert [one.state for one in office.ordering.shown()] == ["pending"]
        await office.ordering.settle()
        assert office.policy.version == 11

    told(file, story)


def test_rekeys_wait_and_are_then_known(file: Path) -> None:
    """A quorum's order names the key of exactly this record, after the delay; a cancel ends it before."""

    async def story(office: Office) -> None:
        key = person(STRANGER)
        order = office.order(Action.REKEY, wallet="w-1", record="ab" * 32, key=key)
        await office.submit(order, *NAMES[:2])
        assert office.orders.rekeyed("w-1", "ab" * 32) is None
        office.later(300)
        await office.ordering.settle()
        assert office.orders.rekeyed("w-1", "ab" * 32) == key
        assert office.orders.rekeyed("w-1", "ac" * 32) is office.orders.rekeyed("w-2", "ab" * 32) is None
        second = office.order(Action.REKEY, wallet="w-2", record="ab" * 32, key=key)
        await office.submit(second, *NAMES[:2])
        await office.submit(office.order(Action.REKEY_CANCEL, wallet="w-2", key=key), "clara")
        office.later(300)
        await office.ordering.settle()
        assert office.orders.rekeyed("w-2", "ab" * 32) is None

    told(file, story)


def test_submitting_shows_what_the_next_signs(file: Path) -> None:
    """In full: the order's bytes and its document."""

    async def story(office: Office) -> None:
        order = office.proposal(SECOND)
        await office.ordering.submit(submitted(order, "anna", document=SECOND))
        full = office.ordering.told(order.order, in_full=True)
        assert (full.encoded, full.document) == (order.encoded(), SECOND)
        assert [one.encoded for one in office.ordering.shown()] == [b""]

    told(file, story)
