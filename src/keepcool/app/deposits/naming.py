"""Hashes of a chain as its people write them; in the database they are bare hex."""

from __future__ import annotations

_TRANSACTION = {"eip155": "0x", "minter": "Mt"}
_BLOCK = {"eip155": "0x"}


def transaction(network: str, bare: str) -> str:
    return _TRANSACTION.get(network.partition(":")[0], "") + bare


def block(network: str, bare: str) -> str:
    return _BLOCK.get(network.partition(":")[0], "") + bare
