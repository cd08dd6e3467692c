"""Coins, goals and entropy to select with; drafts of them, signed with keys whose seeds are public."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepcool.chains.bitcoin.building import Built, Source, build
from keepcool.chains.bitcoin.coins import Coin, Origin, shape_of
from keepcool.chains.bitcoin.goals import ChangePlan, Goal, Selection
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.transaction import Outpoint, TxOutput, encode
from keepcool.ports.system import Entropy
from tests.unit.chains.bitcoin.psbt import samples
from tests.unit.chains.bitcoin.psbt.samples import SEGWIT, Wallet, payee

COIN = samples.COIN
TIP = 840_000
P2WPKH, P2PKH = b"\x00\x14" + b"\x0a" * 20, b"\x76\xa9\x14" + b"\x0b" * 20 + b"\x88\xac"
P2SH, P2WSH, P2TR = samples.BOB, b"\x00\x20" + b"\x0c" * 32, b"\x51\x20" + b"\x0d" * 32
DATA = b"\x6a\x04note"


def entropy(seed: object = 0) -> Entropy:
    """A stream that is the same for the same seed."""
    counter = iter(range(10**9))

    def draw(size_bytes: int) -> bytes:
        return hashlib.shake_256(f"{seed}/{next(counter)}".encode()).digest(size_bytes)

    return draw


@dataclass(frozen=True, slots=True)
class Purse:
    """Coins of one wallet with what spends them."""

    wallet: Wallet
    coins: tuple[Coin, ...]
    sources: dict[Outpoint, Source]

    def places(self, count: int) -> tuple[Owned, ...]:
        """For change, at indices that no coin has."""
        return tuple(self.wallet.at(1, 500 + number) for number in range(count))

    def built(self, selection: Selection, seed: object = 0) -> Built:
        return build(
            selection,
            self.sources,
            self.places(len(selection.change_sat)),
            network=self.wallet.network,
            tip_height=TIP,
            entropy=entropy(seed),
        )


def purse(amounts_sat: Sequence[int], wallet: Wallet = SEGWIT, confirmations: int = 100) -> Purse:
    coins, sources = [], {}
    for salt, amount_sat in enumerate(amounts_sat):
        made = samples.coin(wallet, amount_sat, salt, salt % 2, salt)
        outpoint = Outpoint(made.previous.txid, made.position)
        coins.append(Coin(outpoint, amount_sat, shape_of(made.owned), confirmations))
        sources[outpoint] = Source(made.owned, encode(made.previous))
    return Purse(wallet, tuple(coins), sources)


def bare(amount_sat: int, number: int = 0, wallet: Wallet = SEGWIT, confirmations: int = 100) -> Coin:
    """A coin nobody will spend."""
    shape = shape_of(wallet.at(0, 0))
    outpoint = Outpoint(number.to_bytes(32, "big"), 0)
    return Coin(outpoint, amount_sat, shape, confirmations)


def change_of(one: Coin, confirmations: int = 0) -> Coin:
    return replace(one, origin=Origin.CHANGE, confirmations=confirmations, ancestors=1)


def goal(*amounts_sat: int, wallet: Wallet = SEGWIT, rate: int = 5_000, parts: int = 1) -> Goal:
    outputs = tuple(TxOutput(amount_sat, payee(wallet)) for amount_sat in amounts_sat)
    return Goal(
        network=wallet.network,
        outputs=outputs,
        fee_rate=rate,
        long_term_rate=10_000,
        change=ChangePlan(shape_of(wallet.at(1, 0)), parts, 0),
        fee_sat_max=10 * COIN,
        grind_rate=30_000,
    )
