"""A token nobody has listed, sent to a wallet by mistake, may leave it: for the harbor and for nowhere else.

Laws: where the policy says `rescue`, and only a draft that does nothing but one `transfer` of one token, by
the ERC-20 selector, without value and with nothing beside it; never of a listed token, however it is spelled,
because that has caps of its own; no cap can price what is not listed, so it goes where no cap counts.
"""

from __future__ import annotations

from keepcool.core.ids import AssetId
from keepcool.core.intent import Purpose
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

TOKEN_TRANSFER = "0xa9059cbb"  # noqa: S105 - transfer(address,uint256), ERC-20


def token_of(case: Case, policy: Policy) -> AssetId | None:
    """The token that this draft rescues; None for a draft that is anything else."""
    effects = case.effects
    network = policy.networks.get(effects.network)
    if network is None or not network.rescue or network.harbor is None or network.calls is not None:
        return None
    if case.intent.purpose is not Purpose.PAY or effects.hazards or effects.change:
        return None
    if len(effects.calls) != 1 or len(effects.payments) != 1:
        return None
    (call,), (payment,) = effects.calls, effects.payments
    token = AssetId(f"{effects.network}/erc20:{call.contract}")
    is_transfer = call.selector == TOKEN_TRANSFER and payment.amount.asset == token
    if not is_transfer or payment.recipient != network.harbor or _is_listed(token, policy):
        return None
    return token


def _is_listed(token: AssetId, policy: Policy) -> bool:
    return token.casefold() in {asset.casefold() for asset in policy.assets}
