"""Bitcoin wallets through real signers, keystores and broker: made, attested, signed for, judged by Core."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from keepcool.chains import accounts
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.local import commands
from keepcool.local.layout import Layout
from keepcool.local.running import Installation
from keepcool.wire.messages import CreateWallets, SignAnswer, Signed, SignItem, SignRequest
from tests.fixtures.bitcoin_signers import ANSWER_S, ROLES, bitcoin_signers, issued, outcomes, paying
from tests.fixtures.red_app import RedApp, taken_over
from tests.unit.keeper.bitcoin_house import LITECOIN, POOL, code, coins_of, final, psbt, wanted

pytestmark = pytest.mark.live
PASSPHRASE, BORIS = "correct horse battery staple", "a passphrase of his own"


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with bitcoin_signers(_locked) as running:
        yield running


def _locked(places: Layout) -> None:
    """Pools are locked from the start, under a passphrase set as an operator sets it."""
    config = places.config(Service.KEEPER)
    (places.root / "passphrase").write_text(f"{PASSPHRASE}\n", encoding="ascii")
    made = _keeper(places, "set-passphrase", "--passphrase-file", str(places.root / "passphrase"))
    assert made.returncode == 0, made.stderr
    with config.open("a", encoding="ascii") as file:
        file.write(f'\n[bitcoin."{LITECOIN.id}"]\nlock_pools = true\n')


def _keeper(places: Layout, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    config = str(places.config(Service.KEEPER))
    line = commands.argv("keeper", words[0], "--config", config, *words[1:])
    return subprocess.run(line, input=said, capture_output=True, text=True, check=False, timeout=180)


def played(installation: Installation, play: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as app:
            await app.ready()
            await play(app)

    asyncio.run(whole())


def test_a_ladder_of_twenty_inputs_travels_and_is_signed_by_both(installation: Installation) -> None:
    """Four rungs, twenty coins each behind a transaction of 20 kB: one request, and every rung unlocks under
    Bitcoin Core's own code."""

    assert _keeper(installation.places, "unlock", "--for", "1h", said=PASSPHRASE).returncode == 0

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


def test_a_locked_pool_waits_for_its_operator(installation: Installation) -> None:
    """On a running Keeper: the wrong passphrase opens nothing, the right one lets a pool be made and signed
    for, and after `lock` the same request is refused and nothing new is in the journal."""
    places = installation.places
    assert _keeper(places, "lock").stdout == "locked\n"
    vouched = _keeper(
        places, "set-passphrase", "--operator", "boris", "--by", "operator", said=f"{BORIS}\n{PASSPHRASE}\n"
    )
    assert vouched.returncode == 0, vouched.stderr
    wrong = _keeper(places, "unlock", "--for", "10m", said="not the passphrase")
    assert wrong.returncode != 0
    assert "keeper.passphrase" in wrong.stderr
    assert _keeper(places, "lock-state").stdout == "locked\n"

    async def refused(red: RedApp) -> None:
        create = CreateWallets(wallets=[wanted("pool-9", POOL)])
        assert [code(one) for one in await outcomes(red, Service.KEEPER, "wallets.create.v1", create)] == [
            "keeper.locked"
        ]

    async def signed(red: RedApp) -> None:
        (record,) = await issued(red, "pool-9", profile=POOL)
        asked.extend(paying(red, record, [psbt(record, coins_of(record, 2, 9000))]))
        for signer in ROLES:
            (answer,) = await red.sign(signer, asked)
            assert isinstance(answer, Signed)

    async def again(red: RedApp) -> None:
        before = (await red.status(Service.KEEPER)).head.sequence
        (answer,) = await red.sign(Service.KEEPER, asked)
        assert code(answer) == "keeper.locked"
        status = await red.status(Service.KEEPER)
        assert (status.lock, status.head.sequence) == ("locked", before)

    asked: list[SignItem] = []
    played(installation, refused)
    opened = _keeper(places, "unlock", "--operator", "boris", "--for", "10m", said=BORIS)
    assert opened.stdout.startswith("unlocked until "), opened.stderr
    played(installation, signed)
    assert _keeper(places, "lock").stdout == "locked\n"
    played(installation, again)
