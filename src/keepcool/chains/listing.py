"""The addresses a wallet record stands for, whichever family it is of: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from keepcool.chains.bitcoin import listing as bitcoin
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.evm import listing as evm
from keepcool.chains.family import FamilyName
from keepcool.core.registry import WalletRecord


class Listing(Protocol):
    """One branch of a record, ready to be read. `pooled`: a pool's; `cosigner`: whose branch it is."""

    @property
    def cosigner(self) -> int: ...

    @property
    def pooled(self) -> bool: ...

    @property
    def end(self) -> int:
        """No index from here on is handed out."""

    def scripts(self, indices: Sequence[int]) -> tuple[bytes, ...]:
        """What the chain knows the addresses by, in the order of the indices."""

    def spell(self, script: bytes) -> str:
        """The address that people write for it."""

    def addresses(self, indices: Sequence[int]) -> tuple[str, ...]: ...


def listing_of(record: WalletRecord, change: int, networks: Networks = SHIPPED) -> Listing:
    """Raises Refused for a record with one address, Malformed for one that gives none."""
    if record.family == FamilyName.EVM:
        return evm.listing_of(record, change)
    return bitcoin.listing_of(record, change, networks)
