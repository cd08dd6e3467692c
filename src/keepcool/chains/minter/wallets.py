"""A wallet of three owners as a Minter multisig: its address, its creation, and the proof of its owners.

Laws: the address says who made it and when, never who owns it, so it is believed only after a node's word
was compared with the record by `check_owners`; nothing is created that nobody or everybody could spend;
owners stand in the order of their addresses, with weight 1. Minter, create_multisig.go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains import publickeys
from keepcool.chains.minter.address import NONCE_MAX, of_multisig, of_public_key, parse_address
from keepcool.chains.minter.assets import BASE_COIN, chain_id_of
from keepcool.chains.minter.data import CreateMultisig, Owners
from keepcool.chains.minter.signature import SINGLE
from keepcool.chains.minter.transaction import Transaction
from keepcool.core.errors import Breach, Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord

PROFILE = "multisig-v2"  # as a policy names it; a record adds the birth
_PROFILE = re.compile(r"multisig-v2:(Mx[0-9a-f]{40}):([1-9][0-9]{0,19})")


@dataclass(frozen=True, slots=True)
class Birth:
    """The account and the nonce of the transaction that makes the multisig."""

    creator: str
    nonce: int

    @property
    def profile(self) -> str:
        """As a record names it: multisig-v2:<creator>:<nonce>."""
        return f"{PROFILE}:{self.creator}:{self.nonce}"

    @property
    def address(self) -> str:
        return of_multisig(self.creator, self.nonce)


def parse_profile(profile: str) -> Birth:
    """The birth a record's profile names. Raises Malformed."""
    found = _PROFILE.fullmatch(profile)
    if found is None or int(found[2]) > NONCE_MAX:
        raise Malformed(
            "minter.profile",
            f"not the profile of a Minter wallet: {profile[:80]!r}; it is {PROFILE}:<creator Mx…>:<nonce>",
        )
    return Birth(found[1], int(found[2]))


def derive_address(network: NetworkId, profile: str, threshold: int, public_keys: Sequence[str]) -> str:
    """The address of the multisig these terms will make. Raises Malformed on terms that make none."""
    chain_id_of(network)
    birth, owners = parse_profile(profile), shared_by(public_keys, threshold)
    if birth.creator in owners.addresses:
        raise Malformed("multisig.creator", "an owner's key creates nothing: its account must hold no coins")
    return birth.address


def shared_by(public_keys: Sequence[str], threshold: int) -> Owners:
    """The keys' accounts in canonical order, of weight 1 each. Raises Malformed."""
    accounts = (of_public_key(publickeys.parse_public_key(key)) for key in public_keys)
    owners = tuple(sorted(accounts))  # one length, lower case: the order of the bytes
    found = Owners(threshold, (1,) * len(owners), owners)
    check_spendable(found)
    return found


def owners_of(record: WalletRecord) -> tuple[str, ...]:
    """The owners' addresses in canonical order."""
    return shared_by([key.public_key for key in record.owners], record.threshold).addresses


def check_spendable(owners: Owners) -> None:
    """Raises Malformed on a threshold the chain takes and a wallet must not have."""
    if owners.threshold < 1:
        raise Malformed("multisig.threshold", "with a threshold of 0 anybody could spend without a signature")
    if owners.threshold > sum(owners.weights):
        raise Malformed(
            "multisig.threshold",
            f"all owners together weigh {sum(owners.weights)}, less than the threshold of {owners.threshold}"
            ": coins there would be locked for ever",
        )


def check_owners(
    record: WalletRecord, threshold: int, weights: Sequence[int], addresses: Sequence[str]
) -> None:
    """Returns when what a node says of the record's address is exactly what the record says: the same
    threshold, the same owners, weight 1 each; their order is free. Raises Breach otherwise."""
    owners = owners_of(record)
    if threshold != record.threshold:
        raise _differs(record, f"its threshold is {threshold}, not {record.threshold}")
    if len(addresses) != len(owners) or sorted(addresses) != list(owners):
        raise _differs(record, f"its owners are {', '.join(addresses)[:200]}, not {', '.join(owners)}")
    if list(weights) != [1] * len(owners):
        raise _differs(record, f"its weights are {list(weights)[:32]}, not 1 each")


def create_multisig(
    owners: Owners, *, chain_id: int, nonce: int, gas_price: int = 1, gas_coin: int = BASE_COIN
) -> Transaction:
    """The creator's transaction, to be signed by its one key. Owners are put into canonical order.
    Raises Malformed on owners and thresholds that would lock or give away the coins."""
    check_spendable(owners)
    if nonce < 1 or gas_price < 1:
        raise Malformed("transaction.range", "nonce and gas price of a transaction are at least 1")
    rows = sorted(zip(owners.addresses, owners.weights, strict=True))
    canonical = Owners(owners.threshold, tuple(row[1] for row in rows), tuple(row[0] for row in rows))
    return Transaction(nonce, chain_id, gas_price, gas_coin, CreateMultisig(canonical), signature_type=SINGLE)


def creation_of(record: WalletRecord, *, gas_price: int = 1, gas_coin: int = BASE_COIN) -> Transaction:
    """The one transaction that makes the record's wallet, to be signed by the creator its profile names.
    Raises Malformed, also when the record's address is not the one it makes."""
    owners = shared_by([key.public_key for key in record.owners], record.threshold)
    birth = parse_profile(record.profile)
    if parse_address(record.address) != birth.address:
        raise Malformed("minter.address", f"{record.profile} makes {birth.address}, not {record.address}")
    chain_id = chain_id_of(record.network)
    return create_multisig(
        owners, chain_id=chain_id, nonce=birth.nonce, gas_price=gas_price, gas_coin=gas_coin
    )


def _differs(record: WalletRecord, why: str) -> Breach:
    return Breach(
        "multisig.owners",
        f"{record.address} of wallet {record.wallet} is not the multisig of its record: {why}; "
        "do not pay into it",
    )
