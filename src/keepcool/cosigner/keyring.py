"""How a signer finds and opens the key of a record: one keystore call for a whole batch.

Laws: a key lies sealed twice, inside by hazmat and outside by the keystore, both bound to service,
wallet, network and purpose; every opening names the journal rows it is for; opened keys are wiped. Where
a record's key is of an account (`chains.accounts`), the account is opened once for the whole batch, each
key is proved to be the one on record, and the account is wiped before anything is signed; so is a hot seed,
which is what lies sealed of a hot key that goes on below itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeAlias

from keepcool.chains.accounts import account_named_by, path_of, steps_of
from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner.underway import Hands, Underway
from keepcool.hazmat import accounts, hotseeds
from keepcool.hazmat.innerseal import InnerKey
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.signer_store import SealedKey, SignerStore
from keepcool.ports.system import Entropy
from keepcool.wire.requestkeys import Keys

_REQUEST_KEY_BYTES = 32


RequestKeys: TypeAlias = Mapping[str, Secret]
Unlocked: TypeAlias = Callable[[Bound, Secret, Secret | None], Secret]
NO_REQUEST_KEYS: RequestKeys = MappingProxyType({})


class Keyring(Protocol):
    @property
    def role(self) -> Role:
        """Which of a wallet's three keys this signer holds."""

    async def unseal(
        self, records: Sequence[WalletRecord], reference: str, keys: RequestKeys = NO_REQUEST_KEYS
    ) -> list[Secret]:
        """The key of each record, in order (one object for one key). The caller wipes them, and `keys`, which
        came with the request, by wallet. Raises Refused where there is none, Unavailable or Breach as the
        keystore does."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be sealed, and how its public half is written beside it (a key expression for an account,
    else compressed hex). The caller owns and wipes the secret."""

    bound: Bound
    secret: Secret
    public_key: bytes
    expression: str = ""

    @property
    def stated(self) -> str:
        return self.expression or self.public_key.hex()


def own_key_of(service: Service, role: Role) -> Callable[[WalletRecord], Bound]:
    """Keeper's way: a key per wallet."""
    return lambda record: Bound(service.value, record.wallet, record.network, role.value)


def one_key(service: Service, role: Role) -> Callable[[WalletRecord], Bound]:
    """Cooler's way: one key for every wallet, or one account for every wallet of a family that has one."""
    only = Bound(service.value, "*", "*", role.value)

    def place(record: WalletRecord) -> Bound:
        if account_named_by(record.key(role)) is None:
            return only
        return account_place(service, role, record.family)

    return place


def account_place(service: Service, role: Role, family: str) -> Bound:
    """Where the account of a family lies."""
    return Bound(service.value, "*", family, f"{role.value}-account")


def as_it_lies(_: Bound, secret: Secret, __: Secret | None) -> Secret:
    """No seal but the two that every key has."""
    return secret


class SealedKeyring:
    """Sealed keys in the signer's database. `place` says under which binding a record's key lies, `unlocked`
    takes off a third seal where there is one (and takes the secret over; its last argument is the key that
    came with the request, if one did)."""

    def __init__(
        self,
        store: SignerStore,
        keystore: Keystore,
        inner: InnerKey,
        role: Role,
        place: Callable[[WalletRecord], Bound],
        *,
        unlocked: Unlocked = as_it_lies,
        underway: Underway | None = None,
    ) -> None:
        self._store, self._keystore, self._inner = store, keystore, inner
        self._role, self._place, self._unlocked = role, place, unlocked
        self._underway = underway or Underway()

    @property
    def role(self) -> Role:
        return self._role

    async def unseal(
        self, records: Sequence[WalletRecord], reference: str, keys: RequestKeys = NO_REQUEST_KEYS
    ) -> list[Secret]:
        wanted = [(self._place(record), record.key(self._role)) for record in records]
        places = list(dict.fromkeys(place for place, _ in wanted))
        self._refuse_other_accounts(places, wanted)
        opened = dict(zip(places, await self.open(places, reference, keys), strict=True))
        try:
            found = _keys_of(opened, wanted)
        except BaseException:
            wipe(list(opened.values()))
            raise
        return [found[one] for one in wanted]

    async def open(
        self, bounds: Sequence[Bound], reference: str, keys: RequestKeys = NO_REQUEST_KEYS
    ) -> list[Secret]:
        """What lies under these bindings, each once."""
        with self._underway.one():
            rows = self._rows(bounds)
            items = [(bound, row.sealed) for bound, row in zip(bounds, rows, strict=True)]
            half_open = await self._keystore.unseal(items, reference)
        opened: list[Secret] = []
        try:
            for bound, sealed in zip(bounds, half_open, strict=True):
                half = self._inner.unseal(sealed, bound)
                opened.append(self._unlocked(bound, half, keys.get(bound.wallet)))
        except BaseException:
            wipe(opened)
            raise
        return opened

    def _refuse_other_accounts(
        self, places: Sequence[Bound], wanted: Sequence[tuple[Bound, OwnerKey]]
    ) -> None:
        """A record must name the account that lies here."""
        if all(account_named_by(owner) is None for _, owner in wanted):
            return
        held = dict(zip(places, self._rows(places), strict=True))
        for place, owner in wanted:
            named = account_named_by(owner)
            if named is not None and not held[place].public_key.startswith(named):
                raise Refused("keys.account", f"this signer's account is not {named}, as on the record")

    def _rows(self, bounds: Sequence[Bound]) -> list[SealedKey]:
        rows = self._store.keys([(bound.wallet, bound.network, bound.purpose) for bound in bounds])
        return [_found(bound, row) for bound, row in zip(bounds, rows, strict=True)]


