"""A wallet for measuring Bitcoin: its three seeds are public and never funded."""

from __future__ import annotations

import wallycore

from keepcool.chains import bip32
from keepcool.chains.bip32 import ExtendedKey
from keepcool.chains.bitcoin import bip45
from keepcool.chains.bitcoin.bip45 import PURPOSE
from keepcool.chains.bitcoin.keys import KeyExpression, Origin
from keepcool.chains.bitcoin.script import ScriptKind

SEEDS = tuple(bytes((digit,)) * 32 for digit in (1, 2, 3))


def master(seed: bytes) -> object:
    """libwally's."""
    return wallycore.bip32_key_from_seed(seed, wallycore.BIP32_VER_TEST_PRIVATE, 0)


def purpose(seed: bytes) -> KeyExpression:
    """m/45h of a seed, with its origin."""
    root = master(seed)
    node = wallycore.bip32_key_from_parent(root, PURPOSE, wallycore.BIP32_FLAG_KEY_PUBLIC)
    text = wallycore.bip32_key_to_base58(node, wallycore.BIP32_FLAG_KEY_PUBLIC)
    _, key = bip32.parse_versioned(text)
    origin = Origin(bytes(wallycore.bip32_key_get_fingerprint(root)).hex(), (PURPOSE,))
    return KeyExpression(origin, ExtendedKey(1, key.parent, PURPOSE, key.chain_code, key.public_key))


WALLET = bip45.segregated([purpose(seed) for seed in SEEDS], 0, 2, ScriptKind.P2WSH)
