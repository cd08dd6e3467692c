"""Cooler's TOML: what both signers have. The cool key itself lies sealed in its database."""

from __future__ import annotations

from keepcool.ports.settings import SignerSettings


class CoolerSettings(SignerSettings, frozen=True, kw_only=True):
    """`cool_public_key` is pinned as on Keeper, and checked against the sealed key at start; empty only
    until `keepcool cooler new-key` has made it."""

    cool_public_key: str = ""
