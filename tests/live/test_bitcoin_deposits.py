"""Deposits followed on a real node of the Core family, two voices that must agree, one of which may lie."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.bitcoinnode.agreement import AgreeingBitcoinNodes
from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.books import accounts, ledger, registry
from keepcool.app.coins import addresses, book, watching
from keepcool.app.coins.addresses import Address
from keepcool.app.deposits import events, records
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.store import Store
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.core.ids import WalletId
from keepcool.local.bitcoinchain import COIN, DevLitecoin
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.bitcoinrecords import bitcoin_record
from tests.fixtures.lyingnode import LyingNode, result

pytestmark = pytest.mark.live
DEPTH = 2
ROW = replace(LITECOIN_REGTEST, confirmations=((0, DEPTH), (COIN, 4)))
STEPS_MAX = 200


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin(coins=6) as node:
        yield node


@pytest.fixture
def liar(chain: DevLitecoin) -> Iterator[LyingNode]:
    with LyingNode(chain).serving() as node:
        yield node


class Office:
    """App's side: books of its own, wallets whose addresses App derives, a follower of two nodes."""

    def __init__(self, folder: Path, chain: DevLitecoin, liar: LyingNode) -> None:
        self.chain, self.liar = chain, liar
        self.store = Store(open_books(folder / "app.sqlite"))
        self.store.create_tables()

    def wallet(self, name: str, number: int, profile: str = "bip45-p2wsh") -> str:
        """Its address."""
        record = bitcoin_record(name, profile=profile, number=number, network=ROW.id)
        watching.check_address(record)
        self.store.transact(lambda tx: watching.watch_wallet(tx, record))
        assert self.store.transact(lambda tx: registry.find_address(tx, ROW.id, record.address)) == []
        return record.address

    def follow(self) -> None:
        """A new follower, until nothing is left to do."""

        async def run() -> None:
            first, second = (
                HttpBitcoinNode(ROW, url, SystemClock(), credentials=self.chain.credentials, name=name)
                for name, url in (("first", self.chain.url), ("second", self.liar.url))
            )
            nodes = AgreeingBitcoinNodes([first, second])
            try:
                follower = Follower(Plan(Terms(ROW, 1_000)), nodes, self.store, SystemClock())
                for _ in range(STEPS_MAX):
                    if not (await follower.step()).busy:
                        return
            finally:
                await nodes.close()
            raise AssertionError("the follower is never done")

        asyncio.run(run())

    def states(self, wallet: str) -> list[str]:
        found = self.store.transact(lambda tx: records.list_deposits(tx, limit=100, wallets=[wallet]))
        return [one.state.value for one in found]

    def credited(self, wallet: str) -> int:
        account = accounts.coins(WalletId(wallet))
        return self.store.transact(lambda tx: ledger.balance(tx, account, ROW.asset))

    def held(self, wallet: str) -> int:
        return self.store.transact(lambda tx: book.held_sat(tx, WalletId(wallet)))

    def frozen(self, wallet: str) -> str | None:
        found = self.store.transact(lambda tx: events.frozen(tx, ROW.id, WalletId(wallet)))
        return None if found is None else found.code


@pytest.fixture
def office(tmp_path: Path, chain: DevLitecoin, liar: LyingNode) -> Iterator[Office]:
    one = Office(tmp_path, chain, liar)
    one.follow()
    yield one
    one.store.close()


@contextmanager
def waits() -> Iterator[None]:
    with pytest.raises(Unavailable):
        yield


def test_a_payment_is_seen_mined_and_credited_for_every_script(office: Office, chain: DevLitecoin) -> None:
    """Pending in the pool, pending in its block, credited at its depth; books and chain say the same."""
    wallets = {
        f"wallet-{number}": office.wallet(f"wallet-{number}", number, f"bip45-{kind}")
        for number, kind in enumerate(ROW.kinds)
    }
    chain.pay_many({address: 50_000 + number for number, address in enumerate(wallets.values())})
    office.follow()
    assert [office.states(name) for name in wallets] == [["pending"]] * len(wallets)
    chain.mine()
    office.follow()
    assert [office.credited(name) for name in wallets] == [0] * len(wallets)
    chain.mine()
    office.follow()
    for name, address in wallets.items():
        assert office.states(name) == ["credited"]
        assert office.credited(name) == office.held(name) == chain.balance(address)


