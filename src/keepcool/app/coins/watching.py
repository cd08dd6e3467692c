"""A wallet's own address, derived by App itself from the record's public keys, and watched from then on.

Law: what both signers attested but the keys do not give is not stored: three parties derive, none believes.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from keepcool.app.coins.addresses import Address, add_addresses
from keepcool.chains.bitcoin.bip45 import RECEIVING
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import NAMESPACE, Networks
from keepcool.chains.bitcoin.wallets import Bip45Wallet, wallet_of
from keepcool.chains.family import FamilyName
from keepcool.core.errors import Breach, Malformed
from keepcool.core.registry import WalletRecord


def check_address(record: WalletRecord, networks: Networks = SHIPPED) -> None:
    """Raises Breach when a record of the Bitcoin family does not give its own address."""
    if _is_bitcoin(record):
        _derived(record, networks)


def watch_wallet(tx: Connection, record: WalletRecord, networks: Networks = SHIPPED) -> None:
    """From now on coins that come to the record's address are seen. A pool's own is nobody's else."""
    watch_wallets(tx, (record,), networks)


def watch_wallets(tx: Connection, some: Sequence[WalletRecord], networks: Networks = SHIPPED) -> None:
    """Many at once."""
    add_addresses(tx, [_own(one, networks) for one in some if _is_bitcoin(one)])


def _own(record: WalletRecord, networks: Networks) -> Address:
    wallet = _derived(record, networks)
    place = wallet.place(RECEIVING, 0)
    return Address(
        network=record.network,
        script=wallet.script(place),
        source=record.wallet,
        wallet=None if wallet.profile.pooled else record.wallet,
        cosigner=place.cosigner,
        change=place.change,
        index=place.index,
    )


def _is_bitcoin(record: WalletRecord) -> bool:
    """By its network: what a record says of itself decides nothing here."""
    return record.network.startswith(f"{NAMESPACE}:")


def _derived(record: WalletRecord, networks: Networks) -> Bip45Wallet:
    if record.family != FamilyName.BITCOIN.value:
        raise Breach("wallet.record", f"the record of {record.wallet} is of another family than its network")
    try:
        wallet = wallet_of(record, networks)
    except Malformed as error:
        text = f"the record of {record.wallet} makes no wallet: {error.public}"
        raise Breach("wallet.record", text) from error
    if wallet.address(wallet.place(RECEIVING, 0)) != record.address:
        text = f"the signers attested an address of {record.wallet} that its keys do not give; not stored"
        raise Breach("wallet.address_differs", text)
    return wallet
