"""How a signer finds and opens the key of a record: one keystore call for a whole batch.

Laws: a key lies sealed twice, inside by hazmat and outside by the keystore, both bound to service,
wallet, network and purpose; every opening names the journal rows it is for; opened keys are wiped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.hazmat.innerseal import InnerKey
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.signer_store import SealedKey, SignerStore
from keepcool.ports.system import Entropy


class Keyring(Protocol):
    @property
    def role(self) -> Role:
        """Which of a wallet's three keys this signer holds."""

    async def unseal(self, records: Sequence[WalletRecord], reference: str) -> list[Secret]:
        """The key of each record, in order (one object for one key). The caller wipes them. Raises
        Refused where there is none, Unavailable or Breach as the keystore does."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be sealed. The caller owns and wipes the secret."""

    bound: Bound
    secret: Secret
    public_key: bytes


def own_key_of(service: Service, role: Role) -> Callable[[WalletRecord], Bound]:
    """Keeper's way: a key per wallet."""
    return lambda record: Bound(service.value, record.wallet, record.network, role.value)


def one_key(service: Service, role: Role) -> Callable[[WalletRecord], Bound]:
    """Cooler's way: one key for every wallet."""
    only = Bound(service.value, "*", "*", role.value)
    return lambda _: only


class SealedKeyring:
    """Sealed keys in the signer's database. `place` says under which binding a record's key lies."""

    def __init__(
        self,
        store: SignerStore,
        keystore: Keystore,
        inner: InnerKey,
        role: Role,
        place: Callable[[WalletRecord], Bound],
    ) -> None:
        self._store, self._keystore, self._inner = store, keystore, inner
        self._role, self._place = role, place

    @property
    def role(self) -> Role:
        return self._role

    async def unseal(self, records: Sequence[WalletRecord], reference: str) -> list[Secret]:
        bounds = [self._place(record) for record in records]
        unique = list(dict.fromkeys(bounds))
        opened = dict(zip(unique, await self.open(unique, reference), strict=True))
        return [opened[bound] for bound in bounds]

    async def open(self, bounds: Sequence[Bound], reference: str) -> list[Secret]:
        """The keys that lie under these bindings, each once."""
        rows = self._store.keys([(bound.wallet, bound.network, bound.purpose) for bound in bounds])
        items = [(bound, _found(bound, row).sealed) for bound, row in zip(bounds, rows, strict=True)]
        half_open = await self._keystore.unseal(items, reference)
        opened: list[Secret] = []
        try:
            for bound, sealed in zip(bounds, half_open, strict=True):
                opened.append(self._inner.unseal(sealed, bound))
        except BaseException:
            wipe(opened)
            raise
        return opened


async def sealed(
    keys: Sequence[NewKey], keystore: Keystore, inner: InnerKey, entropy: Entropy
) -> list[SealedKey]:
    """Rows to store, in order: sealed inside, then outside, in one keystore call."""
    items = [(key.bound, inner.seal(key.secret, key.bound, entropy)) for key in keys]
    outer = await keystore.seal(items)
    return [
        SealedKey(key.bound.wallet, key.bound.network, key.bound.purpose, key.public_key.hex(), one)
        for key, one in zip(keys, outer, strict=True)
    ]


@contextmanager
def wiped_after(secrets: Sequence[Secret]) -> Iterator[Sequence[Secret]]:
    try:
        yield secrets
    finally:
        wipe(secrets)


def wipe(secrets: Sequence[Secret]) -> None:
    for secret in secrets:
        secret.wipe()


def _found(bound: Bound, row: SealedKey | None) -> SealedKey:
    if row is None:
        raise Refused("keys.missing", f"this signer holds no {bound.purpose} key for wallet {bound.wallet}")
    return row
