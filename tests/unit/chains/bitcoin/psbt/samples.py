"""Wallets, coins and honest drafts to build lies from. The seeds are public and must never be funded;
signing happens in tests alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

import wallycore
from coincurve import PrivateKey

from keepcool.chains.bip32 import HARDENED
from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.descriptor import Descriptor, parse_descriptor
from keepcool.chains.bitcoin.limits import Limits
from keepcool.chains.bitcoin.network_table import BITCOIN, DOGECOIN
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.ownership import Own, Owned, own_of, owned_at
from keepcool.chains.bitcoin.proving import Proven, prove
from keepcool.chains.bitcoin.psbt import KeyPath, Psbt, PsbtInput, PsbtOutput, encode_psbt
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import (
    SEQUENCE_REPLACEABLE,
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
)

SEEDS = {"hot": b"\x01" * 32, "cool": b"\x02" * 32, "cold": b"\x03" * 32, "thief": b"\x04" * 32}
OWNERS = ("hot", "cool", "cold")
COIN = 10**8
ALICE = bytes.fromhex("0014") + b"\xa1" * 20
BOB = b"\xa9\x14" + b"\xb0" * 20 + b"\x87"
LIMITS = Limits(fee_sat_max=200_000, fee_rate_max=100_000, fee_share_max=300, locktime_max=850_000)
_H = HARDENED
_BIP45 = (45 + _H,)
_BIP48 = {
    ScriptKind.P2WSH: (48 + _H, _H, _H, 2 + _H),
    ScriptKind.P2SH_P2WSH: (48 + _H, _H, _H, 1 + _H),
}


def master(name: str) -> object:
    """A libwally key with its secret: for signing in tests."""
    return _master(name)


@lru_cache(maxsize=16)
def _master(name: str) -> object:
    return wallycore.bip32_key_from_seed(SEEDS[name], wallycore.BIP32_VER_MAIN_PRIVATE, 0)


@dataclass(frozen=True, slots=True)
class Wallet:
    """2 of the three named owners: the first cosigner's branches of a pool, or accounts of BIP-48."""

    kind: ScriptKind
    network: Network = BITCOIN
    owners: tuple[str, ...] = OWNERS
    bip48: bool = False

    @property
    def descriptor(self) -> Descriptor:
        return _descriptor(self)

    @property
    def own(self) -> Own:
        return own_of([self.descriptor])

    def at(self, branch: int, index: int) -> Owned:
        return owned_at(self.descriptor, branch, index)

    def proven(self, raw: bytes, limits: Limits = LIMITS) -> Proven:
        return prove(raw, self.own, self.network, limits)


@lru_cache(maxsize=64)
def _descriptor(wallet: Wallet) -> Descriptor:
    return parse_descriptor(descriptor_text(wallet), wallet.network)


def descriptor_text(wallet: Wallet) -> str:
    """Without a checksum."""
    path, below = (_BIP48[wallet.kind], "") if wallet.bip48 else (_BIP45, "/0")
    keys = []
    for name in wallet.owners:
        account = wallycore.bip32_key_from_parent_path(master(name), list(path), 0)
        xpub = wallycore.bip32_key_to_base58(account, wallycore.BIP32_FLAG_KEY_PUBLIC)
        steps = "".join(f"/{step - _H}h" for step in path)
        keys.append(f"[{_fingerprint(name).hex()}{steps}]{xpub}{below}/<0;1>/*")
    inner = f"sortedmulti(2,{','.join(keys)})"
    match wallet.kind:
        case ScriptKind.P2SH:
            return f"sh({inner})"
        case ScriptKind.P2WSH:
            return f"wsh({inner})"
        case ScriptKind.P2SH_P2WSH:
            return f"sh(wsh({inner}))"


def _fingerprint(name: str) -> bytes:
    return bytes(wallycore.bip32_key_get_fingerprint(master(name)))


SEGWIT = Wallet(ScriptKind.P2WSH)
LEGACY = Wallet(ScriptKind.P2SH)
NESTED = Wallet(ScriptKind.P2SH_P2WSH)
THIEF = Wallet(ScriptKind.P2WSH, owners=("hot", "thief", "cold"))
DOGE = Wallet(ScriptKind.P2SH, DOGECOIN)
WALLETS = (SEGWIT, LEGACY, NESTED)


def secret(keypath: KeyPath) -> PrivateKey:
    """The private key an origin leads to."""
    name = next(name for name in SEEDS if _fingerprint(name) == keypath.fingerprint)
    node = wallycore.bip32_key_from_parent_path(master(name), list(keypath.path), 0)
    return PrivateKey(bytes(wallycore.bip32_key_get_priv_key(node)))


def funding(*outputs: TxOutput, salt: int = 0, witness: bool = False) -> Transaction:
    """A transaction of somebody's that pays these outputs."""
    inputs = TxInput(
        Outpoint(bytes([salt & 255, salt >> 8]) + b"\x77" * 30, 3),
        0xFFFFFFFF,
        b"" if witness else b"\x51",
        (b"\x01" * 71, b"\x02" * 33) if witness else (),
    )
    return Transaction(2, (inputs,), tuple(outputs), 0)