@pytest.mark.parametrize("depth", range(1, DEPTH + 4))
def test_replaced_blocks_never_credit_twice(office: Office, chain: DevLitecoin, depth: int) -> None:
    """Replaced by an empty branch the deposit waits in the pool and nothing is owed; mined again it is
    credited once; a credit that had been taken back stays told."""
    name = f"replaced-{depth}"
    address = office.wallet(name, 10 + depth)
    chain.mine(5)
    office.follow()
    chain.pay(address, 70_000)
    chain.mine(depth)
    office.follow()
    assert (office.credited(name) > 0) == (depth >= DEPTH)
    chain.reorganise(depth, empty=True)
    office.follow()
    assert (office.states(name), office.credited(name), office.held(name)) == (["pending"], 0, 0)
    assert (office.frozen(name) is not None) == (depth >= DEPTH)
    chain.mine(DEPTH)
    office.follow()
    assert office.states(name) == ["credited"]
    assert office.credited(name) == office.held(name) == chain.balance(address) == 70_000


def test_a_mined_reward_waits_for_its_maturity(office: Office, chain: DevLitecoin) -> None:
    """A hundred blocks later it is its owner's, and no block earlier."""
    address = office.wallet("miner", 0)
    chain.mine(1, address)
    chain.mine(98)
    office.follow()
    assert (office.states("miner"), office.credited("miner")) == (["pending"], 0)
    chain.mine(1)
    office.follow()
    assert office.states("miner") == ["credited"]
    assert office.credited("miner") == chain.balance(address)


def test_nothing_is_credited_that_only_one_node_tells(
    office: Office, chain: DevLitecoin, liar: LyingNode
) -> None:
    """A second node on another tip, at another height or silent stops crediting; none of it is voted down."""
    address = office.wallet("alice", 0)
    chain.pay(address, 70_000)
    chain.mine(1)
    office.follow()
    chain.mine(DEPTH)
    liar.lies["getblockhash"] = result("ab" * 32)
    liar.lies["getbestblockhash"] = result("ab" * 32)
    with pytest.raises(KeepcoolError):
        office.follow()
    assert office.credited("alice") == 0
    liar.lies.clear()
    office.follow()
    assert office.credited("alice") == 70_000


def test_a_node_that_restarts_is_waited_for(office: Office, chain: DevLitecoin) -> None:
    """While it is away App says so; afterwards it goes on where it stood."""
    address = office.wallet("alice", 0)
    chain.pay(address, 70_000)
    chain.mine(1)
    chain.stop()
    with waits():
        office.follow()
    chain.start()
    chain.mine(DEPTH)
    office.follow()
    assert office.credited("alice") == 70_000


def test_a_coin_spent_behind_our_back_freezes_the_network(office: Office, chain: DevLitecoin) -> None:
    """The keys of this address are the node's: it spends what App watches, and App stops at its sight in the
    pool already."""
    address = chain.new_address("p2sh-segwit")
    script = bytes.fromhex(chain.ask("getaddressinfo", address)["scriptPubKey"])
    alice = WalletId("alice")
    one = Address(network=ROW.id, script=script, source=alice, wallet=alice, cosigner=0, change=0, index=0)
    office.store.transact(lambda tx: addresses.add_addresses(tx, [one]))
    txid = chain.pay(address, 70_000)
    chain.mine(DEPTH)
    office.follow()
    assert (office.credited("alice"), office.frozen("alice")) == (70_000, None)
    vout = next(
        place["n"]
        for place in chain.ask(
            "getrawtransaction", txid, True, chain.ask("getblockhash", chain.height() - 1)
        )["vout"]
        if place["scriptPubKey"]["hex"] == script.hex()
    )
    draft = chain.ask("createrawtransaction", [{"txid": txid, "vout": vout}], {chain.new_address(): "0.0006"})
    chain.ask("sendrawtransaction", chain.ask("signrawtransactionwithwallet", draft)["hex"])
    office.follow()
    assert office.frozen("bob") == "wallet.spent_without_us"
    chain.mine()
    office.follow()
    assert office.held("alice") == 0
