"""Keeper's lock: pools are signed for only while an operator has opened it.

Laws: a locked pool's seed lies under a third seal, whose key opens with an operator's passphrase alone and is
nowhere on this machine outside the window he opens; at the window's end it is wiped, whatever the wall clock
says; a wrong key opens nothing; what a pool's row is sealed with, not the settings, says if it is locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from keepcool.chains.bitcoin.wallets import parse_profile
from keepcool.chains.evm.profiles import is_pool_profile
from keepcool.chains.family import FamilyName
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.hazmat.innerseal import InnerKey
from keepcool.keeper.lock_terms import LockTerms, sealing_of
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import SignerStore
from keepcool.ports.system import Clock, Entropy

WINDOW_S_MAX = 12 * 3600
_LOCKED = f"{Role.HOT.value}-locked"
Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


@dataclass(slots=True)
class _Window:
    key: InnerKey
    until_ms: int
    end: asyncio.TimerHandle


@dataclass(slots=True)
class PoolLock:
    """`networks`: those whose pools are locked from their making on. `terms`: None while no passphrase was
    ever set. `later` wipes at the window's end: an event loop's `call_later`."""

    store: SignerStore
    terms: LockTerms | None
    networks: frozenset[str]
    clock: Clock
    entropy: Entropy
    later: Later
    _window: _Window | None = field(default=None, repr=False)

    def unlock(self, key: Secret, for_s: int) -> int:
        """Opens the window, anew when it is open; until when (Unix ms). Takes the key over. Raises Refused on
        a wrong one or a window that is too long, and then nothing has changed."""
        sealing = sealing_of(key)
        key.wipe()
        try:
            self._check(sealing, for_s)
        except BaseException:
            sealing.wipe()
            raise
        self.lock()
        until_ms = self.clock.now_ms() + for_s * 1000
        self._window = _Window(sealing, until_ms, self.later(for_s, self.lock))
        return until_ms

    def lock(self) -> None:
        """Wipes the key. Does nothing when it is locked."""
        if self._window is not None:
            self._window.end.cancel()
            self._window.key.wipe()
            self._window = None

    @property
    def until_ms(self) -> int | None:
        """When the window ends; None while it is locked."""
        window = self._open()
        return None if window is None else window.until_ms

    @property
    def stated(self) -> str:
        """For status and health: empty where there is no lock."""
        if self.terms is None:
            return ""
        until_ms = self.until_ms
        return "locked" if until_ms is None else f"unlocked until {until_ms // 1000}"

    def place(self, record: WalletRecord) -> Bound:
        """Where the record's hot key lies: with the lock's, when it was sealed under it."""
        here = Bound(Service.KEEPER.value, record.wallet, record.network, Role.HOT.value)
        if not is_pool(record):
            return here
        locked = locked_place(here)
        (row,) = self.store.keys([(locked.wallet, locked.network, locked.purpose)])
        return here if row is None else locked

    def barred(self, record: WalletRecord) -> str:
        """Why the record is not signed for now; empty when it is."""
        if self._open() is not None or self.place(record).purpose != _LOCKED:
            return ""
        return f"{record.wallet} is a locked pool: open it with `keepcool keeper unlock` on Keeper's host"

    def kept(self, record: WalletRecord, bound: Bound, seed: Secret) -> tuple[Bound, Secret]:
        """What a new wallet's hot key is kept as, and where: with the third seal, where pools get one; then
        the seed is wiped. Raises Refused when one is needed while locked; the seed is the caller's still."""
        if record.network not in self.networks or not is_pool(record):
            return bound, seed
        locked = locked_place(bound)
        sealed = self._key().seal(seed, locked, self.entropy)
        seed.wipe()
        return locked, Secret(bytearray(sealed))

    def opened(self, bound: Bound, secret: Secret) -> Secret:
        """What lies at a place, without the third seal where it has one; that is wiped then. Raises Refused
        while locked."""
        if bound.purpose != _LOCKED:
            return secret
        with secret, secret.opened() as sealed:
            return self._key().unseal(bytes(sealed), bound)

    def _key(self) -> InnerKey:
        window = self._open()
        if window is None:
            raise Refused(
                "keeper.locked", "Keeper's pools are locked: `keepcool keeper unlock` on Keeper's host"
            )
        return window.key

    def _open(self) -> _Window | None:
        """The loop's timer ends a window; a wall clock that has passed its end does so at once."""
        if self._window is not None and self.clock.now_ms() >= self._window.until_ms:
            self.lock()
        return self._window

    def _check(self, sealing: InnerKey, for_s: int) -> None:
        if self.terms is None:
            raise Refused(
                "keeper.no_lock",
                "Keeper was started without a lock: `keepcool keeper set-passphrase`, then start it again",
            )
        if not 1 <= for_s <= WINDOW_S_MAX:
            raise Refused("keeper.window", f"a window lasts 1 to {WINDOW_S_MAX} seconds")
        self.terms.check(sealing)


def is_pool(record: WalletRecord) -> bool:
    if record.family == FamilyName.EVM:
        return is_pool_profile(record.profile)
    return record.family == FamilyName.BITCOIN and parse_profile(record.profile).pooled


def locked_place(bound: Bound) -> Bound:
    """Where a hot key lies that has the third seal."""
    return Bound(bound.service, bound.wallet, bound.network, _LOCKED)
