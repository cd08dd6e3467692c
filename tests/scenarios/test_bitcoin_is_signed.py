"""Bitcoin wallets through real signers, keystores and broker: made, attested, signed for, judged by Core."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from keepcool.chains import accounts
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.local.running import Installation
from keepcool.wire.messages import SignAnswer, Signed, SignRequest
from tests.fixtures.bitcoin_signers import ANSWER_S, ROLES, bitcoin_signers, issued, paying
from tests.fixtures.red_app import RedApp, taken_over
from tests.unit.keeper.bitcoin_house import POOL, coins_of, final, psbt

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with bitcoin_signers() as running:
        yield running


def played(installation: Installation, play: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as app:
            await app.ready()
            await play(app)

    asyncio.run(whole())


def test_a_ladder_of_twenty_inputs_travels_and_is_signed_by_both(installation: Installation) -> None:
    """Four rungs, twenty coins each behind a transaction of 20 kB: one request, and every rung unlocks under
    Bitcoin Core's own code."""

    async def story(red: RedApp) -> None:
        for name, profile in (("own-1", "bip45-p2wsh"), ("pool-1", POOL)):
            (record,) = await issued(red, name, profile=profile)
            coins = coins_of(record, 20, 1000, previous_bytes=20_000)
            rungs = paying(
                red, record, [psbt(record, coins, fee_sat=fee) for fee in (5000, 10_000, 20_000, 40_000)]
            )
            request = SignRequest(items=rungs)
            answers = {}
            for signer, role in ROLES.items():
                answer = await red.exchange.ask(signer, "sign.v1", request, ANSWER_S)
                assert isinstance(answer, SignAnswer)
                answers[role] = answer.items
            for place, item in enumerate(rungs):
                given = {role: items[place] for role, items in answers.items()}
                signatures = {role: one.signatures for role, one in given.items() if isinstance(one, Signed)}
                assert set(signatures) == {Role.HOT, Role.COOL}, given
                assert len(final(record, item.draft, signatures).tx.inputs) == 20

    played(installation, story)


def test_a_killed_keeper_goes_on_counting(installation: Installation) -> None:
    """Numbers are given on after kill -9, and Keeper's database holds a sealed seed for each wallet."""

    async def before(red: RedApp) -> None:
        records = await issued(red, "k-1", "k-2")
        numbers.extend(accounts.wallet_number_of(one.key(Role.COOL)) for one in records)

    async def after(red: RedApp) -> None:
        (record,) = await issued(red, "k-3")
        numbers.append(accounts.wallet_number_of(record.key(Role.HOT)))
        (item,) = paying(red, record, [psbt(record, coins_of(record, 1, 5000))])
        for signer in ROLES:
            (answer,) = await red.sign(signer, [item])
            assert isinstance(answer, Signed)

    numbers: list[int | None] = []
    played(installation, before)
    installation.children["keeper"].kill9()
    installation.start("keeper")
    played(installation, after)
    first = numbers[0]
    assert first is not None
    assert numbers == [first, first + 1, first + 2]
    file = installation.places.service(Service.KEEPER) / "data" / "keeper.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as reading:
        rows = reading.execute("SELECT count(*) FROM sealed_key WHERE wallet LIKE 'k-%'").fetchone()
    assert rows == (3,)
