"""The least and the most that one withdrawal may be, per asset, as the configuration says."""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.app.network_settings import AssetSettings
from keepcool.core.errors import Malformed
from keepcool.core.money import parse_units


def check(asset: AssetSettings, payments: Sequence[int]) -> None:
    """Raises Malformed `withdrawal.below_min` or `withdrawal.above_max`, with the number. `payments`: what
    each recipient gets; the least is asked of each, the most of all together."""
    least = parse_units(asset.withdrawal_min)
    if min(payments) < least:
        text = (
            f"withdraw at least {least} base units of {asset.symbol} to each recipient, not {min(payments)}"
        )
        raise Malformed("withdrawal.below_min", text, least=str(least))
    if asset.withdrawal_max and sum(payments) > (most := parse_units(asset.withdrawal_max)):
        text = f"withdraw at most {most} base units of {asset.symbol} at once, not {sum(payments)}"
        raise Malformed("withdrawal.above_max", text, most=str(most))
