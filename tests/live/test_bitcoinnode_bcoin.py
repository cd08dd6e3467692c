"""Bitcoin's own rules without Bitcoin Core's node: bcoin makes the blocks, libbitcoinkernel judges them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pbk
import pytest
from coincurve import PrivateKey
from pbk.script import PrecomputedTransactionData

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.compact import sized
from keepcool.chains.bitcoin.digests import legacy_digest
from keepcool.chains.bitcoin.network_table import BITCOIN_REGTEST
from keepcool.chains.bitcoin.script import ScriptKind, locked, multisig
from keepcool.chains.bitcoin.transaction import (
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    parse_transaction,
    shown,
)
from keepcool.core.errors import Refused
from keepcool.ports.bitcoinnode import BlockId, Capabilities, Unspent, Why
from tests.fixtures.bcoinchain import Bcoin, running_bcoin

pytestmark = pytest.mark.live
T = TypeVar("T")
KEYS = [PrivateKey(bytes([number] * 32)) for number in (1, 2, 3)]
PUBLIC = sorted(key.public_key.format() for key in KEYS)
LOCKING = locked(multisig(2, PUBLIC, ScriptKind.P2SH), ScriptKind.P2SH)
MATURITY = 100


@dataclass(frozen=True)
class Rig:
    """`address` is the 2-of-3 of KEYS as bcoin writes it, which is not as Bitcoin Core does."""

    chain: Bcoin
    kernel: Any
    address: str

    def asked(self, question: Callable[[HttpBitcoinNode], Awaitable[T]]) -> T:
        async def run() -> T:
            node = HttpBitcoinNode(
                BITCOIN_REGTEST, self.chain.url, SystemClock(), credentials=self.chain.credentials
            )
            try:
                return await question(node)
            finally:
                await node.close()

        return asyncio.run(run())

    def followed(self) -> BlockId:
        """The adapter's tip, after the kernel was given every block of the chain that ends there."""
        return self.asked(self._follow)

    def judged(self) -> BlockId:
        """The tip in the kernel's own opinion."""
        entry = self.kernel.get_active_chain().block_tree_entries[-1]
        return BlockId(entry.height, str(entry.block_hash))

    async def _follow(self, node: HttpBitcoinNode) -> BlockId:
        tip = await node.tip()
        for one in await node.block_hashes(range(1, tip.height + 1)):
            assert one is not None
            self.kernel.process_block(pbk.Block(await node.raw_block(one)))
        return tip


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_bcoin() as chain:
        told = chain.ask("createmultisig", 2, [key.hex() for key in PUBLIC])
        assert bytes.fromhex(told["redeemScript"]) == LOCKING.redeem
        chain.mine(MATURITY + 6, told["address"])
        kernel = pbk.load_chainman(Path(tmp_path_factory.mktemp("kernel")), pbk.ChainType.REGTEST)
        yield Rig(chain, kernel, told["address"])


def test_its_blocks_are_followed_and_are_valid(rig: Rig) -> None:
    """Every block the adapter hands out is one that Bitcoin Core's own code accepts, to the same tip."""
    assert rig.followed() == rig.judged()


def test_its_reorganisation_is_followed(rig: Rig) -> None:
    """After a reorganisation both stand on the new branch."""
    rig.followed()
    old = rig.chain.ask("getbestblockhash")
    rig.chain.ask("invalidateblock", old)
    new = rig.chain.mine(2, rig.address)
    assert rig.followed() == rig.judged()
    assert rig.judged().hash == new[-1]
    assert old not in rig.asked(partial(HttpBitcoinNode.block_hashes, heights=range(rig.judged().height + 1)))


