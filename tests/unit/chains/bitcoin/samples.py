"""Keys for tests of Bitcoin's public side: three cosigners whose seeds are public."""

from __future__ import annotations

from keepcool.chains import bip32
from keepcool.chains.bip32 import ExtendedKey
from keepcool.chains.bitcoin.keys import KeyExpression
from tests.vectors import bitcoin

PURPOSES = tuple(bitcoin.purposes())
XPUBS = tuple(bitcoin.PURPOSES)
ACCOUNT = "m/48'/0'/0'/2'"
ACCOUNTS = tuple(bitcoin.public_at(seed, ACCOUNT) for seed in bitcoin.SEEDS)
NESTED_ACCOUNTS = tuple(bitcoin.public_at(seed, "m/48'/0'/0'/1'") for seed in bitcoin.SEEDS)


def extended(expression: KeyExpression) -> ExtendedKey:
    assert isinstance(expression.key, ExtendedKey)
    return expression.key


def points(count: int) -> tuple[bytes, ...]:
    """So many different compressed keys."""
    return tuple(bip32.children(extended(PURPOSES[0]), range(count)))