@dataclass(frozen=True, slots=True)
class Coin:
    """Ours: the output `position` of `previous`, at a place of the wallet."""

    previous: Transaction
    position: int
    owned: Owned

    @property
    def output(self) -> TxOutput:
        return self.previous.outputs[self.position]


def coin(wallet: Wallet, amount_sat: int = COIN, index: int = 0, branch: int = 0, salt: int = 0) -> Coin:
    """With a foreign output before it, so that positions matter."""
    owned = wallet.at(branch, index)
    mine = TxOutput(amount_sat, owned.locking.script_pubkey)
    return Coin(funding(TxOutput(70_000, BOB), mine, salt=salt, witness=bool(salt % 2)), 1, owned)


def stated_input(one: Coin) -> PsbtInput:
    locking = one.owned.locking
    return PsbtInput(
        previous_tx=encode(one.previous),
        witness_utxo=one.output if locking.witness else None,
        sighash=1,
        redeem=locking.redeem or None,
        witness=locking.witness or None,
        keypaths=by_key(one.owned.keypaths),
    )


def stated_change(owned: Owned) -> PsbtOutput:
    locking = owned.locking
    return PsbtOutput(locking.redeem or None, locking.witness or None, by_key(owned.keypaths))


def by_key(keypaths: Sequence[KeyPath]) -> tuple[KeyPath, ...]:
    return tuple(sorted(keypaths, key=lambda one: one.public_key))


def draft(
    coins: Sequence[Coin],
    payments: Sequence[TxOutput],
    change: Mapping[int, Owned] | None = None,
    fee_sat: int = 2_000,
) -> Psbt:
    """Pays `payments`; `change` gives its places by amount, 0 being what is left after the fee."""
    outputs, stated = list(payments), [PsbtOutput() for _ in payments]
    spent = fee_sat + sum(one.amount_sat for one in payments) + sum(change or {})
    rest = sum(one.output.amount_sat for one in coins) - spent
    for amount, owned in (change or {}).items():
        outputs.append(TxOutput(amount or rest, owned.locking.script_pubkey))
        stated.append(stated_change(owned))
    inputs = tuple(TxInput(Outpoint(one.previous.txid, one.position), SEQUENCE_REPLACEABLE) for one in coins)
    tx = Transaction(2, inputs, tuple(outputs), 840_000)
    return Psbt(tx, tuple(stated_input(one) for one in coins), tuple(stated))


def honest(wallet: Wallet = SEGWIT) -> Psbt:
    """Two coins of ours pay Alice; the rest comes back."""
    coins = [coin(wallet), coin(wallet, 3 * COIN, index=7, branch=1, salt=1)]
    return draft(coins, [TxOutput(COIN // 2, payee(wallet))], {0: wallet.at(1, 5)})


def payee(wallet: Wallet) -> bytes:
    return ALICE if wallet.network.hrp else BOB


def with_input(psbt: Psbt, place: int = 0, **changes: object) -> Psbt:
    """Another statement about one input, by the names of its fields."""
    inputs = [_changed(one, changes) if at == place else one for at, one in enumerate(psbt.inputs)]
    return replace(psbt, inputs=tuple(inputs))


def with_output(psbt: Psbt, place: int, **changes: object) -> Psbt:
    outputs = [_changed(one, changes) if at == place else one for at, one in enumerate(psbt.outputs)]
    return replace(psbt, outputs=tuple(outputs))


def with_tx(psbt: Psbt, **changes: object) -> Psbt:
    return replace(psbt, tx=_changed(psbt.tx, changes))


def with_tx_input(psbt: Psbt, place: int = 0, **changes: object) -> Psbt:
    inputs = [_changed(one, changes) if at == place else one for at, one in enumerate(psbt.tx.inputs)]
    return with_tx(psbt, inputs=tuple(inputs))


def with_tx_output(psbt: Psbt, place: int, **changes: object) -> Psbt:
    outputs = [_changed(one, changes) if at == place else one for at, one in enumerate(psbt.tx.outputs)]
    return with_tx(psbt, outputs=tuple(outputs))


_Part = TypeVar("_Part", PsbtInput, PsbtOutput, Transaction, TxInput, TxOutput)


def _changed(part: _Part, changes: Mapping[str, object]) -> _Part:
    stated: dict[str, Any] = dict(changes)
    return replace(part, **stated)


def sign(proven: Proven, *owners: str) -> tuple[dict[bytes, bytes], ...]:
    """The signatures of these owners over every input, by key."""
    prints = {_fingerprint(name) for name in owners}
    return tuple(
        {
            keypath.public_key: secret(keypath).sign(one.digest, hasher=None) + b"\x01"
            for keypath in one.owned.keypaths
            if keypath.fingerprint in prints
        }
        for one in proven.inputs
    )


def signed_psbt(proven: Proven, *owners: str) -> bytes:
    """The draft with these owners' signatures in it."""
    inputs = tuple(
        replace(one, signatures=tuple(sorted(given.items())))
        for one, given in zip(proven.psbt.inputs, sign(proven, *owners), strict=True)
    )
    return encode_psbt(replace(proven.psbt, inputs=inputs))


def spelled(wallet: Wallet, script_pubkey: bytes) -> str:
    return address.spell(wallet.network, script_pubkey)
