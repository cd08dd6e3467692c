"""Dust that was spent together with larger coins: now it is its owner's.

Laws: only once the spending is as deep as any credit; each coin once. What is not spent stays dust.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.books import accounts, dust, ledger
from keepcool.app.coins.tables import coin, spending
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.core.ids import WalletId

AT_ONCE = 100


def gather(tx: Connection, terms: Terms, scanned: int, at_ms: int) -> int:
    """How many coins. `scanned`: the last block read; what nobody of ours drafted is nobody's gain."""
    deep = max(depth for _, depth in terms.row.confirmations)
    ours = select(spending.c.txid).where(
        spending.c.network == terms.network, spending.c.holder.is_not(None), spending.c.height.is_not(None)
    )
    query = select(coin).where(
        coin.c.network == terms.network,
        coin.c.dust.is_(True),
        coin.c.spent_height <= scanned - deep + 1,
        coin.c.spent_by.in_(ours),
    )
    rows = tx.execute(query.limit(AT_ONCE)).all()
    for row in rows:
        wallet, name = WalletId(row.wallet or row.source), f"{row.txid}:{row.vout}"
        if ledger.balance(tx, accounts.dust(wallet), terms.row.asset) >= row.amount_sat:
            dust.gather_dust(
                tx, key=name, wallet=wallet, asset=terms.row.asset, units=row.amount_sat, at_ms=at_ms
            )
        here = (coin.c.network == row.network, coin.c.txid == row.txid, coin.c.vout == row.vout)
        tx.execute(coin.update().where(*here).values(dust=False))
    return len(rows)
