"""A wallet makes two kinds of call: a plain transfer, and `transfer` of a token the policy lists.

A second wall behind `hazards`: that rule names what is bad, this one what is good.
"""

from __future__ import annotations

from keepcool.core.effects import ContractCall
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "selectors"
PLAIN = ""
TOKEN_TRANSFER = "0xa9059cbb"  # noqa: S105 - transfer(address,uint256), ERC-20


def judge(case: Case, policy: Policy) -> Verdict:
    for call in case.effects.calls:
        if not _pays(call, case.effects.network, policy):
            what = f"{call.name or 'plain transfer'} ({call.selector or 'no selector'})"
            return Denied(
                NAME,
                f"calls {what} on {call.contract}; allowed are plain transfers and transfer of listed tokens",
            )
    return Approved(NAME)


def _pays(call: ContractCall, network: NetworkId, policy: Policy) -> bool:
    if call.selector == PLAIN:
        return True
    token = AssetId(f"{network}/erc20:{call.contract}")
    return call.selector == TOKEN_TRANSFER and token in policy.assets
