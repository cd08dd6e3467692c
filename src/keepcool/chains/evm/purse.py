"""What the purse, the account that pays the fees, may be asked to sign: four things and no fifth.

Laws: the purse sends no coins along; it executes a Safe's transaction, deploys a Safe of a known profile,
has forwarders pay the treasury they were made for, or sends itself nothing to use up a nonce; a replacement
raises both fees by an eighth, rounded up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains.evm import execution, forwarders, wallets
from keepcool.chains.evm.assets import network_of_chain
from keepcool.chains.evm.execution import Execution
from keepcool.chains.evm.forwarders import Flush
from keepcool.chains.evm.profiles import SafeProfile
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.effects import Slot
from keepcool.core.errors import Malformed, Refused

_BUMP_PERMILLE = 1125  # the strictest pool asks 12.5 % on both fees, most ask 10 %


@dataclass(frozen=True, slots=True)
class ExecuteSafe:
    """Runs a SafeTx on `safe`. The Safe's nonce is not in the bytes: `execution.at(safe, chain, nonce)`."""

    safe: str
    chain_id: int
    execution: Execution


@dataclass(frozen=True, slots=True)
class DeploySafe:
    """Creates the Safe of these owners; `address` is where it will stand."""

    profile: SafeProfile
    initializer: bytes
    salt: int
    owners: tuple[str, ...]
    threshold: int
    address: str


@dataclass(frozen=True, slots=True)
class SelfTransfer:
    """Nothing, from the purse to itself: uses up the nonce of a transaction that must not confirm."""

    account: str


@dataclass(frozen=True, slots=True)
class FlushForwarders:
    """What lies in forwarders goes to their treasury."""

    flush: Flush


PurseAction: TypeAlias = ExecuteSafe | DeploySafe | SelfTransfer | FlushForwarders


@dataclass(frozen=True, slots=True)
class Fees:
    """Per gas, in wei."""

    max_fee_per_gas: int
    max_priority_fee_per_gas: int


def decode_purse(tx: Transaction, account: str, profiles: Sequence[SafeProfile]) -> PurseAction:
    """What `tx` of the purse `account` does, with the profiles this installation uses. Raises Malformed on
    anything but the four."""
    if tx.value:
        raise Malformed("purse.value", "the purse pays fees and never sends coins along")
    if tx.to == account and not tx.data:
        return SelfTransfer(account)
    match tx.data[:4]:
        case execution.EXEC:
            return ExecuteSafe(tx.to, tx.chain_id, execution.parse_execution(tx.data))
        case wallets.CREATE_PROXY:
            return _deployment(tx, profiles)
        case forwarders.FLUSH if tx.to == forwarders.FACTORY.address:
            return FlushForwarders(forwarders.parse_flush(tx.data))
        case _:
            raise Malformed(
                "purse.call", "the purse executes and deploys Safes, sweeps and cancels; not this"
            )


def purse_slot(tx: Transaction, account: str) -> Slot:
    """What the transaction uses up: the account's nonce."""
    return Slot(network_of_chain(tx.chain_id), f"account:{account}", tx.nonce)


def cancellation(tx: Transaction, account: str, fees: Fees) -> Transaction:
    """The transaction that uses up `tx`'s nonce and does nothing else."""
    return Transaction(
        chain_id=tx.chain_id,
        nonce=tx.nonce,
        max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
        max_fee_per_gas=fees.max_fee_per_gas,
        gas=21_000,
        to=account,
        value=0,
        data=b"",
    )


def minimum_replacement(old: Transaction) -> Fees:
    """The least fees with which every known pool lets a transaction replace `old`."""
    return Fees(_bumped(old.max_fee_per_gas), _bumped(old.max_priority_fee_per_gas))


def check_replacement(old: Transaction, new: Transaction) -> None:
    """Returns when `new` would take `old`'s place in a pool. Raises Refused otherwise."""
    if (new.chain_id, new.nonce) != (old.chain_id, old.nonce):
        raise Refused("purse.replace", "a replacement has the chain and the nonce of what it replaces")
    least = minimum_replacement(old)
    if (
        new.max_fee_per_gas < least.max_fee_per_gas
        or new.max_priority_fee_per_gas < least.max_priority_fee_per_gas
    ):
        raise Refused(
            "purse.bump",
            f"a replacement pays at least {least.max_fee_per_gas} wei per gas, of which "
            f"{least.max_priority_fee_per_gas} priority fee",
        )


def _bumped(fee: int) -> int:
    return max(-(-fee * _BUMP_PERMILLE // 1000), fee + 1)


def _deployment(tx: Transaction, profiles: Sequence[SafeProfile]) -> DeploySafe:
    creation = wallets.parse_create_proxy(tx.data)
    for profile in profiles:
        if (profile.factory.address, profile.singleton.address) == (tx.to, creation.singleton):
            break
    else:
        raise Malformed("purse.profile", "this factory and singleton belong to no profile in use here")
    setup = wallets.parse_initializer(creation.initializer)
    if setup.fallback_handler != profile.fallback_handler.address:
        raise Malformed("purse.fallback", "this Safe would get a fallback handler that is not its profile's")
    return DeploySafe(
        profile=profile,
        initializer=creation.initializer,
        salt=creation.salt,
        owners=setup.owners,
        threshold=setup.threshold,
        address=wallets.proxy_address(profile, creation.initializer, creation.salt),
    )
