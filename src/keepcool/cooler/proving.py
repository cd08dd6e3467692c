"""Reading from the chain what an address does not say: who owns it. Cooler asks nodes of its own.

Laws: no wallet whose address does not commit to its owners is attested before threshold, weights and owners
were read and are exactly its record's; what a node cannot tell is no proof; every question has a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from keepcool.chains.minter.wallets import check_owners
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import WalletRecord
from keepcool.ports.minternode import Account, Status

READ_TIMEOUT_S = 12.0
Findings: TypeAlias = Mapping[WalletId, KeepcoolError]


class OwnersReader(Protocol):
    """What is asked of the nodes of one network (`ports.minternode`)."""

    async def check(self) -> Status: ...

    async def accounts(self, addresses: Sequence[str]) -> list[Account]: ...


class Proofs:
    """`nodes` by network."""

    def __init__(self, nodes: Mapping[NetworkId, OwnersReader], timeout_s: float = READ_TIMEOUT_S) -> None:
        self._nodes, self._timeout_s = dict(nodes), timeout_s

    async def objections(self, records: Sequence[WalletRecord]) -> Findings:
        """What speaks against these wallets; those that are not named are proven. All networks at once, and
        one question for all wallets of a network."""
        networks = list(dict.fromkeys(record.network for record in records))
        found = await asyncio.gather(
            *[self._of_network(one, [r for r in records if r.network == one]) for one in networks]
        )
        return {wallet: error for part in found for wallet, error in part.items()}

    async def _of_network(self, network: NetworkId, records: Sequence[WalletRecord]) -> Findings:
        try:
            accounts = await self._read(network, [record.address for record in records])
        except KeepcoolError as error:
            return {record.wallet: error for record in records}
        objections = {}
        for record, account in zip(records, accounts, strict=True):
            try:
                _prove(record, account)
            except KeepcoolError as error:
                objections[record.wallet] = error
        return objections

    async def _read(self, network: NetworkId, addresses: Sequence[str]) -> list[Account]:
        nodes = self._nodes.get(network)
        if nodes is None:
            raise Refused(
                "wallet.no_node",
                f'Cooler has no node of {network} to read owners from: give it one, [minter."{network}"] '
                'nodes = ["http://…"] in cooler.toml, and start it again',
            )
        try:
            async with asyncio.timeout(self._timeout_s):
                await nodes.check()
                return await nodes.accounts(addresses)
        except TimeoutError as error:
            raise Unavailable("node.timeout", f"the nodes of {network} did not answer in time") from error


def _prove(record: WalletRecord, account: Account) -> None:
    """Raises Unavailable while the chain knows no such multisig, Breach when it has other owners."""
    if account.address != record.address:
        raise Unavailable("node.nonsense", "a node told of another address than it was asked for")
    multisig = account.multisig
    if multisig is None:
        raise Unavailable(
            "wallet.unproven", f"the chain has not made wallet {record.wallet} yet; ask again after a block"
        )
    weights = [owner.weight for owner in multisig.owners]
    check_owners(record, multisig.threshold, weights, [owner.address for owner in multisig.owners])
