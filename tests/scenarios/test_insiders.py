"""Insiders: one administrator of two, an administrator who edits a signer's database, an approver who is the
owner as well. Alone each of them can stop things, and can move nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from keepcool.core.approvals import USER_KIND, Action, Order, order_challenge
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.journal import Head, next_head
from keepcool.core.parties import Service
from keepcool.core.registry import parse_record
from keepcool.local.running import Installation
from keepcool.policy.document import parse_policy
from keepcool.wire import proofs
from keepcool.wire.messages import (
    Attested,
    Declined,
    EvidenceItem,
    NewWallet,
    RekeyItem,
    RekeyWallets,
    Signed,
    SignItem,
    WalletsAnswer,
)
from keepcool.wire.reviews import OrderAnswer, OrderProof, SubmitOrder
from tests.fixtures.chain import NETWORK
from tests.fixtures.installation import eventually
from tests.fixtures.red_app import PROFILE, SIGNERS, RedApp, payment, signers_alone, taken_over
from tests.fixtures.red_intrigues import root_of
from tests.fixtures.red_people import (
    ADMINISTRATORS,
    APPROVERS,
    CAPS,
    COIN,
    PEOPLE,
    SELF,
    SMALL,
    Held,
    decision,
    guarded,
    signed_by,
)
from tests.fixtures.red_siege import policies_of, with_evidence
from tests.fixtures.softkey import SoftEd25519, user_proof
from tests.fixtures.stolen import copy_of, database_of

pytestmark = pytest.mark.live
QUICK = {"delay_s": 0, "root_delay_s": 600, "thaw_delay_s": 0, "rekey_delay_s": 0}
Work = Callable[[RedApp], Awaitable[None]]


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    with signers_alone(CAPS, replace(PEOPLE, governance=QUICK), guarded()) as made:
        yield made


def attack(installation: Installation, work: Work) -> None:
    async def whole() -> None:
        async with taken_over(installation) as red:
            await red.ready()
            await work(red)

    asyncio.run(whole())


async def ordered(
    red: RedApp, signer: Service, order: Order, names: tuple[str, ...], document: bytes = b""
) -> str:
    """How it stands after these administrators signed it."""
    challenge = order_challenge(order.encoded())
    signed = [
        OrderProof(administrator=name, proof=proofs.encode(ADMINISTRATORS[name].proof(challenge)))
        for name in names
    ]
    body = SubmitOrder(order=order.encoded(), proofs=signed, document=document)
    answer = await red.exchange.ask(signer, "orders.v1", body, 20)
    assert isinstance(answer, OrderAnswer)
    return answer.pending.state


def order_of(house: Installation, red: RedApp, action: Action, **details: str) -> Order:
    root = root_of(house.places.root_key.read_text(encoding="ascii"))
    return Order(f"inside-{red.entropy(6).hex()}", root, action, details, red.now_s() + 3600)


def test_one_administrator_stops_and_changes_nothing() -> None:
    """Alone she freezes a wallet, and neither puts another key in an owner's place nor another policy in
    force: both wait. With the second signature (the twin) both are done at once."""

    async def plotting(house: Installation, red: RedApp) -> None:
        record = (await issued(red, SoftEd25519("victim"))).record
        signer, thief = Service.KEEPER, SoftEd25519("thief")
        freeze = order_of(house, red, Action.FREEZE, level="wallet", target="w-other", reason="alone")
        assert await ordered(red, signer, freeze, ("root1",)) == "done"
        details = {"key": thief.text, "record": record.hash(), "wallet": record.wallet}
        rekey = order_of(house, red, Action.REKEY, **details)
        assert await ordered(red, signer, rekey, ("root1",)) == "collecting"
        assert await ordered(red, signer, rekey, ("root1",)) == "collecting"
        assert not await rekeyed(red, record.wallet, thief)
        policy = (house.places.service(signer) / "policy.toml").read_bytes()
        laxer = policy.replace(b"version = 1", b"version = 2", 1).replace(b"delay_s = 3600", b"delay_s = 1")
        proposal = order_of(house, red, Action.POLICY_PROPOSE, **proposed(policy, laxer, signer))
        assert await ordered(red, signer, proposal, ("root1",), laxer) == "collecting"
        assert (await red.status(signer)).policy == parse_policy(policy).hash
        assert await ordered(red, signer, rekey, ("root2",)) == "done"
        assert await rekeyed(red, record.wallet, thief)
        assert await ordered(red, signer, proposal, ("root2",)) == "done"
        assert (await red.status(signer)).policy == parse_policy(laxer).hash

    with signers_alone(CAPS, replace(PEOPLE, governance=QUICK), guarded()) as made:
        attack(made, partial(plotting, made))


def proposed(now: bytes, new: bytes, signer: Service) -> dict[str, str]:
    policy = parse_policy(new)
    return {
        "document": policy.hash,
        "policy_version": str(policy.version),
        "previous": parse_policy(now).hash,
        "service": signer.value,
    }


async def rekeyed(red: RedApp, wallet: str, key: SoftEd25519) -> bool:
    """Whether Keeper attests this key as the owner's."""
    body = RekeyWallets(items=[RekeyItem(wallet=wallet, key=key.text)])
    answer = await red.exchange.ask(Service.KEEPER, "wallets.rekey.v1", body, 20)
    assert isinstance(answer, WalletsAnswer)
    made = [parse_record(one.record).user_key for one in answer.items if isinstance(one, Attested)]
    return made == [key.text]


