"""The signer's own registry: who attested a wallet, and the address its three keys lead to.

Law: what a message says about a wallet is not asked; the record is read from this signer's database and
both signatures and the derivation are checked again whenever its bytes are not the ones checked before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from keepcool.chains.family import Family, terms_of
from keepcool.core.errors import Breach, KeepcoolError, Malformed, Refused
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import Standing, WalletRecord, parse_record
from keepcool.cosigner.attest import attesters
from keepcool.ports.signer_store import RecordRow, SignerStore

CACHE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class KnownWallet:
    record: WalletRecord
    attested_by: frozenset[Service]
    derived_address: str
    family: Family

    @property
    def is_proven(self) -> bool:
        """Whether both signers attested it as a wallet that pays and is paid."""
        both = frozenset((Service.KEEPER, Service.COOLER))
        return self.record.standing is Standing.PROVEN and both <= self.attested_by


class OwnRegistry:
    """`keys`: the attestation keys of both signers that count now. `family_named` finds a record's family."""

    def __init__(
        self,
        store: SignerStore,
        keys: Callable[[], Mapping[Service, tuple[bytes, ...]]],
        family_named: Callable[[str], Family],
        cache_max: int = CACHE_MAX,
    ) -> None:
        self._store, self._keys, self._family_named = store, keys, family_named
        self._counted = keys()
        self._cache_max = cache_max
        self._cache: OrderedDict[WalletId, tuple[RecordRow, KnownWallet]] = OrderedDict()

    def wallet(self, wallet: WalletId) -> KnownWallet:
        """Raises Refused for a wallet this signer has not registered, Breach when its row was altered."""
        return self.known(wallet, self._store.record(wallet))

    def rows(self, wallets: Sequence[WalletId]) -> dict[WalletId, RecordRow | None]:
        """What lies in the database for these, read at once. For `known`."""
        return dict(zip(wallets, self._store.records_of(wallets), strict=True))

    def known(self, wallet: WalletId, row: RecordRow | None) -> KnownWallet:
        """`wallet`, from its row."""
        if row is None:
            raise Refused("registry.unknown", f"this signer knows no wallet {wallet}: register it first")
        self._forget_others()
        cached = self._cache.get(wallet)
        if cached is not None and cached[0] == row:
            self._cache.move_to_end(wallet)
            return cached[1]
        known = self._checked(row)
        self._cache[wallet] = (row, known)
        if len(self._cache) > self._cache_max:
            self._cache.popitem(last=False)
        return known

    def _forget_others(self) -> None:
        """What was checked by keys that count no more, or before others came, is checked again."""
        counting = self._keys()
        if counting != self._counted:
            self._cache.clear()
            self._counted = counting

    def foresee(self, wallets: Iterable[WalletId]) -> None:
        """Checks these now, when they are registered, rather than while somebody waits for a signature.
        Raises nothing: `wallet` will, when one is asked for."""
        for one in wallets:
            with suppress(KeepcoolError):
                self.wallet(one)

    def _checked(self, row: RecordRow) -> KnownWallet:
        try:
            record = parse_record(row.record)
            family = self._family_named(record.family)
            derived = family.derive_address(terms_of(record))
        except Malformed as error:
            raise Breach(
                "registry.altered", f"the registry record of {row.wallet} is not one this signer made"
            ) from error
        if record.wallet != row.wallet or record.revision != row.revision:
            raise Breach("registry.altered", f"the registry record of {row.wallet} belongs to another wallet")
        return KnownWallet(record, attesters(self._counted, row.record, row.attestations), derived, family)