async def sealed(
    keys: Sequence[NewKey], keystore: Keystore, inner: InnerKey, entropy: Entropy, _: Hands
) -> list[SealedKey]:
    """Rows to store, in order: sealed inside, then outside, in one keystore call. Whoever asks holds them
    `Underway` until they are stored."""
    items = [(key.bound, inner.seal(key.secret, key.bound, entropy)) for key in keys]
    outer = await keystore.seal(items)
    return [
        SealedKey(key.bound.wallet, key.bound.network, key.bound.purpose, key.stated, one)
        for key, one in zip(keys, outer, strict=True)
    ]


@contextmanager
def brought(keys: Keys) -> Iterator[RequestKeys]:
    """The keys that came with a request, wiped when it is answered. Raises Malformed on one that is none."""
    if any(len(key) != _REQUEST_KEY_BYTES for key in keys.by_wallet.values()):
        raise Malformed("keys.request_key", f"a wallet's own key has {_REQUEST_KEY_BYTES} bytes")
    opened = {wallet: Secret(bytearray(key)) for wallet, key in keys.by_wallet.items()}
    try:
        yield opened
    finally:
        wipe(list(opened.values()))


@contextmanager
def wiped_after(secrets: Sequence[Secret]) -> Iterator[Sequence[Secret]]:
    try:
        yield secrets
    finally:
        wipe(secrets)


def wipe(secrets: Sequence[Secret]) -> None:
    for secret in secrets:
        secret.wipe()


def _keys_of(
    opened: Mapping[Bound, Secret], wanted: Sequence[tuple[Bound, OwnerKey]]
) -> dict[tuple[Bound, OwnerKey], Secret]:
    """The key of each owner from what lies at its place: that itself, or what it is taken from."""
    owners: dict[Bound, dict[OwnerKey, None]] = {place: {} for place in opened}
    for place, owner in wanted:
        owners[place][owner] = None
    keys: dict[tuple[Bound, OwnerKey], Secret] = {}
    try:
        for place, secret in opened.items():
            here = list(owners[place])
            keys |= zip(((place, owner) for owner in here), _taken(secret, here), strict=True)
    except BaseException:
        wipe(list(keys.values()))
        raise
    return keys


def _taken(secret: Secret, owners: Sequence[OwnerKey]) -> list[Secret]:
    """One kind of key lies at one place: shared by all, of a wallet's own seed, or of an account."""
    paths = [path_of(owner) for owner in owners]
    if all(path is None for path in paths):
        return [secret] * len(owners)
    with secret:
        if owners[0].role is Role.HOT:
            return _of_seed(secret, owners)
        wanted = [(steps_of(owner) or (), bytes.fromhex(owner.public_key)) for owner in owners]
        return accounts.children(secret, wanted)


def _of_seed(seed: Secret, owners: Sequence[OwnerKey]) -> list[Secret]:
    made: list[Secret] = []
    try:
        made.extend(
            hotseeds.key_of(seed, path_of(owner) or (), bytes.fromhex(owner.public_key)) for owner in owners
        )
    except BaseException:
        wipe(made)
        raise
    return made


def _found(bound: Bound, row: SealedKey | None) -> SealedKey:
    if row is None:
        raise Refused("keys.missing", f"this signer holds no {bound.purpose} key for wallet {bound.wallet}")
    return row
