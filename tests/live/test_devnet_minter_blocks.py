"""What the simulator does with what it took: mempool, blocks, failures, queries, history."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from keepcool.local.minterchain import DevMinter, Pace
from tests.fixtures.minter_signing import (
    APP,
    COOL,
    HOT,
    MULTISEND,
    SOMEBODY,
    Draft,
    address,
    send,
    shown,
    single,
)
from tests.fixtures.minterchain import BIP, running_minter

pytestmark = pytest.mark.live


@pytest.fixture
def chain() -> Iterator[DevMinter]:
    with running_minter() as running:
        running.fund(shown(address(APP)), 100 * BIP)
        yield running


def hash_of(raw: bytes) -> str:
    return "Mt" + sha256(raw).hexdigest()


def complaint(chain: DevMinter, raw: bytes) -> tuple[int, str]:
    status, answer = chain.send(raw)
    return status, answer["error"]["code"]


def told(chain: DevMinter, raw: bytes) -> dict[str, Any]:
    return dict(chain.ask(f"/transaction/{hash_of(raw)}"))


def nonce(chain: DevMinter) -> int:
    return int(chain.ask(f"/address/{shown(address(APP))}")["transaction_count"])


def test_one_transaction_of_a_sender_per_block(chain: DevMinter) -> None:
    """No second one waits (113), none replaces by price, none comes from the future; a block clears it."""
    first, dearer = single(send(1, BIP), APP), single(send(1, BIP, gas_price=90), APP)
    assert chain.send(first)[0] == 200
    assert complaint(chain, dearer) == (400, "113")
    assert complaint(chain, single(send(2, BIP), APP)) == (400, "101")
    chain.mine()
    assert told(chain, first)["code"] == "0"
    assert chain.send(single(send(2, BIP), APP))[0] == 200


def test_a_lost_race_fails_in_its_block_without_a_fee(chain: DevMinter) -> None:
    """When another node's block spends the nonce first, what waits here fails with 101 and costs nothing."""
    ours, theirs = single(send(1, BIP), APP), single(send(1, 2 * BIP), APP)
    assert chain.send(ours)[0] == 200
    chain.control("/inject", tx="0x" + theirs.hex())
    chain.mine()
    assert (told(chain, theirs)["code"], told(chain, ours)["code"]) == ("0", "101")
    assert chain.balance(shown(address(APP))) == 98 * BIP - 10**13


def test_first_in_first_out(chain: DevMinter) -> None:
    """A block holds what waited in the order in which it came, whatever it pays."""
    for key in (HOT, COOL):
        chain.fund(shown(address(key)), BIP)
    raws = [single(send(1, 1, gas_price=price), key) for key, price in ((HOT, 1), (APP, 50), (COOL, 9))]
    for raw in raws:
        assert chain.send(raw)[0] == 200
    block = chain.ask(f"/block/{chain.mine()}")
    assert [one["hash"] for one in block["transactions"]] == [hash_of(raw) for raw in raws]
    assert [one["index"] for one in block["transactions"]] == ["0", "1", "2"]


def test_a_failed_transaction_costs_stays_valid_and_hides(chain: DevMinter) -> None:
    """Overspent: fee of failing, nonce kept, told with failed_txs only, and good again when funds come."""
    drain, late = single(send(1, 99 * BIP), APP), single(send(2, 50 * BIP), APP)
    chain.control("/inject", tx="0x" + drain.hex())
    chain.control("/inject", tx="0x" + late.hex())
    height = chain.mine()
    assert (told(chain, late)["code"], nonce(chain)) == ("107", 1)
    assert chain.balance(shown(address(APP))) == BIP - 10**13 - 5 * 10**12
    quiet, full = chain.ask(f"/block/{height}"), chain.ask(f"/block/{height}?failed_txs=true")
    assert [one["hash"] for one in quiet["transactions"]] == [hash_of(drain)]
    assert [one["code"] for one in full["transactions"]] == ["0", "107"]
    assert quiet["transaction_count"] == "2"
    chain.fund(shown(address(APP)), 60 * BIP)
    assert chain.send(late)[0] == 200
    chain.mine()
    assert (told(chain, late)["code"], nonce(chain)) == ("0", 2)


def test_the_same_bytes_are_taken_once(chain: DevMinter) -> None:
    """Waiting or committed, they are 409; by GET as by POST."""
    raw = single(send(1, BIP), APP)
    assert chain.call("GET", f"/v2/send_transaction/0x{raw.hex()}")[0] == 200
    assert complaint(chain, raw) == (409, "409")
    chain.mine()
    assert chain.call("GET", f"/v2/send_transaction/0x{raw.hex()}")[0] == 409
    assert nonce(chain) == 1


