"""Numbers a real node brings: a hundred thousand outputs to one user, ten thousand addresses nobody used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.books import accounts, ledger
from keepcool.app.coins import addresses, book, watching
from keepcool.app.coins.addresses import Address
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.deposits.tables import deposit
from keepcool.app.store import Store
from keepcool.chains.bitcoin.bip45 import RECEIVING
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST, SHIPPED
from keepcool.chains.bitcoin.transaction import TxOutput, encode, parse_transaction
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.ids import WalletId
from keepcool.local.bitcoinchain import DevLitecoin, amount
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.bitcoinrecords import OWN, POOL, bitcoin_record

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
ROW = replace(LITECOIN_REGTEST, confirmations=((0, 2),))
BLOCKS, OUTPUTS, EACH_SAT = 5, 20_000, 2_000
UNUSED = 10_000
STEPS_MAX = 500


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin(coins=6) as node:
        yield node


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(open_books(tmp_path / "app.sqlite"))
    one.create_tables()
    yield one
    one.close()


def follow(store: Store, chain: DevLitecoin, start_block: int) -> None:
    async def run() -> None:
        node = HttpBitcoinNode(ROW, chain.url, SystemClock(), credentials=chain.credentials, timeout_s=60)
        follower = Follower(Plan(Terms(ROW, 1_000), start_block), node, store, SystemClock())
        try:
            for _ in range(STEPS_MAX):
                if not (await follower.step()).busy:
                    return
        finally:
            await node.close()
        raise AssertionError("the follower is never done")

    asyncio.run(run())


def flood(chain: DevLitecoin, script: bytes) -> None:
    """One block with a single transaction of OUTPUTS outputs to `script`, from the node's own coins."""
    coin = next(one for one in chain.ask("listunspent", 100) if one["amount"] > 20)
    paid = OUTPUTS * EACH_SAT
    back = int(coin["amount"] * 10**8) - paid - 2_000_000
    place = {"txid": coin["txid"], "vout": coin["vout"]}
    draft = chain.ask("createrawtransaction", [place], {chain.new_address(): amount(back)})
    tx = parse_transaction(bytes.fromhex(draft))
    many = (TxOutput(EACH_SAT, script),) * OUTPUTS
    raw = encode(replace(tx, outputs=(*many, *tx.outputs))).hex()
    signed = chain.ask("signrawtransactionwithwallet", raw)["hex"]
    chain.ask("generateblock", chain.new_address(), [signed])


def test_a_hundred_thousand_outputs_to_one_user_are_each_credited_once(
    store: Store, chain: DevLitecoin
) -> None:
    """Five full blocks of small payments to one address: every one is a coin, a deposit and a credit, the
    books balance, and they say what the node says of the address."""
    record = bitcoin_record("flooded", profile=OWN, network=ROW.id)
    store.transact(lambda tx: watching.watch_wallet(tx, record))
    wallet = wallet_of(record)
    start_block = chain.height() + 1
    for _ in range(BLOCKS):
        flood(chain, wallet.script(wallet.place(RECEIVING, 0)))
    chain.mine(2)
    follow(store, chain, start_block)
    whole = BLOCKS * OUTPUTS * EACH_SAT
    states = select(deposit.c.state, func.count()).group_by(deposit.c.state)
    assert store.transact(lambda tx: [tuple(row) for row in tx.execute(states)]) == [("credited", 100_000)]
    owed = accounts.owed(record.wallet)
    assert store.transact(lambda tx: ledger.balance(tx, owed, ROW.asset)) == whole
    assert store.transact(lambda tx: book.held_sat(tx, record.wallet)) == whole
    assert chain.balance(record.address) == whole
    assert store.transact(ledger.check_books) == []


def test_ten_thousand_unused_addresses_hide_no_deposit(store: Store, chain: DevLitecoin) -> None:
    """A pool hands out ten thousand addresses that nobody pays to; the next one's deposit is its user's."""
    record = bitcoin_record("unused", profile=POOL, network=ROW.id)
    wallet = wallet_of(record, SHIPPED)
    places = [wallet.place(RECEIVING, index) for index in range(1, UNUSED + 2)]
    given = [
        Address(
            network=ROW.id,
            script=wallet.script(place),
            source=record.wallet,
            wallet=WalletId(f"user-{place.index}"),
            cosigner=place.cosigner,
            change=place.change,
            index=place.index,
        )
        for place in places
    ]
    store.transact(lambda tx: watching.watch_wallet(tx, record))
    store.transact(lambda tx: addresses.add_addresses(tx, given))
    start_block = chain.height() + 1
    chain.pay(wallet.address(places[-1]), 70_000)
    chain.mine(2)
    follow(store, chain, start_block)
    last = accounts.owed(WalletId(f"user-{UNUSED + 1}"))
    assert store.transact(lambda tx: ledger.balance(tx, last, ROW.asset)) == 70_000
    assert store.transact(lambda tx: book.held_sat(tx, record.wallet)) == 70_000
