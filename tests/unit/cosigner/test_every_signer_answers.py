"""What every signer answers on the bus, over the real envelopes, and what the host is told of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.errors import Refused
from keepcool.core.journal import EMPTY, Head
from keepcool.core.parties import Service
from keepcool.core.personkeys import PersonKey, Scheme
from keepcool.cosigner.entries import FREEZE, THAW, Entry, FreezeRow, encode
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.service import Signer
from keepcool.cosigner.showing import people_of
from keepcool.policy.terms import Administrator
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import (
    FreezeAnswer,
    FreezeRequest,
    Message,
    StatusAnswer,
    StatusRequest,
    WitnessAnswer,
    WitnessRequest,
)
from keepcool.wire.reviews import PeopleAnswer, PeopleRequest, Person, ReviewsAnswer, ReviewsRequest
from tests.unit.cosigner.house import NOW_S, sent
from tests.unit.cosigner.order_office import INSTALLATION, KEYS, NAMES, person, submitted
from tests.unit.cosigner.people_house import ALICE, BOB, CAROL, POLICY
from tests.unit.keeper.bitcoin_house import COOLER, KEEPER, Ground, House, told
from tests.unit.keeper.test_orders_on_the_bus import governed, proposal

DESK = '\n[desk]\nrp_id = "desk.example"\norigins = ["https://desk.example", "https://a.desk.example"]\n'


def with_desk(folder: Path) -> Ground:
    ground = governed(folder)
    return replace(ground, people=ground.people + DESK.encode())


async def asked(signer: Signer, typ: str, body: Message, by: Service = Service.DESK) -> Message:
    """What the handler of this type answers to a frame that passed every check."""
    at_ms = signer.foundation.clock.now_ms()
    opened = Opened(by, os.urandom(16).hex(), typ, at_ms + 30_000, body, "00" * 32)
    return sent(await signer._answering(lambda: ()).handlers()[typ](opened))


@pytest.mark.parametrize("service", [KEEPER, COOLER])
def test_a_service_freezes_in_its_own_name(tmp_path: Path, service: Service) -> None:
    """The freeze is in force and on record under the name of the service that asked, whoever that is."""

    async def story(house: House) -> None:
        signer = house.keeper if service is KEEPER else house.cooler
        answer = await house.ask(service, "freeze.v1", FreezeRequest(level="all", target="", reason="odd"))
        assert isinstance(answer, FreezeAnswer)
        assert answer.frozen == signer.freezes.all()
        assert len(answer.frozen) == 1
        assert "odd" in answer.frozen[0]
        assert "app" in answer.frozen[0]
        assert answer.head == signer.witness.stated()
        assert signer.health()["frozen"] == answer.frozen

    told(tmp_path, story)


def test_who_has_a_say_is_told_with_the_terms(tmp_path: Path) -> None:
    """People, site, policy, open orders and freezes; the policy's own bytes only to who asks for an order."""

    async def story(house: House) -> None:
        answer = await asked(house.keeper, "people.v1", PeopleRequest())
        assert isinstance(answer, PeopleAnswer)
        keeper = house.keeper
        assert answer.people == [
            Person(name=name, key=person(KEYS[name]), credential="", groups=[], owner="", administrator=True)
            for name in sorted(NAMES)
        ]
        assert (answer.rp_id, answer.origins) == (
            "desk.example",
            ["https://a.desk.example", "https://desk.example"],
        )
        assert (answer.policy, answer.policy_version) == (keeper.policy.hash, 1)
        assert (answer.installation, answer.orders, answer.frozen) == (INSTALLATION, [], [])
        assert (answer.document, answer.head) == (b"", keeper.witness.stated())
        order, new = proposal(house, KEEPER)
        await house.ask(KEEPER, "orders.v1", submitted(order, *NAMES[:1], document=new))
        shown = await asked(house.keeper, "people.v1", PeopleRequest())
        whole = await asked(house.keeper, "people.v1", PeopleRequest(order=order.order))
        assert isinstance(shown, PeopleAnswer)
        assert isinstance(whole, PeopleAnswer)
        assert [one.order for one in shown.orders] == [one.order for one in whole.orders] == [order.order]
        assert (shown.document, whole.document) == (b"", keeper.in_force.document)

    told(tmp_path, story, with_desk(tmp_path))