def test_shows_what_waits(chain: DevMinter) -> None:
    """A watcher sees a transaction before its block, in upper case between Tx{ and }."""
    raw = single(send(1, BIP), APP)
    chain.send(raw)
    pool = chain.ask("/unconfirmed_txs?limit=100")
    assert pool["transactions"] == [f"Tx{{{raw.hex().upper()}}}"]
    assert chain.ask("/unconfirmed_txs?limit=0") == pool
    assert chain.call("GET", f"/v2/transaction/{hash_of(raw)}")[0] == 404
    assert (chain.control("/drop")["dropped"], chain.ask("/unconfirmed_txs")["total"]) == (1, "0")
    assert chain.send(raw)[0] == 200


def test_keeps_the_last_states_alone() -> None:
    """A past balance is told as it was; a height too old or not yet made is 404."""
    with running_minter(Pace(block_ms=0, keep_last_states=5)) as chain:
        who = shown(address(APP))
        then = chain.fund(who, BIP)
        chain.fund(who, BIP)
        assert chain.ask(f"/address/{who}?height={then}")["balance"][0]["value"] == str(BIP)
        assert chain.ask(f"/addresses?addresses={who}&height={then}")["addresses"][who]["balance"][0][
            "value"
        ] == str(BIP)
        chain.mine(5)
        for height in (then, chain.height() + 1):
            status, answer = chain.call("GET", f"/v2/address/{who}?height={height}")
            assert (status, answer["error"]["code"]) == (404, "404")


def test_finds_transactions_by_their_tags(chain: DevMinter) -> None:
    """By recipient, one of a batch too, and by sender and recipient together."""
    raws = [
        single(Draft(1, MULTISEND, [[[0, SOMEBODY, 1], [0, address(HOT), 2]]]), APP),
        single(send(2, 3, to=address(HOT)), APP),
    ]
    for raw in raws:
        assert chain.send(raw)[0] == 200
        chain.mine()
    hot, app = address(HOT).hex(), address(APP).hex()
    both = chain.ask(f"/transactions?query=tags.tx.to='{hot}'%20AND%20tags.tx.from='{app}'")
    assert [one["hash"] for one in both["transactions"]] == [hash_of(raws[1]), hash_of(raws[0])]
    one = chain.ask(f"/transactions?query=tags.tx.to='{SOMEBODY.hex()}'")["transactions"]
    assert [found["hash"] for found in one] == [hash_of(raws[0])]
    assert chain.ask(f"/transactions?query=tags.tx.to='{hot}'&page=2&per_page=1")["transactions"] == [
        both["transactions"][1]
    ]


def test_coins_come_by_events_too(chain: DevMinter) -> None:
    """A reward is in the balance and in the block's events, and in no transaction."""
    height = chain.fund(shown(SOMEBODY), 5)
    block = chain.ask(f"/block/{height}?events=true")
    assert block["transactions"] == []
    event = {"@type": "type.googleapis.com/api_pb.RewardEvent", "address": shown(SOMEBODY)}
    assert block["events"] == [event | {"amount": "5", "coin": "0"}]
    assert chain.ask(f"/events/{height}?search={shown(SOMEBODY)}")["events"] == block["events"]
    assert chain.ask(f"/events/{height}?search={shown(address(APP))}")["events"] == []
    assert chain.balance(shown(SOMEBODY)) == 5


def test_tells_blocks_coins_and_prices(chain: DevMinter) -> None:
    """Ranges of blocks, coins by id and symbol, prices; numbers are strings, and what is not there is 404."""
    blocks = chain.ask("/blocks?from_height=1&to_height=9")["blocks"]
    assert [block["height"] for block in blocks] == ["1", "2"]
    assert chain.ask("/coin_info/USDTE") == chain.ask("/coin_info_by_id/1993")
    assert chain.ask("/coin_info_by_id/0")["symbol"] == "MNT"
    assert chain.call("GET", "/v2/coin_info_by_id/99")[0] == 404
    assert chain.ask("/min_gas_price") == {"min_gas_price": "1"}
    assert chain.ask("/max_gas_price") == {"max_gas_price": "1"}
    assert chain.ask("/price_commissions")["send"] == str(10**13)
    assert chain.call("GET", "/v2/block/99")[1]["error"]["message"] == "Block not found"


def test_an_address_may_be_too_short_or_too_long(chain: DevMinter) -> None:
    """As on a node, hex of another length is padded or cropped without a word: a wallet checks it itself."""
    whole = shown(address(APP))
    assert chain.ask(f"/address/Mxffff{whole[2:]}") == chain.ask(f"/address/{whole}")
    assert chain.ask("/address/Mx01") == chain.ask(f"/address/Mx{'0' * 39}1")
    assert chain.call("GET", "/v2/address/Mxzz")[0] == 400
