"""The loop around the follower: patient, bounded, and able to say why it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import ledger
from keepcool.app.config import AssetSettings, EvmSettings
from keepcool.app.deposits import running
from keepcool.app.deposits.outflows import own_payouts
from keepcool.app.deposits.running import Standing, plan_of
from keepcool.app.payouts import store
from keepcool.app.payouts.store import Kind, NewWithdrawal
from keepcool.core.effects import Payment, Slot
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId, IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.withdrawal import DraftMade
from keepcool.core.withdrawal_states import Draft
from tests.fixtures.chain import address_number
from tests.unit.app.deposits.office import NATIVE, NETWORK, Office
from tests.unit.app.deposits.paperchain import PaperChain, PaperNode, sends

A = address_number(1)


class Pauses:
    """Counts what it was asked to wait, and ends the loop after `most` times."""

    def __init__(self, most: int) -> None:
        self.seconds: list[float] = []
        self.most = most

    def __call__(self, seconds: float) -> Awaitable[None]:
        self.seconds.append(seconds)
        if len(self.seconds) >= self.most:
            raise asyncio.CancelledError
        return asyncio.sleep(0)


def loop(office: Office, node: PaperNode, standing: Standing, pauses: Pauses) -> None:
    async def life() -> None:
        follower = office.follower([node])
        with pytest.raises(asyncio.CancelledError):
            await running.run(follower, standing, office.clock, poll_ms=1000, pause=pauses)

    asyncio.run(life())


def test_works_without_pause_while_there_is_work(tmp_path: Path) -> None:
    """New blocks are read one round after another; then it waits for the next poll."""
    office, chain = Office(tmp_path), PaperChain()
    wallet = office.issue("a", A)
    chain.add(sends(A, 5))
    chain.mine(100)
    standing, pauses = Standing(), Pauses(30)
    loop(office, PaperNode(chain), standing, pauses)
    office.close()
    assert 0 in pauses.seconds
    assert pauses.seconds[-1] == 1
    assert standing.describe() == "read to block 101 of 101, credited to 100"
    assert wallet == "a"


def test_waits_longer_after_each_failure_and_says_why(tmp_path: Path) -> None:
    """A node that is away is asked less and less often, at most every 30 seconds, and the reason stands."""
    office = Office(tmp_path)
    standing, pauses = Standing(), Pauses(8)
    loop(office, PaperNode(PaperChain(), fails_every=1), standing, pauses)
    office.close()
    assert pauses.seconds == [2, 4, 8, 16, 30, 30, 30, 30]
    with pytest.raises(Unavailable, match=r"node\.timeout"):
        standing.describe()


def test_the_plan_is_what_the_configuration_lists() -> None:
    """Assets, minimums and depth come from the network's table, tokens by their contract."""
    token = AssetId(f"{NETWORK}/erc20:{A}")
    settings = EvmSettings(
        name="local",
        profile="safe-1.5.0-l1",
        node_urls=["http://127.0.0.1:1"],
        assets=[
            AssetSettings(id=NATIVE, symbol="ETH", decimals=18, deposit_min="1000"),
            AssetSettings(id=token, symbol="COIN", decimals=6),
        ],
        crediting="depth",
        depth_blocks=12,
        start_block=7,
    )
    plan = plan_of(NETWORK, settings)
    assert plan.listed.assets() == [(NATIVE, None), (token, A)]
    assert plan.minimums == {NATIVE: 1000, token: 1}
    assert (plan.depth_blocks, plan.start_block) == (12, 7)


def test_a_safetx_app_never_drafted_is_unknown(tmp_path: Path) -> None:
    """Payouts are found by wallet and SafeTx hash; any other hash is nobody's."""
    office = Office(tmp_path)
    wallet = WalletId(office.issue("a", A))
    assert office.store.transact(lambda tx: own_payouts(tx, wallet, b"\x01" * 32)) is None
    office.close()


def test_a_safetx_asked_for_twice_takes_its_payment_once(tmp_path: Path) -> None:
    """A refused payment that is asked for again at the same nonce is the same SafeTx: when it has run, it has
    taken one payment from the wallet, not one for each time it was asked for."""
    office, digest = Office(tmp_path), b"\x02" * 32
    wallet, units = office.issue("a", A), 5

    def asked(tx: Connection) -> tuple[Payment, ...] | None:
        credit = ledger.credit_deposit
        credit(tx, deposit="dep", wallet=wallet, asset=NATIVE, units=2 * units, at_ms=1)
        for name in ("refused", "again"):
            new = NewWithdrawal(name, Kind.WITHDRAWAL, wallet, NETWORK, NATIVE, units, A, 1)
            store.insert(tx, new, 1)
            draft = Draft(Slot(NETWORK, f"safe:{A}", 0), digest.hex())
            intent = intent_of(name, wallet, units).encoded()
            store.step(tx, name, DraftMade(draft), 1, digest=digest.hex(), slot=0, intent=intent)
        return own_payouts(tx, wallet, digest)

    found = office.store.transact(asked)
    office.close()
    assert found == (Payment(A, Amount(NATIVE, units)),)


def intent_of(name: str, source: WalletId, *units: int) -> Intent:
    outputs = tuple(Output(A, Amount(NATIVE, each)) for each in units)
    return Intent(IntentId(name), Purpose.PAY, NETWORK, source, outputs, Amount(NATIVE, 1), 10_000)


def test_a_treasurys_safetx_takes_what_its_intent_says(tmp_path: Path) -> None:
    """One that pays many people takes all their payments, whosever they are; of another wallet it is none."""
    office, digest = Office(tmp_path), b"\x03" * 32
    treasury = office.issue("treasury", A)

    def drafted(tx: Connection) -> tuple[tuple[Payment, ...] | None, ...]:
        store.insert(tx, NewWithdrawal("batch", Kind.BATCH, treasury, NETWORK, NATIVE, 0, "", 1), 1)
        draft, intent = Draft(Slot(NETWORK, f"safe:{A}", 0), digest.hex()), intent_of("batch", treasury, 3, 4)
        made = {"digest": digest.hex(), "slot": 0, "intent": intent.encoded()}
        store.step(tx, "batch", DraftMade(draft), 1, **made)
        return own_payouts(tx, treasury, digest), own_payouts(tx, WalletId("other"), digest)

    found = office.store.transact(drafted)
    office.close()
    assert found == (tuple(Payment(A, Amount(NATIVE, units)) for units in (3, 4)), None)