def test_without_a_desk_there_is_no_site(tmp_path: Path) -> None:
    """A policy without a desk names no domain and no origin."""

    async def story(house: House) -> None:
        answer = await asked(house.cooler, "people.v1", PeopleRequest())
        assert isinstance(answer, PeopleAnswer)
        assert (answer.people, answer.rp_id, answer.origins) == ([], "", [])

    told(tmp_path, story)


def test_a_signer_says_how_it_stands(tmp_path: Path) -> None:
    """To services over the bus, to the host in its health page, to the metrics by number: the same."""

    async def story(house: House) -> None:
        await house.wallet("w")
        keeper = house.keeper
        status = await house.ask(KEEPER, "status.v1", StatusRequest())
        assert isinstance(status, StatusAnswer)
        health = keeper.health()
        assert (status.ready, status.waiting_for, status.frozen) == (True, "", [])
        assert (health["ready"], health["waiting_for"], health["frozen"]) == (True, "", [])
        assert status.policy == health["policy"] == keeper.policy.hash
        assert (status.wallets, health["wallets"], health["policy_version"]) == (1, 1, 1)
        assert status.started_at_s == health["started_at_s"] == NOW_S
        head = keeper.journal.committed
        assert health["journal_head"] == f"{head.sequence}:{head.hash.hex()}"
        assert status.head == keeper.witness.stated()
        readings = {name: read() for name, (_, read) in keeper.readings().items()}
        assert readings == {
            "signer_ready": 1,
            "signer_frozen": 0,
            "signer_wallets": 1,
            "signer_drafts": 0,
            "signer_waiting": 0,
            "journal_entries": head.sequence,
        }

    told(tmp_path, story)


def test_only_the_peer_is_a_witness(tmp_path: Path) -> None:
    """App asking as if it were the other signer is refused; an empty queue is answered to it as such."""

    async def story(house: House) -> None:
        question = WitnessRequest(challenge=bytes(32), head=house.cooler.witness.stated())
        for by in set(Service) - {COOLER}:
            with pytest.raises(Refused) as caught:
                await asked(house.keeper, "witness.v1", question, by)
            assert caught.value.code == "witness.sender"
        assert isinstance(await asked(house.keeper, "witness.v1", question, COOLER), WitnessAnswer)
        page = await asked(house.cooler, "reviews.v1", ReviewsRequest())
        assert isinstance(page, ReviewsAnswer)
        assert (page.items, page.waiting, page.policy_version) == ([], 0, 1)
        assert page.policy == house.cooler.policy.hash

    told(tmp_path, story)


def test_people_are_told_by_name_and_who_is_both_twice() -> None:
    """An approver with groups and account, an administrator with neither; the approver's row comes first."""
    key = PersonKey(Scheme.ED25519, b"\x07" * 32).text()
    policy = replace(POLICY, administrators={"alice": Administrator("alice", key, "Yw")})
    assert people_of(policy) == [
        Person(
            name="alice", key=ALICE.text, credential=ALICE.credential, groups=["accounting"], owner="",
            administrator=False,
        ),
        Person(name="alice", key=key, credential="Yw", groups=[], owner="", administrator=True),
        Person(
            name="bob", key=BOB.text, credential=BOB.credential, groups=["board"], owner="",
            administrator=False,
        ),
        Person(
            name="carol", key=CAROL.text, credential="", groups=["accounting"], owner="u1",
            administrator=False,
        ),
    ]  # fmt: skip


def entry(sequence: int, kind: str, wallet: str) -> Entry:
    row = FreezeRow(at_s=NOW_S, kind=kind, by="app", level="wallet", reason="odd", target=wallet)
    return Entry(Head(sequence, EMPTY.hash), EMPTY.hash, kind, NOW_S, encode(row))


def test_a_freeze_or_thaw_that_failed_to_commit_never_was() -> None:
    """Unlearned, it leaves earlier freezes in force and earlier thaws in effect."""
    freezes = Freezes()
    rows = [entry(1, FREEZE, "w1"), entry(2, FREEZE, "w2"), entry(3, THAW, "w1"), entry(4, FREEZE, "w3")]
    seen = []
    for row in rows:
        seen.append(freezes.all())
        freezes.learn(row)
    assert [len(one) for one in seen] == [0, 1, 2, 1]
    for row, before in zip(reversed(rows), reversed(seen), strict=True):
        freezes.unlearn(row)
        assert freezes.all() == before
