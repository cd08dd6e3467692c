"""The simulator's mempool, blocks and memory, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from coincurve import PrivateKey

from keepcool.devnet import chain as chain_module
from keepcool.devnet.chain import Chain, Genesis
from keepcool.devnet.execution import Rules
from keepcool.devnet.ledger import Coin
from keepcool.devnet.rejections import CallError, Code, Rejection
from keepcool.devnet.store import Store
from tests.fixtures.minter_signing import APP, HOT, SOMEBODY, Draft, address, owners, send, single, wallet_of

BIP = 10**18
RULES = Rules(chain_id=2)


class Clock:
    """Stands still."""

    def __call__(self) -> int:
        return 1_700_000_000_000


def made(file: Path | None = None, keys: Sequence[PrivateKey] = (APP,), keep: int = 120) -> Chain:
    balances = tuple((address(key), 0, 100 * BIP) for key in keys)
    genesis = Genesis(balances, (Coin(7, "DUST"),))
    return Chain(RULES, genesis, Store(file), Clock(), keep)


def test_blocks_are_dated_forward() -> None:
    """A clock that stands still makes later blocks all the same, and no two blocks have one hash."""
    chain = made()
    blocks = [chain.commit() for _ in range(3)]
    assert [block.height for block in blocks] == [2, 3, 4]
    assert sorted({block.time_ms for block in blocks}) == [block.time_ms for block in blocks]
    assert len({block.hash for block in blocks}) == 3


def test_a_block_has_room_for_so_much_gas(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit waits for the next block, and its sender may send another one that then fails."""
    chain = made(keys=(APP, HOT))
    monkeypatch.setattr(chain_module, "BLOCK_GAS_MAX", 20)
    for key in (APP, HOT):
        chain.take(single(send(1, 1), key))
    chain.commit()
    assert [tx.sender() for tx in chain.waiting.values()] == [address(HOT)]
    chain.take(single(send(1, 2), HOT))
    chain.commit()
    chain.commit()
    codes = [tx.code for height in (3, 4) for tx in chain.store.transactions(height)]
    assert codes == [0, 101]


def test_a_full_mempool_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction more than it holds is refused in the words of the mempool, and can come again."""
    monkeypatch.setattr(chain_module, "POOL_MAX", 1)
    chain = made(keys=(APP, HOT))
    chain.take(single(send(1, 1), APP))
    late = single(send(1, 1), HOT)
    with pytest.raises(CallError, match="mempool is full"):
        chain.take(late)
    chain.commit()
    assert chain.take(late) == sha256(late).digest()


def test_a_refused_transaction_is_not_remembered() -> None:
    """What a check refused may come again with the same bytes: 113 first, then taken."""
    chain = made()
    chain.take(single(send(1, 1), APP))
    second = single(send(1, 2), APP)
    for _ in range(2):
        with pytest.raises(Rejection) as refused:
            chain.take(second)
        assert refused.value.code is Code.IN_MEMPOOL
    chain.drop()
    assert chain.take(second) == sha256(second).digest()


def test_a_failed_transaction_may_be_in_two_blocks() -> None:
    """It is found where it was last, with the code it had there."""
    chain, raw = made(), single(send(1, 500 * BIP), APP)
    chain.inject(raw)
    chain.commit()
    chain.give(address(APP), 0, 500 * BIP, "RewardEvent")
    chain.commit()
    chain.take(raw)
    chain.commit()
    found = chain.store.transaction(sha256(raw).digest())
    assert found is not None
    assert (found.height, found.code) == (4, 0)
    assert [tx.code for tx in chain.store.transactions(2)] == [107]


def test_nothing_unreadable_and_no_other_type_is_injected() -> None:
    """A block holds only what can be told of it afterwards."""
    chain = made()
    with pytest.raises(Rejection):
        chain.inject(b"\xc0")
    with pytest.raises(CallError, match="does not execute"):
        chain.inject(single(Draft(1, 0x25, []), APP))
    assert chain.store.transactions(chain.commit().height) == []


def test_a_chain_goes_on_where_it_ended(tmp_path: Path) -> None:
    """After a restart tip, accounts, owners, coins and kept states are the same, without a second genesis."""
    file = tmp_path / "chain"
    chain = made(file, keep=4)
    chain.take(single(owners(1, [HOT]), APP))
    chain.commit()
    chain.take(single(send(2, 5), APP))
    chain.commit()
    chain.store.close()
    again = made(file, keep=4)
    assert again.tip == chain.tip
    assert again.ledger.accounts == chain.ledger.accounts
    assert again.ledger.coins == chain.ledger.coins
    for height in (1, 2, 3):
        for who in (address(APP), wallet_of(APP, 1), SOMEBODY):
            assert again.account(who, height) == chain.account(who, height)
    assert not again.account(wallet_of(APP, 1), 1).is_multisig
    assert again.account(wallet_of(APP, 1), 2).is_multisig


def test_pips_beyond_64_bits_survive(tmp_path: Path) -> None:
    """Amounts are whole numbers of any size, in memory and on disk."""
    file = tmp_path / "chain"
    chain = made(file)
    chain.give(SOMEBODY, 7, 2**200 + 1, "UnlockEvent")
    chain.commit()
    chain.store.close()
    assert made(file).account(SOMEBODY).balance(7) == 2**200 + 1
