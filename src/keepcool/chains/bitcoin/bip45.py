"""Wallets by BIP-45: every cosigner hands out addresses on a branch of his own, from public keys alone.

Laws: paths are m/45'/cosigner/change/index, the same in all trees; a cosigner's number is the rank of his
purpose key by its bytes; the keys of each script are sorted again, by theirs. Wallet w of a segregated
installation is the BIP-45 wallet whose purpose keys are the children m/45'/w of the shared ones, so
whoever knows BIP-45 finds it from three xpubs. BIP-45, BIP-67.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin import descriptor, script
from keepcool.chains.bitcoin.branch import Branch
from keepcool.chains.bitcoin.descriptor import BOTH, Descriptor
from keepcool.chains.bitcoin.keys import KeyExpression
from keepcool.chains.bitcoin.script import Locking, ScriptKind
from keepcool.core.errors import Malformed

RECEIVING, CHANGE = BOTH
PURPOSE = 45 + HARDENED
_PATH = re.compile(r"m/45['h](?:/([0-9]{1,10}))?/([0-9]{1,2})/([01])/([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address lies: the wallet's number (None in a pool), whose branch, RECEIVING or CHANGE."""

    cosigner: int
    change: int
    index: int
    wallet: int | None = None

    def __str__(self) -> str:
        wallet = "" if self.wallet is None else f"/{self.wallet}"
        return f"m/45'{wallet}/{self.cosigner}/{self.change}/{self.index}"


@dataclass(frozen=True, slots=True)
class Bip45:
    """`keys`: the purpose keys (in a segregated wallet with the wallet's number as their step), ranked."""

    kind: ScriptKind
    threshold: int
    keys: tuple[KeyExpression, ...]

    @property
    def wallet(self) -> int | None:
        """The wallet's number below the purpose keys; None in a pool."""
        return self.keys[0].steps[0][0] if self.keys[0].steps else None

    def rank(self, public_key: bytes) -> int:
        """The cosigner number of a purpose key (33 bytes). Raises Malformed on one that is not here."""
        for rank, key in enumerate(self.keys):
            if _point(key) == public_key:
                return rank
        raise Malformed("bip45.cosigner", "this key is none of the wallet's purpose keys")

    def descriptor(self, cosigner: int) -> Descriptor:
        """A cosigner's branches, receiving and change, as one descriptor. Raises Malformed."""
        if type(cosigner) is not int or not 0 <= cosigner < len(self.keys):
            raise Malformed("bip45.cosigner", f"cosigners are numbered from 0 to {len(self.keys) - 1}")
        keys = [key.below((cosigner,), BOTH, ranged=True) for key in self.keys]
        return Descriptor(self.kind, self.threshold, ordered=True, keys=tuple(keys))

    def descriptors(self) -> tuple[Descriptor, ...]:
        """All branches: what a restore needs beside the seeds."""
        return tuple(self.descriptor(cosigner) for cosigner in range(len(self.keys)))

    def branch(self, cosigner: int, change: int) -> Branch:
        """The addresses of m/45'/cosigner/change, by index. Raises Malformed on other numbers."""
        return self.descriptor(cosigner).branch(change)

    def locking(self, place: Place) -> Locking:
        """The scripts at one place. Raises Malformed, also on another wallet's place."""
        if place.wallet != self.wallet:
            raise Malformed("bip45.wallet", f"{place} does not lie in wallet {self.wallet}")
        return self.branch(place.cosigner, place.change).locking(place.index)


def pooled(
    purposes: Sequence[KeyExpression], threshold: int = 2, kind: ScriptKind = ScriptKind.P2SH
) -> Bip45:
    """The plain BIP-45 wallet of these purpose keys, in any order. Raises Malformed when one does not lie
    at m/45' (or its origin says so), on equal keys, and on numbers that make no wallet."""
    for purpose in purposes:
        _check_purpose(purpose)
    return _ranked(purposes, threshold, kind)


def segregated(
    purposes: Sequence[KeyExpression], wallet: int, threshold: int = 2, kind: ScriptKind = ScriptKind.P2SH
) -> Bip45:
    """Wallet number `wallet` below these purpose keys. Raises Malformed as `pooled` does, and on a number
    that is none."""
    if type(wallet) is not int or not 0 <= wallet < HARDENED:
        raise Malformed("bip45.wallet", f"a wallet's number is from 0 to {HARDENED - 1}")
    for purpose in purposes:
        _check_purpose(purpose)
    return _ranked([purpose.below((wallet,)) for purpose in purposes], threshold, kind)


def parse_place(path: str) -> Place:
    """The place that a path m/45'/[wallet/]cosigner/change/index names. Raises Malformed."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed("bip45.path", "a path is m/45'/cosigner/change/index, or m/45'/wallet/… of a user's")
    wallet = None if found[1] is None else int(found[1])
    return Place(int(found[2]), int(found[3]), int(found[4]), wallet)


def _ranked(keys: Sequence[KeyExpression], threshold: int, kind: ScriptKind) -> Bip45:
    found = Bip45(kind, threshold, tuple(sorted(keys, key=_point)))
    if len({_point(key) for key in keys}) < len(keys):
        raise script.twice()
    descriptor.made(kind, threshold, found.keys)
    return found


def _point(key: KeyExpression) -> bytes:
    return script.point_of(key.node())


def _check_purpose(purpose: KeyExpression) -> None:
    key, origin = purpose.key, purpose.origin
    if not isinstance(key, ExtendedKey) or purpose.steps or purpose.ranged or key.number != PURPOSE:
        raise Malformed("bip45.place", "a purpose key is the xpub of m/45'; one of these lies elsewhere")
    if origin is not None and (len(origin.path) != key.depth or origin.path[-1:] != (PURPOSE,)):
        raise Malformed("bip45.origin", f"the origin {origin} does not lead to this purpose key")