async def issued(red: RedApp, key: SoftEd25519 | None, owner: str = "") -> Held:
    name = f"i-{red.entropy(6).hex()}"
    new = NewWallet(
        wallet=name,
        network=NETWORK,
        profile=PROFILE,
        owner=owner or f"u-{name}",
        user_key="" if key is None else key.text,
    )
    [record] = await red.issued([new])
    return Held(record, key)


def test_an_approver_does_not_count_for_himself(house: Installation) -> None:
    """Alice approves a payment from a wallet of her own, under her reference, and under none but with her key
    as its owner's: it goes on waiting. Bob's approval of the same (the twin) has it signed."""

    async def approving(red: RedApp) -> None:
        policies = await policies_of(red)
        for signer in SIGNERS:
            held = await issued(red, None, SELF)
            item = paying(red, held)
            for names, expected in ((("alice",), False), (("alice", "carol"), False), (("bob",), True)):
                evidence = [signed_by(decision(name, policies, held, item)) for name in names]
                [said] = await red.sign(signer, [with_evidence(item, *evidence)])
                assert isinstance(said, Signed) is expected, said
                assert expected or (isinstance(said, Declined) and said.review)

    attack(house, approving)


def test_an_owner_with_an_approvers_key_approves_nothing_of_his(house: Installation) -> None:
    """Bob enrols his approver's key as his wallet's: as its owner he signs, as an approver of what he asked
    for he does not count, and above what an owner alone may move somebody else has to (the twin)."""

    async def approving(red: RedApp) -> None:
        bob = APPROVERS["bob"]
        assert isinstance(bob, SoftEd25519)
        policies, held = await policies_of(red), await issued(red, bob)
        item = paying(red, held, COIN // 2)
        user = EvidenceItem(kind=USER_KIND, key=bob.text, proof=user_proof(bob, item.intent))
        for name, expected in (("bob", False), ("alice", True)):
            approval = signed_by(decision(name, policies, held, item))
            [said] = await red.sign(Service.COOLER, [with_evidence(item, user, approval)])
            assert isinstance(said, Signed) is expected, said

    attack(house, approving)


def paying(red: RedApp, held: Held, units: int = SMALL + 1) -> SignItem:
    one = payment(red, held.record, 0, units)
    return SignItem(intent=one.intent, draft=one.draft)


def test_an_edited_row_keeps_the_signer_from_starting(house: Installation, tmp_path: Path) -> None:
    """Whoever has Keeper's database edits what a payment has spent: Keeper does not start, and names the
    row. With the chain computed anew from there it starts, and its peer, who has witnessed the true chain,
    keeps it from signing. With the peer's memory wiped besides (the twin) the edit is believed: the limit
    is passed."""
    database, witnesses = (database_of(house, signer) for signer in SIGNERS)
    held, row = spent_all(house)
    for name in ("keeper", "cooler"):
        house.children[name].terminate()
    true, witnessed = copy_of(database, tmp_path / "true"), copy_of(witnesses, tmp_path / "witnessed")
    house.start("cooler")
    sequence = edited(database, row)
    assert f"journal entry {sequence}" in refusal(house)
    rechained(database, sequence)
    house.start("keeper")
    assert once_more(house, held) == "journal.rolled_back"
    for name in ("keeper", "cooler"):
        house.children[name].terminate()
    with closing(sqlite3.connect(witnesses)) as writing:
        writing.execute("DELETE FROM witness")
        writing.commit()
    for name in ("keeper", "cooler"):
        house.start(name)
    assert once_more(house, held) == "signed"
    for name in ("keeper", "cooler"):
        house.children[name].terminate()
    put_back(true, database)
    put_back(witnessed, witnesses)
    for name in ("keeper", "cooler"):
        house.start(name)
    assert once_more(house, held) == "waits"


def spent_all(house: Installation) -> tuple[Held, int]:
    """A wallet that has moved all that moves by itself in a day, and the row of its last payment."""
    found = list[tuple[Held, int]]()

    async def spending(red: RedApp) -> None:
        held = await issued(red, None)
        for nonce in range(2):
            [said] = await red.sign(Service.KEEPER, [payment(red, held.record, nonce, SMALL)])
            assert isinstance(said, Signed), said
            found.append((held, said.sequence))
        assert await asked(red, held) == "waits"

    attack(house, spending)
    return found[-1]


async def asked(red: RedApp, held: Held) -> str:
    """How Keeper takes one more small payment."""
    try:
        [said] = await red.sign(Service.KEEPER, [payment(red, held.record, 2, SMALL)])
    except KeepcoolError as error:
        return error.code
    assert isinstance(said, Signed | Declined), said
    return "signed" if isinstance(said, Signed) else "waits"


def once_more(house: Installation, held: Held) -> str:
    """The same, once Keeper and its peer have met."""
    said = list[str]()

    async def asking() -> None:
        async with taken_over(house) as red:
            for _ in range(900):
                answer = await asked(red, held)
                if answer in ("signed", "waits", "journal.rolled_back"):
                    said.append(answer)
                    return
                await asyncio.sleep(0.1)

    asyncio.run(asking())
    return said[0]


def edited(database: Path, sequence: int) -> int:
    """That payment has cost nothing."""
    with unlocked(database) as writing:
        [body] = writing.execute("SELECT body FROM entry WHERE seq = ?", (sequence,)).fetchone()
        before = json.dumps(str(SMALL)).encode()
        assert before in bytes(body)
        writing.execute(
            "UPDATE entry SET body = ? WHERE seq = ?", (bytes(body).replace(before, b'"0"'), sequence)
        )
    return sequence


def rechained(database: Path, first: int) -> None:
    """Every hash from there on is what it would have been."""
    with unlocked(database) as writing:
        rows = writing.execute("SELECT seq, prev, body FROM entry WHERE seq >= ? ORDER BY seq", (first,))
        head: Head | None = None
        for sequence, previous, body in rows.fetchall():
            before = head or Head(sequence - 1, bytes(previous))
            head = next_head(before, bytes(body))
            writing.execute(
                "UPDATE entry SET prev = ?, hash = ? WHERE seq = ?", (before.hash, head.hash, sequence)
            )


@contextmanager
def unlocked(database: Path) -> Iterator[sqlite3.Connection]:
    """Without the triggers that guard the journal against accidents; they are back afterwards."""
    with closing(sqlite3.connect(database)) as writing:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'entry'"
        guards = writing.execute(query).fetchall()
        for name, _ in guards:
            writing.execute(f"DROP TRIGGER {name}")
        yield writing
        for _, text in guards:
            writing.execute(text)
        writing.commit()


def refusal(house: Installation) -> str:
    """What Keeper says as it ends."""
    child = house.children["keeper"]
    with suppress(Unavailable):
        house.start("keeper")
    eventually(lambda: not child.alive, "Keeper runs on an edited journal")
    return child.log_tail()


def put_back(copy: Path, database: Path) -> None:
    for leftover in database.parent.glob(f"{database.name}-*"):
        leftover.unlink()
    shutil.copy(copy, database)
