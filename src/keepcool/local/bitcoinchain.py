"""A regtest chain of one's own, for the demo and live tests: blocks, payments, reorganisations.

Laws: a real node; coins come from blocks it mines for its own wallet, and no private key stands here.
"""

from __future__ import annotations

import threading
from pathlib import Path

from keepcool.core.errors import Malformed
from keepcool.local.bitcoinprocess import RegtestNode
from keepcool.local.bitcoinprogram import Program, litecoind

COIN, _DECIMALS = 10**8, 8
_MATURITY = 100
_BLOCKS_A_CALL = 50


class DevBitcoin(RegtestNode):
    """One regtest node. What it knew is in its folder and there again after `start`."""

    def __init__(
        self, program: Program, folder: Path, *, port: int | None = None, options: tuple[str, ...] = ()
    ) -> None:
        """`options` are the node's own, after ours: the last one counts."""
        super().__init__(program, folder, port=port, options=options)
        self._mining = threading.Lock()
        self._sink: str | None = None

    def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """New blocks on the best chain, their coins to `address` or to a throw-away one; their hashes."""
        hashes: list[str] = []
        with self._mining:
            if address is None:
                self._sink = self._sink or self.new_address()
            while len(hashes) < blocks:
                count = min(_BLOCKS_A_CALL, blocks - len(hashes))
                hashes += self.ask("generatetoaddress", count, address or self._sink)
        return hashes

    def fund(self, coins: int = 1) -> None:
        """Makes the node's own wallet rich: that many mature block rewards of its own."""
        self.mine(coins, self.new_address())
        self.mine(_MATURITY)

    def pay(self, address: str, sat: int) -> str:
        """From the node's own wallet into the pool; the transaction's id."""
        if int(self.ask("getbalance") * COIN) < sat + COIN // 100:
            self.fund(4)
        return str(self.ask("sendtoaddress", address, amount(sat)))

    def pay_many(self, outputs: dict[str, int]) -> str:
        """One transaction to many addresses."""
        if int(self.ask("getbalance") * COIN) < sum(outputs.values()) + COIN // 10:
            self.fund(4)
        return str(self.ask("sendmany", "", {address: amount(sat) for address, sat in outputs.items()}))

    def new_address(self, kind: str = "bech32") -> str:
        """One of the node's own: "legacy", "p2sh-segwit" or "bech32"."""
        return str(self.ask("getnewaddress", "", kind))

    def height(self) -> int:
        return int(self.ask("getblockcount"))

    def tip(self) -> str:
        return str(self.ask("getbestblockhash"))

    def mempool(self) -> set[str]:
        return set(self.ask("getrawmempool"))

    def balance(self, address: str) -> int:
        """Of all unspent outputs in blocks to this address."""
        found = self.ask("scantxoutset", "start", [f"addr({address})"])
        return int(found["total_amount"] * COIN)

    def invalidate(self, block_hash: str) -> None:
        """Gives this block and all after it up: what they held is back in the pool. Mine others."""
        self.ask("invalidateblock", block_hash)

    def reorganise(self, depth: int, *, empty: bool = False) -> list[str]:
        """Replaces the newest `depth` blocks by `depth` + 1 others; with `empty` they hold nothing and the
        lost transactions wait in the pool. Hashes of the new ones."""
        self.invalidate(str(self.ask("getblockhash", self.height() - depth + 1)))
        if not empty:
            return self.mine(depth + 1)
        with self._mining:
            sink = self.new_address()
            return [str(self.ask("generateblock", sink, [])["hash"]) for _ in range(depth + 1)]

    def copy_to(self, other: DevBitcoin) -> None:
        """Gives every block of the best chain to another node that lacks it."""
        lacked = []
        block_hash = self.tip()
        while other.call("getblock", block_hash, 0).get("error") is not None:
            lacked.append(block_hash)
            block_hash = self.ask("getblockheader", block_hash)["previousblockhash"]
        for one in reversed(lacked):
            other.ask("submitblock", self.ask("getblock", one, 0))


class DevLitecoin(DevBitcoin):
    """Litecoin regtest by litecoind, with transactions replaced (Litecoin Core does not by itself)."""

    def __init__(
        self, folder: Path, build: Path, *, port: int | None = None, options: tuple[str, ...] = ()
    ) -> None:
        """`build` is where `make setup` puts what it cannot install. Raises Unavailable with the mend."""
        super().__init__(litecoind(build), folder, port=port, options=options)


def amount(sat: int) -> str:
    """As these nodes read amounts: coins with eight decimals."""
    return f"{sat // COIN}.{sat % COIN:08d}"


def satoshi(text: str) -> int:
    """The same backwards. Raises Malformed."""
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdecimal() or not whole.isascii() or not whole or len(fraction) > _DECIMALS:
        raise Malformed("devnet.amount", f"{text[:40]!r} is no amount of coins with at most eight decimals")
    return int(whole) * COIN + int(fraction.ljust(_DECIMALS, "0"))
