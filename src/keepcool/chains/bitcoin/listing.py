"""The addresses a wallet record stands for, many at once: what both signers derive and App hands out.

Laws: from the record's public keys alone, on the hot key's branch, so that whoever has the record gets the
same list; a list ends where a restore could still read all of it. BIP-45.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.branch import Branch
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network, Networks
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.chains.family import FamilyName
from keepcool.core.errors import Refused
from keepcool.core.registry import WalletRecord

POOL_END, OWN_END = 10_000_000, 100_000
"""How many addresses of a branch are handed out: of a pool, and of one owner's wallet (there are many).
Ten million are derived in minutes; for more people there are more pools."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One branch of a record, ready to be read. `cosigner`: whose branch it is."""

    network: Network
    cosigner: int
    change: int
    branch: Branch
    pooled: bool

    @property
    def end(self) -> int:
        """No index from here on is handed out."""
        return POOL_END if self.pooled else OWN_END

    def scripts(self, indices: Sequence[int]) -> tuple[bytes, ...]:
        return tuple(self.branch.script_pubkeys(indices))

    def spell(self, script: bytes) -> str:
        return spell(self.network, script)

    def addresses(self, indices: Sequence[int]) -> tuple[str, ...]:
        """In the order of the indices."""
        return tuple(spell(self.network, one) for one in self.branch.script_pubkeys(indices))


def listing_of(record: WalletRecord, change: int, networks: Networks = SHIPPED) -> Listing:
    """Raises Refused for a record of a family of one address a wallet, Malformed for one that gives none."""
    if record.family != FamilyName.BITCOIN:
        raise Refused("addresses.family", f"a wallet of the family {record.family} has one address")
    wallet = wallet_of(record, networks)
    branch = wallet.bip45.branch(wallet.hot_branch, change)
    return Listing(wallet.network, wallet.hot_branch, change, branch, wallet.profile.pooled)
