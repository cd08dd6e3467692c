"""The forwarders a pool's record stands for, many at once: what both signers derive and App hands out.

Law: from the address of the record alone, which is the pool's treasury, so that whoever has the record gets
the same list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import to_checksum
from keepcool.chains.evm.forwarders import raw_forwarder
from keepcool.chains.evm.profiles import profile_named
from keepcool.core.addresses import RECEIVING
from keepcool.core.errors import Refused
from keepcool.core.registry import WalletRecord

POOL_END = 10_000_000
"""How many forwarders of a treasury are handed out; for more people there are more pools."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The forwarders of a treasury. They have one branch, which is nobody's in particular."""

    treasury: str
    cosigner: int = 0
    change: int = RECEIVING
    pooled: bool = True

    @property
    def end(self) -> int:
        """No index from here on is handed out."""
        return POOL_END

    def scripts(self, indices: Sequence[int]) -> tuple[bytes, ...]:
        """As the 20 bytes they are on chain."""
        word = abi.address(self.treasury)
        return tuple(raw_forwarder(word, index) for index in indices)

    def spell(self, script: bytes) -> str:
        return to_checksum(script)

    def addresses(self, indices: Sequence[int]) -> tuple[str, ...]:
        """In the order of the indices."""
        return tuple(to_checksum(one) for one in self.scripts(indices))


def listing_of(record: WalletRecord, change: int) -> Listing:
    """Raises Refused for a wallet of one owner, which has one address, and for a branch there is not."""
    if not profile_named(record.profile).pooled:
        raise Refused("addresses.family", f"the wallet {record.wallet} has one address")
    if change != RECEIVING:
        raise Refused("addresses.change", "forwarders have no addresses of change")
    return Listing(record.address)
