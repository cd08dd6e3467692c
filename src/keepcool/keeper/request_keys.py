"""Hot keys under a key of their own, which App or the user brings with each request: Keeper cannot open them.

Laws: such a hot key lies under a third seal, and what seals it is kept nowhere here; whether a key is the
right one is known before anything is judged or remembered, so a wrong one changes nothing; where a row lies,
and not who asks, says that a key is needed; guessing is slowed down for each wallet, and the same wrong key
sent again is no guess, or who keeps a key that was changed would bar who brings the right one.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.hazmat.innerseal import REQUEST, InnerKey
from keepcool.keeper.lock import PoolLock
from keepcool.ports.keystore import CHECK, Bound
from keepcool.ports.signer_store import SealedKey, SignerStore
from keepcool.ports.system import Clock, Entropy

KEY_BYTES = 32
KEYED = f"{Role.HOT.value}-keyed"
FREE, PAUSE_MS_MAX, WALLETS_MAX = 5, 3_600_000, 10_000
_MISSING = "the hot key of {wallet} opens only with the key that was given for it: send that with the request"
_WRONG = "this is not the key of {wallet}; nothing was signed and nothing has changed"
_WAIT = "too many wrong keys for {wallet}; the next is looked at in {seconds} s"


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Guesses at one wallet's key, when the next is looked at, and what the last ones are known by."""

    guesses: int = 0
    next_ms: int = 0
    known: tuple[bytes, ...] = ()


@dataclass(slots=True)
class RequestKeys:
    """`on`: the profile request-keys is chosen, and a new wallet needs a key. `inner` is the service's."""

    store: SignerStore
    lock: PoolLock
    inner: InnerKey
    clock: Clock
    entropy: Entropy
    on: bool
    _wrong: dict[str, _Wrong] = field(default_factory=dict, repr=False)

    def place(self, record: WalletRecord) -> Bound:
        """Where the record's hot key lies."""
        if self.on and self._row(keyed_place(record), KEYED) is not None:
            return keyed_place(record)
        return self.lock.place(record)

    def refused(self, record: WalletRecord, key: Secret | None) -> str:
        """Why this key, or none, does not open the record's hot key; empty when it does."""
        bound = keyed_place(record)
        check = self._row(bound, KEYED + CHECK) if self.on else None
        if check is None:
            return ""
        if key is None:
            return _MISSING.format(wallet=record.wallet)
        return self._tried(bound, check, key)

    def kept(
        self, record: WalletRecord, bound: Bound, seed: Secret, key: Secret | None
    ) -> tuple[Bound, Secret, SealedKey | None]:
        """What a new wallet's hot key is kept as, where, and how its key is known again. Where it gets the
        third seal, the seed is wiped; a pool that is locked has the operator's instead. Raises Refused when
        a key is missing, or comes where nobody chose it; the seed is the caller's still."""
        locked, secret = self.lock.kept(record, bound, seed)
        if key is not None and not self.on:
            raise Refused(
                "keeper.request_keys_off",
                f"{record.wallet} gets no key of its own here: Keeper's profiles name no request-keys",
            )
        if locked != bound or not self.on:  # who asks does not know which pools are locked
            return locked, secret, None
        if key is None:
            raise Refused("keeper.request_key", _MISSING.format(wallet=record.wallet))
        place = keyed_place(record)
        sealed = self.sealed(place, seed, key)
        seed.wipe()
        return place, sealed, self.check(place, key)

    def opened(self, bound: Bound, secret: Secret, key: Secret | None) -> Secret:
        """What lies at a place, without the third seal where it has one; that is wiped then."""
        if bound.purpose != KEYED:
            return self.lock.opened(bound, secret)
        with secret, secret.opened() as sealed:
            if key is None:
                raise Refused(
                    "keeper.request_key",
                    f"the hot key of {bound.wallet} opens only with its own key: send that with the request",
                )
            sealing = _sealing_of(key)
            try:
                return sealing.unseal(bytes(sealed), bound)
            finally:
                sealing.wipe()

    def sealed(self, place: Bound, seed: Secret, key: Secret) -> Secret:
        """A seed under the third seal. Both stay the caller's."""
        sealing = _sealing_of(key)
        try:
            return Secret(bytearray(sealing.seal(seed, place, self.entropy)))
        finally:
            sealing.wipe()

    def check(self, place: Bound, key: Secret) -> SealedKey:
        """The row by which the key is known again."""
        value = self.inner.check_value(key, place)
        return SealedKey(place.wallet, place.network, KEYED + CHECK, "", value)

    def rows(self, record: WalletRecord) -> tuple[SealedKey, SealedKey]:
        """The sealed key and its check. Raises Refused where no key of its own is needed."""
        bound = keyed_place(record)
        row, check = self._row(bound, KEYED), self._row(bound, KEYED + CHECK)
        if not self.on or row is None or check is None:
            raise Refused("keeper.request_keys_off", f"{record.wallet} has no key of its own here")
        return row, check

    def _tried(self, bound: Bound, check: SealedKey, key: Secret) -> str:
        now_ms, value = self.clock.now_ms(), self.inner.check_value(key, bound)
        wrong, right = self._wrong.get(bound.wallet, _Wrong()), hmac.compare_digest(value, check.sealed)
        again = value in wrong.known
        if now_ms < wrong.next_ms and not again:
            return _WAIT.format(wallet=bound.wallet, seconds=(wrong.next_ms - now_ms) // 1000 + 1)
        if right:
            self._wrong.pop(bound.wallet, None)
            return ""
        if not again:
            self._count(bound.wallet, wrong, value, now_ms)
        return _WRONG.format(wallet=bound.wallet)

    def _count(self, wallet: str, before: _Wrong, value: bytes, now_ms: int) -> None:
        if len(self._wrong) >= WALLETS_MAX:
            self._wrong.pop(next(iter(self._wrong)))
        guesses = before.guesses + 1
        pause_ms = 0 if guesses < FREE else min(1000 << min(guesses - FREE, 20), PAUSE_MS_MAX)
        self._wrong[wallet] = _Wrong(guesses, now_ms + pause_ms, (*before.known, value)[-FREE:])

    def _row(self, bound: Bound, purpose: str) -> SealedKey | None:
        (row,) = self.store.keys([(bound.wallet, bound.network, purpose)])
        return row


def keyed_place(record: WalletRecord) -> Bound:
    """Where a hot key lies that has a key of its own."""
    return Bound(Service.KEEPER.value, record.wallet, record.network, KEYED)


def taken(raw: bytes) -> Secret:
    """A key as it came. Raises Malformed when it is none."""
    if len(raw) != KEY_BYTES:
        raise Malformed("keys.request_key", f"a wallet's own key has {KEY_BYTES} bytes")
    return Secret(bytearray(raw))


def _sealing_of(key: Secret) -> InnerKey:
    with key.opened() as raw:
        return InnerKey(bytearray(raw), REQUEST)
