"""Keeper's TOML: what both signers have, the pinned cool key, and how many accounts make wallets."""

from __future__ import annotations

from msgspec import field

from keepcool.ports.settings import Settings, SignerSettings

CREATORS = 8


class MinterSettings(Settings, frozen=True):
    """A Minter network. `creators`: how many accounts make wallets, each one a block. Keeper makes their keys
    at start; a number that is lowered takes the last ones out of use and forgets nothing."""

    creators: int = CREATORS


class KeeperSettings(SignerSettings, frozen=True, kw_only=True):
    """`peers` names app, cooler and, where there is one, watchtower and desk. The purse's key is made
    at first start. `deployments` and gas limits stand in the signed policy, not here. `minter` is by
    network; one that is not named has as many creators as usual."""

    cool_public_key: str
    minter: dict[str, MinterSettings] = field(default_factory=dict)
