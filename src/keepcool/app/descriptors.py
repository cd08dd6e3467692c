"""The descriptors file of a network, out of App's copy of the registry and the addresses it has handed out.

Law: what is told is public; a record whose keys do not lead to its address ends it with an error.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from keepcool.app.books import registry
from keepcool.app.coins.tables import address
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.restoring import Backup, backup_of
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import WalletRecord, parse_record

_PAGE = 1_000


def backup(tx: Connection, network: Network, harbor: str = "") -> Backup:
    """Raises Malformed when App has no wallet there."""
    return backup_of(records(tx, network.id), network, _issued(tx, network), harbor)


def records(tx: Connection, network: NetworkId) -> list[WalletRecord]:
    """Of every wallet that has one, oldest first."""
    found: list[WalletRecord] = []
    after = 0
    while page := registry.list_wallets(tx, limit=_PAGE, after=after, network=network):
        found += [parse_record(one.record) for one in page if one.record is not None]
        after = page[-1].number
    return found


def _issued(tx: Connection, network: Network) -> dict[tuple[WalletId, int, int], int]:
    place = (address.c.source, address.c.cosigner, address.c.change)
    highest = select(*place, func.max(address.c.leaf)).where(address.c.network == network.id).group_by(*place)
    return {
        (WalletId(source), int(cosigner), int(change)): int(index)
        for source, cosigner, change, index in tx.execute(highest)
    }
