"""A chain in memory, made block by block, and wallets on it whose seeds are public and never funded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from keepcool.chains.bitcoin import bip45
from keepcool.chains.bitcoin.bip45 import Bip45
from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.filters import encoded, is_filtered
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.restoring import Backup, KeptWallet
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import (
    SEQUENCE_FINAL,
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    hash256,
    shown,
)
from keepcool.core.errors import Unavailable
from keepcool.ports.bitcoinnode import BlockId, Capabilities, Spent
from tests.vectors import bitcoin

NETWORK = LITECOIN_REGTEST
COIN = 10**8
MINER = b"\x00\x14" + b"\x99" * 20
PURPOSES = tuple(bitcoin.purposes())


def segregated(number: int, kind: ScriptKind = ScriptKind.P2WSH) -> Bip45:
    return bip45.segregated(PURPOSES, number, 2, kind)


def pool(kind: ScriptKind = ScriptKind.P2WSH) -> Bip45:
    return bip45.pooled(PURPOSES, 2, kind)


def kept(name: str, wallet: Bip45) -> KeptWallet:
    return KeptWallet(name, wallet.descriptors())


def backup(*wallets: KeptWallet) -> Backup:
    return Backup(NETWORK, wallets or (kept("w-0", segregated(0)),))


def script_at(wallet: Bip45, cosigner: int, change: int, index: int) -> bytes:
    return wallet.branch(cosigner, change).locking(index).script_pubkey


def payment(spends: Sequence[Outpoint], *outputs: tuple[int, bytes], witness: bool = True) -> Transaction:
    stack = (b"\x01" * 71, b"\x02" * 33) if witness else ()
    inputs = tuple(TxInput(one, SEQUENCE_FINAL, b"" if witness else b"\x51", stack) for one in spends)
    return Transaction(2, inputs, tuple(TxOutput(*one) for one in outputs), 0)


def outside(number: int) -> Outpoint:
    """A coin of somebody else."""
    return Outpoint(number.to_bytes(32, "big"), 0)


@dataclass
class MemoryChain:
    """Serves blocks as a node does. `fails_at`: reading this height ends with Unavailable. `filters`: what it
    tells of a block, if it has any; `tells`: also what a block spends."""

    raws: list[bytes] = field(default_factory=list)
    fails_at: int = -1
    reads: int = 0
    salt: int = 0
    filters: Callable[[MemoryChain, str], bytes] | None = None
    tells: bool = False
    mined: dict[str, tuple[Transaction, ...]] = field(default_factory=dict)

    def mine(self, *txs: Transaction, to: bytes = MINER) -> list[bytes]:
        """A block of these; returns their ids, the coinbase's first."""
        height = len(self.raws)
        coinbase = Transaction(
            2,
            (TxInput(Outpoint(bytes(32), 0xFFFFFFFF), SEQUENCE_FINAL, bytes((height % 256, self.salt, 3))),),
            (TxOutput(50 * COIN, to),),
            height,
        )
        header = (height | self.salt << 24).to_bytes(68, "big") + (height * 600).to_bytes(12, "little")
        every = (coinbase, *txs)
        self.raws.append(header + compact(len(every)) + b"".join(map(encode, every)))
        self.mined[_hash(self.raws[-1])] = every
        return [one.txid for one in every]

    def empty(self, count: int) -> None:
        for _ in range(count):
            self.mine()

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            tests_acceptance=True,
            estimates_fees=True,
            tells_spent_outputs=self.tells,
            makes_blocks=False,
            filters=self.filters is not None,
            transaction_index=False,
        )

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        return [None if self.filters is None else self.filters(self, one) for one in block_hashes]

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None:
        return self.spent_by(block_hash) if self.tells else None

    def spent_by(self, block_hash: str) -> list[Spent]:
        """A stranger's coin is worth much, and anybody's."""
        made = {one.txid: one for block in self.mined.values() for one in block}
        spent = []
        for one in self.mined[block_hash][1:]:
            for out in (each.outpoint for each in one.inputs):
                known = made.get(out.txid)
                output = known.outputs[out.position] if known else TxOutput(2**50, b"\x51")
                spent.append(Spent(shown(out.txid), out.position, output.amount_sat, output.script))
        return spent

    async def tip(self) -> BlockId:
        height = len(self.raws) - 1
        return BlockId(height, _hash(self.raws[height]))

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        return [_hash(self.raws[one]) if one < len(self.raws) else None for one in heights]

    async def raw_block(self, block_hash: str) -> bytes:
        height = next(at for at, raw in enumerate(self.raws) if _hash(raw) == block_hash)
        if height == self.fails_at:
            raise Unavailable("node.unreachable", "the node is away")
        self.reads += 1
        return self.raws[height]


def _hash(raw: bytes) -> str:
    return hash256(raw[:80])[::-1].hex()


def true_filter(chain: MemoryChain, block_hash: str) -> bytes:
    """The block's basic filter, as an honest node has it."""
    paid = [out.script for one in chain.mined[block_hash] for out in one.outputs]
    spent = [one.script for one in chain.spent_by(block_hash)]
    return encoded(block_hash, [*filter(is_filtered, paid), *spent])
