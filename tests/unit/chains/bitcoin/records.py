"""Wallet records of the Bitcoin family for tests, of the owners in `psbt.samples`, whose seeds are public."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import wallycore

from keepcool.chains import bip32
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.network_table import BITCOIN
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.wallets import ROLES, key_expression, profile_of
from keepcool.chains.family import terms_of
from keepcool.core.ids import WalletId
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord
from tests.unit.chains.bitcoin.psbt.samples import OWNERS, master

MADE_AT_S = 1_760_000_000


@lru_cache(maxsize=16)
def purpose(name: str) -> tuple[str, ExtendedKey]:
    """The fingerprint of a named owner's master, and the key m/45h."""
    node = wallycore.bip32_key_from_parent(master(name), 45 + HARDENED, 0)
    xpub = str(wallycore.bip32_key_to_base58(node, wallycore.BIP32_FLAG_KEY_PUBLIC))
    return bytes(wallycore.bip32_key_get_fingerprint(master(name))).hex(), bip32.parse_xpub(xpub)


def owner_key(role: Role, name: str, number: int | None) -> OwnerKey:
    fingerprint, key = purpose(name)
    node = key if number is None else bip32.child(key, number)
    return OwnerKey(role, node.public_key.hex(), key_expression(fingerprint, key, number))


def record_of(
    kind: ScriptKind = ScriptKind.P2WSH,
    *,
    network: Network = BITCOIN,
    number: int | None = None,
    owners: tuple[str, ...] = OWNERS,
    wallet: str = "pool",
) -> WalletRecord:
    """Of wallet `number`; of a pool without one. Its address is derived."""
    hot, cool, cold = (owner_key(role, name, number) for role, name in zip(ROLES, owners, strict=True))
    blank = WalletRecord(
        wallet=WalletId(wallet),
        revision=0,
        previous=NO_PREVIOUS,
        family="bitcoin",
        network=network.id,
        profile=profile_of(kind, number is None),
        threshold=2,
        owners=(hot, cool, cold),
        address="",
        owner="u1",
        user_key="",
        policy_class="",
        standing=Standing.PROVEN,
        made_at_s=MADE_AT_S,
    )
    return replace(blank, address=BitcoinFamily().derive_address(terms_of(blank)))
