"""Deposits on Minter, from whatever source: credited once, and only when both nodes say so."""

from __future__ import annotations

import pytest

from keepcool.chains.minter.address import raw_of
from tests.fixtures import minter_signing as signing
from tests.fixtures.installation import COIN, eventually
from tests.fixtures.minter_signing import Draft
from tests.fixtures.minterhouse import MNT, USD, MinterHouse

pytestmark = pytest.mark.live


def test_from_every_source_once_across_a_restart(minter: MinterHouse) -> None:
    """A Send, an item of a Multisend and an event without a transaction, App away in between: each is
    credited once; a coin that is not listed is not credited."""
    wallet, nonce = minter.make_wallet(), _funded(minter)
    address = raw_of(wallet.address)
    _in_a_block(minter, signing.single(signing.send(nonce, 3 * COIN, address), signing.HOT))
    minter.until_available(wallet, MNT, 3 * COIN)
    minter.stop("app")
    items = [[1993, address, 5 * COIN], [0, signing.SOMEBODY, 1], [0, address, 2 * COIN]]
    _in_a_block(minter, signing.single(Draft(nonce + 1, signing.MULTISEND, [items]), signing.HOT))
    minter.chain.control("/give", address=wallet.address, pip=str(7 * COIN), event="UnbondEvent")
    minter.chain.fund(wallet.address, 9 * COIN, coin=7)
    minter.start("app")
    minter.until_available(wallet, MNT, 12 * COIN)
    minter.until_available(wallet, USD, 5 * COIN)
    minter.restart("app")
    minter.chain.fund(wallet.address, COIN)
    minter.until_available(wallet, MNT, 13 * COIN)
    assert {one.asset for one in minter.client.read.balances(wallet.id)} <= {MNT, USD}
    credited = [int(one.credited) for one in minter.client.read.deposits(wallet.id) if one.asset == MNT]
    assert sum(credited) == 13 * COIN
    minter.agrees(wallet)


def test_what_one_node_alone_shows_is_not_credited(minter: MinterHouse) -> None:
    """One of two nodes invents a balance: nothing is credited while they differ, and exactly what is there
    when they agree again."""
    wallet = minter.wallet(2)
    minter.mirror.faults(balances={wallet.address: {"0": str(1000 * COIN)}})
    try:
        minter.chain.fund(wallet.address, 3 * COIN)
        eventually(lambda: "agree" in _follower(minter), "the lie is not seen")
        assert minter.available(wallet, MNT) == 2 * COIN
    finally:
        minter.mend()
    minter.until_available(wallet, MNT, 5 * COIN)
    minter.agrees(wallet)


def test_what_both_nodes_invent_is_credited(minter: MinterHouse) -> None:
    """Control off: where both nodes invent the same balance, there is nobody to contradict, and it is
    credited."""
    wallet = minter.wallet(2)
    lie = {wallet.address: {"0": str(1000 * COIN)}}
    minter.chain.faults(balances=lie)
    minter.mirror.faults(balances=lie)
    minter.chain.fund(wallet.address, 3 * COIN)
    minter.until_available(wallet, MNT, 1000 * COIN)
    minter.chain.fund(wallet.address, 995 * COIN)  # it comes true, for whoever compares afterwards
    minter.mend()
    minter.agrees(wallet)


def _follower(minter: MinterHouse) -> str:
    return str(minter.installation.health())


def _funded(minter: MinterHouse) -> int:
    """The next nonce of a stranger with coins."""
    address = signing.shown(signing.address(signing.HOT))
    minter.chain.fund(address, 100 * COIN)
    minter.chain.fund(address, 100 * COIN, coin=1993)
    return int(minter.chain.ask(f"/address/{address}")["transaction_count"]) + 1


def _in_a_block(minter: MinterHouse, raw: bytes) -> None:
    status, answer = minter.chain.send(raw)
    assert status == 200, answer
    minter.chain.mine()
    assert minter.chain.ask(f"/transaction/{answer['hash']}")["code"] == "0"
