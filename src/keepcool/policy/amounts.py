"""Base units as people read them: exact, every digit, with the asset's symbol."""

from __future__ import annotations

from keepcool.core.ids import AssetId
from keepcool.policy.terms import Policy


def decimal(units: int, decimals: int) -> str:
    """The number in whole coins, without rounding and without trailing zeros after the point."""
    whole, fraction = divmod(units, 10**decimals)
    digits = str(fraction).zfill(decimals).rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def spoken(asset: AssetId, units: int, policy: Policy) -> str:
    """`1.5 ETH`, or base units and the asset's full name where the policy does not list it."""
    listed = policy.assets.get(asset)
    if listed is not None:
        return f"{decimal(units, listed.decimals)} {listed.symbol}"
    for network in policy.networks.values():
        if network.native.asset == asset:
            return f"{decimal(units, network.native.decimals)} {network.native.symbol}"
    return f"{units} base units of {asset}"
