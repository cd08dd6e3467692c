"""Cooler's TOML: what both signers have, and its own nodes. The cool key lies sealed in its database."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import field

from keepcool.chains.family import FamilyName
from keepcool.policy.terms import Policy
from keepcool.ports.settings import Settings, SignerSettings


class MinterSettings(Settings, frozen=True):
    """A Minter network."""

    nodes: list[str]
    """Base URLs of HTTP API v2, by which owners of wallets are read."""
    agree: int = 1
    """How many of them must say the same of a wallet's owners before it is attested."""
    block_age_s_max: int = 60
    """A node whose newest block is older is not believed; 0 believes one that stands still."""


class CoolerSettings(SignerSettings, frozen=True, kw_only=True):
    """What Cooler has beside what both signers have."""

    cool_public_key: str = ""
    """Checked against the sealed key at start; empty only until `keepcool cooler new-key` has made it."""
    minter: dict[str, MinterSettings] = field(default_factory=dict)
    """By network."""


def sentences(settings: CoolerSettings, policy: Policy) -> Sequence[str]:
    """For `check-config`: where Cooler reads whom a wallet belongs to."""
    told = []
    proven = [one.network for one in policy.networks.values() if one.family == FamilyName.MINTER]
    for network in sorted(proven):
        given = settings.minter.get(network)
        if given is None:
            told.append(
                f"WARNING: it attests no wallet of {network}, because it has no node to read owners from: "
                f'[minter."{network}"] nodes = ["http://…"].'
            )
            continue
        nodes = ", ".join(given.nodes)
        told.append(f"It attests a wallet of {network} when {given.agree} of {nodes} tell its owners.")
        if given.agree == 1:
            told.append(f"WARNING: one lying node of {network} could have a stranger's wallet attested.")
    return told
