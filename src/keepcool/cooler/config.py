"""Cooler's TOML: what both signers have, and its own nodes. The cool key lies sealed in its database."""

from __future__ import annotations

from msgspec import field

from keepcool.ports.settings import Settings, SignerSettings


class MinterSettings(Settings, frozen=True):
    """A Minter network. `nodes`: base URLs of HTTP API v2, of which `agree` must say the same of a wallet's
    owners before it is attested. A node whose newest block is older than `block_age_s_max` is not believed;
    0 believes one that stands still."""

    nodes: list[str]
    agree: int = 1
    block_age_s_max: int = 60


class CoolerSettings(SignerSettings, frozen=True, kw_only=True):
    """`cool_public_key` is pinned as on Keeper, and checked against the sealed key at start; empty only
    until `keepcool cooler new-key` has made it. `minter` is by network."""

    cool_public_key: str = ""
    minter: dict[str, MinterSettings] = field(default_factory=dict)
