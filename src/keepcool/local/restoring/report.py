"""What a scan has found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.inspection import spelled_path
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.ownership import owned_at
from keepcool.chains.bitcoin.restoring import Backup
from keepcool.local.restoring.scanning import tracks_of
from keepcool.local.restoring.store import FoundCoin, Store

_COIN = 10**8


@dataclass(frozen=True, slots=True)
class Address:
    """One address with coins. `path`: the steps below the origins of its keys."""

    wallet: str
    path: str
    address: str
    coins: tuple[FoundCoin, ...]

    @property
    def amount_sat(self) -> int:
        return sum(one.amount_sat for one in self.coins)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is as of block `height`. `wallets` counts those of the file, `unread` the blocks that
    were passed over because their filters name none of these addresses."""

    network: Network
    height: int
    wallets: int
    addresses: tuple[Address, ...]
    unread: int = 0

    @property
    def total_sat(self) -> int:
        return sum(one.amount_sat for one in self.addresses)

    def by_wallet(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.addresses:
            found[one.wallet] = found.get(one.wallet, 0) + one.amount_sat
        return found

    def plain(self) -> dict[str, object]:
        """For JSON; amounts as decimal strings."""
        return {
            "network": self.network.name,
            "network_id": self.network.id,
            "height": self.height,
            "wallets": self.wallets,
            "total_sat": str(self.total_sat),
            "by_wallet_sat": {name: str(amount) for name, amount in self.by_wallet().items()},
            "blocks_unread": self.unread,
            "addresses": [_plain(one) for one in self.addresses],
        }

    def lines(self) -> list[str]:
        symbol = self.network.symbol
        width = max((len(one.wallet) for one in self.addresses), default=6)
        rows = [
            f"{one.wallet:<{width}}  {one.path:<20} {one.address}  {_spelled(one.amount_sat):>20} {symbol}"
            for one in self.addresses
        ]
        held = len(self.by_wallet())
        return [
            *rows,
            f"Total          {_spelled(self.total_sat)} {symbol} on {len(self.addresses)} addresses, {held} "
            f"of {self.wallets} wallets, as of block {self.height} of {self.network.name}",
            *self._trusted(),
        ]

    def _trusted(self) -> list[str]:
        if not self.unread:
            return []
        return [
            f"{self.unread} blocks were not read: the node's filters, which nothing proves, name none of "
            "these addresses there. With --no-filters and a new state file they are read, too."
        ]


def report(backup: Backup, store: Store, height: int) -> Report:
    """What `store` holds, wallet by wallet, in the order of the file."""
    grouped: dict[tuple[int, int], list[FoundCoin]] = {}
    for one in store.coins():
        grouped.setdefault((one.track, one.index), []).append(one)
    tracks = tracks_of(backup)
    found: list[Address] = []
    for (number, index), coins in sorted(grouped.items()):
        track = tracks[number]
        wallet = backup.wallets[track.wallet]
        owned = owned_at(wallet.descriptors[track.descriptor], track.choice, index)
        address = spell(backup.network, owned.locking.script_pubkey)
        found.append(Address(wallet.name, spelled_path(owned), address, tuple(coins)))
    return Report(backup.network, height, len(backup.wallets), tuple(found), store.unread())


def _plain(one: Address) -> dict[str, object]:
    return {
        "wallet": one.wallet,
        "path": one.path,
        "address": one.address,
        "amount_sat": str(one.amount_sat),
        "coins": _plain_coins(one.coins),
    }


def _plain_coins(coins: Sequence[FoundCoin]) -> list[dict[str, object]]:
    return [
        {
            "txid": one.txid,
            "vout": one.vout,
            "amount_sat": str(one.amount_sat),
            "height": one.height,
            "coinbase": one.coinbase,
        }
        for one in coins
    ]


def _spelled(amount_sat: int) -> str:
    return f"{amount_sat // _COIN}.{amount_sat % _COIN:08d}"
