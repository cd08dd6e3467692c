"""Signatures of a withdrawal that was abandoned half signed, kept by a thief and broadcast later: its slot is
burnt before its coins are free again, so it is paid at most once, and the ledger follows the chain, whichever
of the two the chain takes. The twin, an order simply made again beside the harvested one, is paid twice."""

from __future__ import annotations

import asyncio
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from keepcool.chains.evm import execution
from keepcool.chains.evm.address import signer_of
from keepcool.chains.evm.safe import safe_tx_hash
from keepcool.client.api import Wallet
from keepcool.client.models import Withdrawal
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.local.policies import signature
from keepcool.local.tomltext import rendered
from keepcool.wire.messages import Signed, SignItem
from tests.fixtures.installation import COIN, SIGNING, House, eventually, whole_house
from tests.fixtures.red_app import SIGNERS, draft_of, is_owners, payment, taken_over
from tests.fixtures.red_people import Held, decision, signed_by
from tests.fixtures.red_siege import policies_of, with_evidence

pytestmark = pytest.mark.live


# Keeper's policy asks nobody, Cooler's asks Alice: between the two a payment is half signed.
CHECKED = replace(SIGNING, user_signatures=False, administrators=())
AMOUNT = 300 * COIN


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest) -> Iterator[House]:
    before = request.session.testsfailed
    with whole_house(lambda: request.session.testsfailed > before, people=CHECKED) as made:
        file = made.places.service(Service.KEEPER) / "policy.toml"
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        del tables["tiers"]
        document = rendered({**tables, "version": 2}).encode()
        made.stop("keeper")
        file.write_bytes(document)
        seed = bytes.fromhex(made.places.root_key.read_text(encoding="ascii"))
        file.with_name(f"{file.name}.sig").write_bytes(signature(seed, document))
        made.start("keeper")
        # App's view of its parts may be a moment old
        eventually(lambda: bool(made.make_wallet().id), "Keeper issues nothing")
        yield made


def half_signed_and_cancelled(house: House, payer: Wallet, to: str) -> tuple[Withdrawal, SignItem]:
    """Keeper has signed, Cooler waits for Alice, its owner changes his mind; and before the slot is burnt,
    App is away. What a thief finds in App's books."""
    asked = house.client.withdraw(payer.id, house.eth, AMOUNT, to)
    eventually(lambda: house.client.withdrawal(asked.id).state == "needs_review", "nobody is asked")
    house.stop("keeper", "cooler")  # so that no void is signed meanwhile
    assert house.client.cancel(asked.id).state == "uncertain"
    house.stop("app")
    house.start("keeper", "cooler", ready=False)
    with closing(sqlite3.connect(f"file:{house.data('app')}?mode=ro", uri=True)) as reading:
        query = "SELECT intent, draft FROM withdrawal WHERE id = ?"
        intent, draft = reading.execute(query, (asked.id,)).fetchone()
    return asked, SignItem(intent=bytes(intent), draft=bytes(draft))


def harvested(house: House, payer: Wallet, item: SignItem, *signers: Service) -> bytes:
    """What these signers say to App's own request, asked for by a thief in its place, made executable. Alice
    had approved and did not hear that it was cancelled."""
    signatures = dict[str, bytes]()

    async def asking() -> None:
        async with taken_over(house.installation) as red:
            await red.ready()
            said_by = decision("alice", await policies_of(red), Held(payer.record, None), item)
            approved = with_evidence(item, signed_by(said_by))
            for signer in signers:
                [said] = await red.sign(signer, [approved])
                assert isinstance(said, Signed), said
                assert is_owners(payer.record, SIGNERS[signer], item, said)
                signatures[signer_of(safe_tx_hash(draft_of(item)), said.signatures[0])] = said.signatures[0]

    asyncio.run(asking())
    return execution.exec_transaction(draft_of(item), signatures)


def test_broadcast_before_the_slot_is_burnt_it_is_paid_once(checked: House) -> None:
    """The thief gets Cooler's signature in App's place and is faster than the void: the payment stands on
    chain once, App finds it, and ledger equals chain. One signature alone (what was harvested) moves nothing;
    nor does the same transaction a second time."""
    payer, to = checked.deployed(500), checked.outside()
    asked, item = half_signed_and_cancelled(checked, payer, to)
    alone = harvested(checked, payer, item, Service.KEEPER)
    with pytest.raises(Unavailable, match="devchain"):
        checked.chain.send(payer.address, data=alone)
    both = harvested(checked, payer, item, *SIGNERS)
    checked.chain.send(payer.address, data=both)
    checked.start("app")
    eventually(
        lambda: checked.client.withdrawal(asked.id).state == "confirmed", "App does not see the payment"
    )
    assert checked.chain.balance(to) == AMOUNT
    with pytest.raises(Unavailable, match="devchain"):
        checked.chain.send(payer.address, data=both)
    checked.agrees(payer)


def test_broadcast_after_the_slot_was_burnt_it_is_not_paid(checked: House) -> None:
    """The thief holds both signatures and waits: the void of the same nonce is final, the withdrawal is
    cancelled, its coins pay something else, and what was harvested is worth nothing for ever."""
    payer, to, other = checked.deployed(500), checked.outside(), checked.outside()
    asked, item = half_signed_and_cancelled(checked, payer, to)
    both = harvested(checked, payer, item, *SIGNERS)
    checked.start("app")
    eventually(lambda: checked.client.withdrawal(asked.id).state == "cancelled", "the slot was not burnt")
    checked.paid_once(checked.client.withdraw(payer.id, checked.eth, COIN, other), other, COIN)
    with pytest.raises(Unavailable, match="devchain"):
        checked.chain.send(payer.address, data=both)
    assert checked.chain.balance(to) == 0
    checked.agrees(payer)


def test_twin_an_order_made_again_beside_the_harvested_one_is_paid_twice(checked: House) -> None:
    """Control off: nothing burnt the slot, the same order stands under another intent at the next nonce, and
    both are executed."""
    payer, to = checked.deployed(500), checked.outside()
    checked.stop("app")

    async def careless() -> list[SignItem]:
        async with taken_over(checked.installation) as red:
            await red.ready()
            items = [payment(red, payer.record, nonce, COIN, to) for nonce in (1, 2)]
            for signer in SIGNERS:
                assert all(isinstance(one, Signed) for one in await red.sign(signer, items))
            return items

    for item in asyncio.run(careless()):
        checked.chain.send(payer.address, data=harvested(checked, payer, item, *SIGNERS))
    assert checked.chain.balance(to) == 2 * COIN
    checked.start("app")
