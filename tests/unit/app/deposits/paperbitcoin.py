"""A Bitcoin chain on paper: blocks of real bytes, a pool, reorganisations, and a node that can be away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.scanning import merkle_root, stripped_of, txid_of
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
from keepcool.ports.bitcoinnode import Acceptance, BlockId, Capabilities, Condition, Spent, Unspent

NOBODY = b"\x00\x14" + bytes(20)
GENESIS = bytes(81)


def block_of(previous: str, transactions: Sequence[bytes], salt: int = 0) -> bytes:
    """Its header covers these; nobody worked for it."""
    root = merkle_root([hash256(stripped_of(one)) for one in transactions])
    header = bytes(4) + bytes.fromhex(previous)[::-1] + root + salt.to_bytes(12, "little")
    return header + compact(len(transactions)) + b"".join(transactions)


def hash_of(block: bytes) -> str:
    return shown(hash256(block[:80]))


def payment(
    outputs: Sequence[tuple[bytes, int]],
    spent: Sequence[tuple[str, int]] = (),
    *,
    salt: int = 0,
    witness: tuple[bytes, ...] = (b"signed",),
) -> bytes:
    """From these outpoints; from one of a stranger's where none is named."""
    stranger = Outpoint(hash256(salt.to_bytes(8, "big")), 0)
    inputs = [Outpoint(bytes.fromhex(txid)[::-1], vout) for txid, vout in spent] or [stranger]
    return encode(
        Transaction(
            2,
            tuple(TxInput(one, SEQUENCE_FINAL, witness=witness) for one in inputs),
            tuple(TxOutput(amount, script) for script, amount in outputs),
            0,
        )
    )


def coinbase(height: int, to: bytes = NOBODY, amount_sat: int = 50) -> bytes:
    minted = TxInput(Outpoint(bytes(32), 0xFFFFFFFF), SEQUENCE_FINAL, script=height.to_bytes(8, "little"))
    return encode(Transaction(2, (minted,), (TxOutput(amount_sat, to),), 0))


@dataclass
class PaperBitcoin:
    """A node that says what the test has put on it. `behind`: it tells so many blocks less."""

    blocks: list[bytes] = field(default_factory=lambda: [GENESIS])
    pool: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    behind: int = 0
    _salt: int = 0

    def mine(self, *transactions: bytes, blocks: int = 1, reward: bytes = NOBODY) -> str:
        """The named transactions in the first of these blocks; they leave the pool. The last one's hash."""
        for number in range(blocks):
            self._salt += 1
            some = transactions if number == 0 else ()
            minted = coinbase(self._salt, reward, 5_000)
            block = block_of(hash_of(self.blocks[-1]), [minted, *some], self._salt)
            self.blocks.append(block)
            for one in some:
                self.pool.pop(txid_of(one), None)
        return hash_of(self.blocks[-1])

    def relay(self, *transactions: bytes) -> list[str]:
        """Into the pool; their ids."""
        ids = [txid_of(one) for one in transactions]
        self.pool |= dict(zip(ids, transactions, strict=True))
        return ids

    def give_up(self, depth: int) -> None:
        """The newest blocks are not the chain's any more."""
        del self.blocks[len(self.blocks) - depth :]

    def _chain(self) -> list[bytes]:
        if self.away:
            raise Unavailable("node.unreachable", "the node is away")
        return self.blocks[: len(self.blocks) - self.behind]

    async def check(self) -> Condition:
        tip = await self.tip()
        return Condition(tip, tip.height, False, 8, None, "paper")

    async def capabilities(self) -> Capabilities:
        return Capabilities(False, False, False, True, False, False)

    async def network_genesis(self) -> str:
        return hash_of(GENESIS)

    async def tip(self) -> BlockId:
        chain = self._chain()
        return BlockId(len(chain) - 1, hash_of(chain[-1]))

    async def block_hash(self, height: int) -> str | None:
        return (await self.block_hashes([height]))[0]

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        chain = self._chain()
        return [hash_of(chain[one]) if 0 <= one < len(chain) else None for one in heights]

    async def raw_block(self, block_hash: str) -> bytes:
        for block in self._chain():
            if hash_of(block) == block_hash:
                return block
        raise Unavailable("node.block_unknown", f"no block {block_hash}")

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        """It has none."""
        return [None for _ in block_hashes]

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None:  # noqa: ARG002
        return None

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:  # noqa: ARG002
        return self.pool.get(txid)

    async def raw_transactions(self, txids: Sequence[str]) -> list[bytes | None]:
        self._chain()
        return [self.pool.get(txid) for txid in txids]

    async def mempool(self) -> frozenset[str]:
        self._chain()
        return frozenset(self.pool)

    async def unspent(self, txid: str, vout: int) -> Unspent | None:  # noqa: ARG002
        return None

    async def fee_rate(self, target_blocks: int) -> int | None:  # noqa: ARG002
        return None

    async def relay_floor(self) -> int:
        return 1000

    async def test_accept(self, raws: Sequence[bytes]) -> list[Acceptance] | None:  # noqa: ARG002
        """It cannot."""
        return None

    async def send(self, raw: bytes) -> str:
        return self.relay(raw)[0]
