"""Keeper's TOML: what both signers have, and the pinned cool key."""

from __future__ import annotations

from keepcool.ports.settings import SignerSettings


class KeeperSettings(SignerSettings, frozen=True, kw_only=True):
    """`peers` names app, cooler and, where there is one, watchtower and desk. The purse's key is made
    at first start. `deployments` and gas limits stand in the signed policy, not here."""

    cool_public_key: str
