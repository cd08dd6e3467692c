"""How recalled payments of EVM and Minter wallets stand in blocks, and what they have cost.

Laws: a Safe's fee is the purse's and no part of what is booked here; a Minter wallet pays its own, also for
what failed, which may come again and is paid once at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, select

from keepcool.app.books import accounts, ledger
from keepcool.app.deposits import outflows, position
from keepcool.app.deposits.minter.outflows import is_drafted
from keepcool.app.deposits.recall import Sent
from keepcool.app.deposits.tables import spending, touch
from keepcool.app.rebuilding import booking
from keepcool.app.rebuilding.payments import Recalled
from keepcool.core.ids import AssetId
from keepcool.core.withdrawal_states import Inclusion


@dataclass(frozen=True, slots=True)
class SafeBooks:
    """`native`: of the network."""

    native: AssetId

    def knows(self, tx: Connection, one: Sent) -> bool:
        return outflows.own_payouts(tx, one.wallet, one.digest) is not None

    def settle(self, tx: Connection, one: Recalled, settled: int, at_ms: int) -> None:
        executed = (touch.c.wallet == one.source, touch.c.executed == one.digest)
        query = select(touch.c.block_number).where(*executed, touch.c.block_number <= settled).limit(1)
        block = tx.execute(query).scalar_one_or_none()
        if block is None:
            return
        known = position.hash_at(tx, one.network, block)
        seen = Inclusion(one.transaction, block, "" if known is None else "0x" + known.hex())
        booking.book(tx, one, seen, fee=0, asset=self.native, at_ms=at_ms)


@dataclass(frozen=True, slots=True)
class MinterBooks:
    def knows(self, tx: Connection, one: Sent) -> bool:
        return is_drafted(tx, one.wallet, one.digest.hex())

    def settle(self, tx: Connection, one: Recalled, settled: int, at_ms: int) -> None:
        sent = (spending.c.wallet == one.source, spending.c.digest == one.digest)
        query = select(spending).where(*sent, spending.c.height <= settled).order_by(spending.c.number)
        for row in tx.execute(query).all():
            asset = AssetId(row.fee_asset)
            if row.failed:
                _failed(tx, one, key=row.key, asset=asset, fee=row.fee, at_ms=at_ms)
            else:
                seen = Inclusion(row.transaction, row.height, row.block_hash)
                booking.book(tx, one, seen, fee=row.fee, asset=asset, at_ms=at_ms)


def _failed(tx: Connection, one: Recalled, *, key: str, asset: AssetId, fee: int, at_ms: int) -> None:
    """It has cost its fee and paid nobody."""
    name = sha256(f"recalled:{key}".encode()).hexdigest()
    if not fee or ledger.is_posted(tx, f"wallet-fee:{name}"):
        return
    free = ledger.balance(tx, accounts.owed(one.source), asset)
    ledger.wallet_fee(
        tx,
        key=name,
        withdrawal=one.intent.intent,
        wallet=one.source,
        asset=asset,
        parts=(0, fee, max(fee - free, 0)),
        at_ms=at_ms,
    )
