"""Cooler's TOML: what both signers have, and its own nodes. The cool key lies sealed in its database."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import field

from keepcool.chains.family import FamilyName
from keepcool.policy.terms import Policy
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
