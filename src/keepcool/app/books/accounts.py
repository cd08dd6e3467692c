"""The chart of accounts, and on which side each account grows.

debit accounts (what there is): coins:<wallet> on chain, purse:<network>, fees:<network> spent,
short:<wallet> owed back to us after a credited deposit vanished, cold:<pool> its surplus in the harbor.
credit accounts (whose it is):
owed:<wallet> available to the owner, held:<wallet> reserved for a withdrawal, funding:<network>,
dust:<wallet> coins too small to be worth their spending, lent:<pool> coins of its users that are on their way
to the harbor, lie there, or were spent on fees: what the wallets of a pool have in coins: is by so much more
than what lies there on chain.
house:<wallet> what is the house's of a wallet's coins, by a correction that two people made.
absent:<wallet> what was paid out of coins whose deposit has left the chain since: what the wallet has in
coins: is by so much more than what lies there on chain, until a deposit or the payment's end makes it good.
No account goes below zero on its own side.
"""

from __future__ import annotations

from enum import Enum

from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId, WalletId


class Side(Enum):
    """The sign of a line that makes an account grow."""

    DEBIT = 1
    CREDIT = -1


_SIDES = {
    "coins": Side.DEBIT,
    "purse": Side.DEBIT,
    "fees": Side.DEBIT,
    "short": Side.DEBIT,
    "owed": Side.CREDIT,
    "held": Side.CREDIT,
    "funding": Side.CREDIT,
    "dust": Side.CREDIT,
    "cold": Side.DEBIT,
    "lent": Side.CREDIT,
    "absent": Side.CREDIT,
    "house": Side.CREDIT,
}


def side_of(account: str) -> Side:
    """Raises Malformed for an account that the chart does not have."""
    kind, _, owner = account.partition(":")
    side = _SIDES.get(kind)
    if side is None or not owner:
        raise Malformed("ledger.account", f"no such kind of account: {account[:80]!r}")
    return side


def coins(wallet: WalletId) -> str:
    return f"coins:{wallet}"


def owed(wallet: WalletId) -> str:
    return f"owed:{wallet}"


def held(wallet: WalletId) -> str:
    return f"held:{wallet}"


def dust(wallet: WalletId) -> str:
    return f"dust:{wallet}"


def short(wallet: WalletId) -> str:
    return f"short:{wallet}"


def cold(pool: WalletId) -> str:
    return f"cold:{pool}"


def lent(pool: WalletId) -> str:
    return f"lent:{pool}"


def absent(wallet: WalletId) -> str:
    return f"absent:{wallet}"


def purse(network: NetworkId) -> str:
    return f"purse:{network}"


def fees(network: NetworkId) -> str:
    return f"fees:{network}"


def funding(network: NetworkId) -> str:
    return f"funding:{network}"
