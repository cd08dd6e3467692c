"""Keeper's TOML: what both signers have, the pinned cool key, and how many accounts make wallets."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import field

from keepcool.policy.terms import Policy
from keepcool.ports.settings import Settings, SignerSettings

CREATORS = 8


class MinterSettings(Settings, frozen=True):
    """A Minter network."""

    creators: int = CREATORS
    """How many accounts make wallets, each one a block; Keeper makes their keys at start, and a lower number
    forgets none."""


class BitcoinSettings(Settings, frozen=True):
    """A network of the Bitcoin family."""

    lock_pools: bool = False
    """Pools made from now on are signed for only while an operator has opened them (`keepcool keeper
    unlock`); locked ones stay so."""


class KeeperSettings(SignerSettings, frozen=True, kw_only=True):
    """`peers` names app, cooler and, where there is one, watchtower and desk. The purse's key is made
    at first start; what it may spend stands in the signed policy, not here."""

    cool_public_key: str
    """The cool key all EVM wallets share (compressed, hex), pinned."""
    minter: dict[str, MinterSettings] = field(default_factory=dict)
    """By network; one that is not named has as many creators as usual."""
    bitcoin: dict[str, BitcoinSettings] = field(default_factory=dict)
    """By network."""
    first_wallet_number: int = 0
    """For a Keeper that begins anew with nothing left: one above its predecessor's last wallet number."""

    @property
    def locked_networks(self) -> frozenset[str]:
        """Where new pools are locked."""
        return frozenset(network for network, one in self.bitcoin.items() if one.lock_pools)

    def creators(self, network: str) -> int:
        """How many accounts make wallets there."""
        given = self.minter.get(network)
        return CREATORS if given is None else given.creators


def sentences(settings: KeeperSettings, policy: Policy) -> Sequence[str]:
    """For `check-config`: how many wallets a block may bring, and which pools are locked."""
    locks = [
        f"Pools of {network} are made under an operator's passphrase, and signed for only while he has "
        "opened them on this host (keeper.sock beside its database, for this user alone). Pools made before "
        "that was set stay as they are: make new ones and move the coins, because old copies of this "
        "database hold their seeds without the passphrase."
        for network in sorted(settings.locked_networks)
    ]
    makers = [
        f"It makes wallets of {one.network} with {settings.creators(one.network)} accounts, each one a "
        "block; the first holds the fee money and is the one to top up."
        for one in sorted(policy.networks.values(), key=lambda one: one.network)
        if one.fee_rate_max is not None and one.purse is not None
    ]
    return locks + makers
