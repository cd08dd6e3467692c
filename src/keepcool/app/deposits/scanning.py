"""Reading one block: what it holds for our wallets, remembered in one transaction with the block itself.

Laws: a block is fetched before the watched wallets are refreshed, so an address shown before the block was
made is never missed; a plain transaction counts only with a receipt that says it succeeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from keepcool.app.coins import addresses
from keepcool.app.deposits import passages, position, records
from keepcool.app.deposits.crediting import Outflows
from keepcool.app.deposits.matching import (
    OUR_TOPICS,
    TRANSFER,
    Incoming,
    Matched,
    Passed,
    Touched,
    match,
)
from keepcool.app.deposits.passages import Passage
from keepcool.app.deposits.recall import NoRecall, Recall, Sent
from keepcool.app.deposits.records import Claim, Kind
from keepcool.app.deposits.watched import Watched, WatchedWallet, wallets_numbered
from keepcool.app.store import Store
from keepcool.chains.evm.address import raw_of, to_checksum
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId, NetworkId
from keepcool.ports.evmnode import Block, ChainReader, Header, Log

_RECEIPTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Listed:
    """The assets of one network that are credited: the native one, and tokens by their contract."""

    network: NetworkId
    native: AssetId
    tokens: Mapping[str, AssetId]  # contract in EIP-55

    def assets(self) -> list[tuple[AssetId, str | None]]:
        """Each with its contract, None for the native one."""
        return [(self.native, None), *((asset, contract) for contract, asset in self.tokens.items())]


class Scanner:
    def __init__(
        self,
        listed: Listed,
        node: ChainReader,
        store: Store,
        watched: Watched,
        outflows: Outflows,
        *,
        recall: Recall | None = None,
    ) -> None:
        self._listed, self._node, self._store = listed, node, store
        self._watched, self._outflows, self._recall = watched, outflows, recall or NoRecall()
        self._tokens = {raw_of(contract): asset for contract, asset in listed.tokens.items()}

    async def read(self, block: Block, at_ms: int) -> int:
        """Remembers the block and what came in with it. The number of new claims."""
        transfers, safe_logs = await self._logs(block.header.hash)
        while not await self._store.read(self._watched.refresh):
            pass
        matched = match(
            block,
            transfers,
            safe_logs,
            watched=self._watched.numbers,
            native=self._listed.native,
            tokens=self._tokens,
            pooled=self._watched.pooled,
        )
        matched = await self._succeeded(block.header, matched)
        if any(one.executed for one in matched.touched):
            await self._recall.explain(await self._store.read(lambda tx: _sent(tx, matched)))
        return await self._store.run(lambda tx: self._remember(tx, block.header, matched, at_ms))

    async def _logs(self, block_hash: bytes) -> tuple[tuple[Log, ...], tuple[Log, ...]]:
        ours = self._node.logs(block_hash, addresses=[], topics=[OUR_TOPICS])
        if not self._listed.tokens:
            return (), await ours
        contracts = list(self._listed.tokens)
        tokens = self._node.logs(block_hash, addresses=contracts, topics=[[TRANSFER]])
        return await asyncio.gather(tokens, ours)

    async def _succeeded(self, header: Header, matched: Matched) -> Matched:
        """Without the plain transactions that failed. Raises Unavailable when the block has moved."""
        plain = [one.transaction for one in matched.incoming if one.kind is Kind.TRANSACTION]
        good: set[bytes] = set()
        for start in range(0, len(plain), _RECEIPTS_AT_ONCE):
            some = plain[start : start + _RECEIPTS_AT_ONCE]
            for receipt in await asyncio.gather(*(self._node.receipt(one) for one in some)):
                if receipt is None or receipt.block_hash != header.hash:
                    raise Unavailable("deposits.moved", f"block {header.number} moved while it was read")
                if receipt.succeeded:
                    good.add(receipt.transaction)
        kept = [o for o in matched.incoming if o.kind is not Kind.TRANSACTION or o.transaction in good]
        return replace(matched, incoming=tuple(kept))

    def _remember(self, tx: Connection, header: Header, matched: Matched, at_ms: int) -> int:
        position.advance(tx, self._listed.network, header.number, header.hash)
        numbers = {one.wallet for one in matched.incoming} | {one.wallet for one in matched.touched}
        numbers |= {number for one in matched.passed for number in (one.wallet, one.to)}
        wallets = wallets_numbered(tx, sorted(numbers))
        seen = {one.address for one in matched.incoming} | {one.address for one in matched.passed}
        addresses.mark_used(tx, self._listed.network, sorted(seen & self._watched.pooled.keys()))
        for passed in matched.passed:
            self._pass(tx, header, wallets, passed)
        claims = [self._claim(header, wallets[one.wallet], one) for one in matched.incoming]
        for touched in matched.touched:
            wallet = wallets[touched.wallet]
            position.note_touch(tx, self._listed.network, wallet.id, header.number, touched.executed)
            claims += self._between_ours(tx, header, wallet, touched, matched)
        for claim in claims:
            records.add(tx, claim, at_ms)
        return len(claims)

    def _pass(
        self, tx: Connection, header: Header, wallets: Mapping[int, WatchedWallet], one: Passed
    ) -> None:
        """Both balances are looked at once the block is deep enough."""
        source, treasury = wallets[one.wallet].id, wallets[one.to].id
        where = Passage(
            network=self._listed.network,
            wallet=source,
            treasury=treasury,
            asset=one.asset,
            units=one.units,
            arrived=one.arrived,
            block_number=header.number,
            position=one.position,
        )
        passages.add(tx, where)
        for name in {source, treasury}:
            position.note_touch(tx, self._listed.network, name, header.number, None)

    def _between_ours(
        self, tx: Connection, header: Header, source: WatchedWallet, touched: Touched, matched: Matched
    ) -> list[Claim]:
        """Native coins that one of our Safes sent to another: where the other is not deployed yet, nothing
        on chain tells of them but the SafeTx itself."""
        if touched.executed is None:
            return []
        told = {one.wallet for one in matched.incoming if one.transaction == touched.transaction}
        units: dict[int, int] = {}
        for payment in self._outflows(tx, source.id, touched.executed) or ():
            number = self._watched.numbers.get(raw_of(payment.recipient))
            if number is None or number in told or number == source.number:
                continue
            if payment.amount.asset == self._listed.native:
                units[number] = units.get(number, 0) + payment.amount.units
        wallets, sender = wallets_numbered(tx, sorted(units)), raw_of(source.address)
        native, where = self._listed.native, touched.position
        inside = [
            Incoming(number, native, Kind.PAYOUT, sender, touched.transaction, where, amount)
            for number, amount in units.items()
        ]
        return [self._claim(header, wallets[one.wallet], one) for one in inside]

    def _claim(self, header: Header, wallet: WatchedWallet, one: Incoming) -> Claim:
        return Claim(
            network=self._listed.network,
            wallet=wallet.id,
            asset=one.asset,
            kind=one.kind,
            sender=to_checksum(one.sender),
            transaction=one.transaction.hex(),
            position=one.position,
            block_number=header.number,
            block_hash=header.hash.hex(),
            units=one.units,
        )


def _sent(tx: Connection, matched: Matched) -> list[Sent]:
    """What wallets of ours have executed."""
    wallets = wallets_numbered(tx, sorted({one.wallet for one in matched.touched if one.executed}))
    return [
        Sent(wallets[one.wallet].id, wallets[one.wallet].address, one.executed, "0x" + one.transaction.hex())
        for one in matched.touched
        if one.executed is not None
    ]