def test_it_offers_the_least_and_that_is_enough(rig: Rig) -> None:
    """Tests of transactions and estimates of fees are told as absent, and nothing fails for it."""
    can = rig.asked(lambda node: node.capabilities())
    assert can == Capabilities(
        tests_acceptance=False,
        estimates_fees=True,
        tells_spent_outputs=False,
        makes_blocks=True,
        filters=False,
        transaction_index=False,
    )
    assert rig.asked(lambda node: node.fee_rate(3)) is None
    assert rig.asked(lambda node: node.relay_floor()) == 1000
    assert rig.asked(lambda node: node.raw_transactions(["ab" * 32])) == [None]
    assert rig.asked(partial(HttpBitcoinNode.test_accept, raws=[spend(rig, 1)])) is None


def test_a_payment_reaches_the_chain(rig: Rig) -> None:
    """Two signatures that Bitcoin Core's code accepts: sent, in the pool, in a block, an unspent output."""
    raw = spend(rig, 2)
    txid = rig.asked(partial(HttpBitcoinNode.send, raw=raw))
    assert txid in rig.asked(lambda node: node.mempool())
    assert rig.asked(lambda node: node.raw_transaction(txid)) == raw
    (block,) = rig.chain.mine(1, rig.address)
    assert rig.followed() == rig.judged()
    assert rig.asked(lambda node: node.send(raw)) == txid
    tip = rig.judged()
    paid = parse_transaction(raw).outputs[0]
    expected = Unspent(paid.amount_sat, paid.script, tip.height, coinbase=False)
    assert (tip.hash, rig.asked(lambda node: node.unspent(txid, 0))) == (block, expected)


def test_what_it_drops_is_told_as_refused(rig: Rig) -> None:
    """A replacement, which bcoin does not take, is refused and the pool has what it had; asked by itself, the
    node names the id of what it dropped as if it had it."""
    first, second = spend(rig, 3, fee_sat=1_000), spend(rig, 3, fee_sat=90_000)
    kept = rig.asked(partial(HttpBitcoinNode.send, raw=first))
    with pytest.raises(Refused) as refusal:
        rig.asked(partial(HttpBitcoinNode.send, raw=second))
    assert (refusal.value.code, refusal.value.fields["why"]) == ("node.rejected", Why.DROPPED)
    assert rig.asked(lambda node: node.mempool()) == {kept}
    dropped = shown(parse_transaction(second).txid)
    assert rig.chain.ask("sendrawtransaction", second.hex()) == dropped
    assert rig.asked(lambda node: node.mempool()) == {kept}


def spend(rig: Rig, height: int, fee_sat: int = 10_000) -> bytes:
    """The reward of the block at `height`, all of it, signed by two of three and judged by the kernel."""
    reward = reward_of(rig, height)
    coin = reward.outputs[0]
    unsigned = TxInput(Outpoint(reward.txid, 0), 0xFFFFFFFD)
    payment = TxOutput(coin.amount_sat - fee_sat, LOCKING.script_pubkey)
    digest = legacy_digest(Transaction(2, (unsigned,), (payment,), 0), 0, LOCKING.redeem)
    signers = sorted(KEYS, key=lambda key: key.public_key.format())[:2]
    signatures = b"".join(sized(key.sign(digest, hasher=None) + b"\x01") for key in signers)
    script = b"\x00" + signatures + push(LOCKING.redeem)
    raw = encode(Transaction(2, (TxInput(unsigned.outpoint, unsigned.sequence, script),), (payment,), 0))
    transaction, spent = pbk.Transaction(raw), pbk.ScriptPubkey(coin.script)
    known = PrecomputedTransactionData(transaction, [pbk.TransactionOutput(spent, coin.amount_sat)])
    assert spent.verify(coin.amount_sat, transaction, known, 0, pbk.ScriptVerificationFlags.ALL)
    return raw


def reward_of(rig: Rig, height: int) -> Transaction:
    told = rig.chain.ask("getblock", rig.chain.ask("getblockhash", height), True)
    block_hash, txid = told["hash"], told["tx"][0]
    raw = rig.asked(lambda node: node.raw_transaction(txid, block_hash))
    assert raw is not None
    return parse_transaction(raw)


def push(data: bytes) -> bytes:
    return bytes((0x4C, len(data))) + data
