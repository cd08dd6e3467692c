"""Legacy payments whose id a third party has altered on their way into a block: the same payment, known by
what it spends and pays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.app.coins import book
from keepcool.app.coins.book import Held
from keepcool.app.payouts.bitcoin import batches
from keepcool.chains.bitcoin.scanning import body_of
from keepcool.chains.bitcoin.sizes import pushed
from keepcool.chains.bitcoin.transaction import encode, parse_transaction, shown
from keepcool.local.bitcoinchain import COIN, DevBitcoin
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.bitcoinoffice import BitcoinOffice

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def chain() -> Iterator[DevBitcoin]:
    with running_litecoin() as node:
        yield node


@contextmanager
def legacy(folder: Path, chain: DevBitcoin) -> Iterator[BitcoinOffice]:
    """Its P2SH wallet w1 has one coin."""
    office = BitcoinOffice(folder, chain)
    try:
        chain.pay(office.issue("w1", 0, profile="bip45-p2sh").address, COIN)
        chain.mine(8)
        asyncio.run(office.live(lambda: office.balance("w1") == COIN))
        yield office
    finally:
        office.close()


def altered(raw: bytes) -> bytes:
    """The redeem script pushed by a longer opcode than it needs: valid in a block, refused by every pool."""
    tx = parse_transaction(raw)
    script = tx.inputs[0].script
    redeem = script[-105:]
    assert pushed(redeem) == script[-107:]
    longer = script[:-107] + b"\x4d" + len(redeem).to_bytes(2, "little") + redeem
    return encode(replace(tx, inputs=(replace(tx.inputs[0], script=longer), *tx.inputs[1:])))


def mined_altered(office: BitcoinOffice, name: str) -> tuple[bytes, str]:
    """The payment as it was signed, and the id it got in a block."""
    asyncio.run(office.live(office.reached(name, "broadcast")))
    ours = bytes.fromhex(office.chain.ask("getrawtransaction", office.read(name).transaction))
    theirs = altered(ours)
    office.chain.ask("generateblock", office.chain.new_address(), [theirs.hex()])
    return ours, shown(parse_transaction(theirs).txid)


def change_at(office: BitcoinOffice, txid: str) -> list[Held]:
    return office.store.transact(lambda tx: book.made_by(tx, office.row.id, txid))


def until_confirmed(office: BitcoinOffice, name: str) -> None:
    def done() -> bool:
        if office.chain.mempool():
            office.chain.mine(1)
        return office.reached(name, "confirmed")()

    asyncio.run(office.live(done))


def test_an_altered_payment_is_paid_and_its_change_lies_where_the_block_says(
    tmp_path: Path, chain: DevBitcoin
) -> None:
    """A miner alters it: another id in the block, the same payment; it is confirmed under that id, not paid
    again, and its change there pays the next one. Looked for by the ids that were signed it is lost."""
    with legacy(tmp_path, chain) as office:
        to = office.outside()
        office.order("a", "w1", COIN // 4, to)
        ours, txid = mined_altered(office, "a")
        until_confirmed(office, "a")
        assert office.read("a").transaction == txid != shown(parse_transaction(ours).txid)
        (one,) = office.store.transact(lambda tx: batches.of_withdrawal(tx, "a"))
        rungs = office.store.transact(lambda tx: batches.rungs(tx, one.id))
        assert txid not in [each.txid for each in rungs]  # the twin: nothing we signed has this id
        assert body_of(ours) in [each.body for each in rungs]
        (change,) = change_at(office, txid)
        assert (change.gone, change.spent_by, change.amount_sat) == (False, None, office.balance("w1"))
        office.agrees("w1")
        office.order("b", "w1", COIN // 4, to)
        until_confirmed(office, "b")
        assert chain.balance(to) == COIN // 2
        office.agrees("w1")


def test_the_payment_as_it_was_signed_takes_the_altered_ones_place(tmp_path: Path, chain: DevBitcoin) -> None:
    """Final under the altered id, its block is invalidated, and the unaltered one is mined: paid once, by the
    one that is in the chain; what had spent the other's change was not paid and is made good."""
    with legacy(tmp_path, chain) as office:
        to, other = office.outside(), office.outside()
        office.order("a", "w1", COIN // 4, to)
        ours, txid = mined_altered(office, "a")
        height = chain.height()
        until_confirmed(office, "a")
        office.order("b", "w1", COIN // 4, other)
        until_confirmed(office, "b")
        chain.invalidate(str(chain.ask("getblockhash", height)))
        chain.ask("generateblock", chain.new_address(), [ours.hex()])
        chain.mine(3)
        signed = shown(parse_transaction(ours).txid)
        asyncio.run(office.live(lambda: office.read("a").transaction == signed))
        asyncio.run(office.live(office.reached("b", "replaced")))
        assert [each.gone for each in change_at(office, txid)] == [True]
        assert (chain.balance(to), chain.balance(other)) == (COIN // 4, 0)
        office.agrees("w1")
