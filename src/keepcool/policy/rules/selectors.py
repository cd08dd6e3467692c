"""A wallet makes few kinds of call, and only those.

Where there are contracts, two: a plain transfer, and `transfer` of a token the policy lists, or of another
one to the harbor where the policy rescues. Where there are none, the calls the policy lists by name; where
coins are spent, no calls at all. A second wall behind `hazards`: that rule names what is bad, this one what
is good.
"""

from __future__ import annotations

from keepcool.core.effects import ContractCall
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy import rescuing
from keepcool.policy.case import Case
from keepcool.policy.families import call_name
from keepcool.policy.terms import NetworkRules, Policy

NAME = "selectors"
APPROVED = Approved(NAME)
PLAIN = ""
TOKEN_TRANSFER = "0xa9059cbb"  # noqa: S105 - transfer(address,uint256), ERC-20


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.effects.network)
    if network is not None and network.calls is not None:
        return _listed(case, network, network.calls)
    if rescuing.token_of(case, policy) is not None:
        return APPROVED
    for call in case.effects.calls:
        if not _pays(call, case.effects.network, policy):
            what = f"{call.name or 'plain transfer'} ({call.selector or 'no selector'})"
            return Denied(
                NAME,
                f"calls {what} on {call.contract}; allowed are plain transfers and transfer of listed tokens",
            )
    return APPROVED


def _pays(call: ContractCall, network: NetworkId, policy: Policy) -> bool:
    if call.selector == PLAIN:
        return True
    token = AssetId(f"{network}/erc20:{call.contract}")
    return call.selector == TOKEN_TRANSFER and token in policy.assets


def _listed(case: Case, network: NetworkRules, calls: frozenset[str]) -> Verdict:
    allowed = " or ".join(call_name(network.family, call) for call in sorted(calls)) or "nothing"
    if case.effects.payments and not case.effects.calls and not network.coins:
        return Denied(NAME, f"the draft pays by no call that is known; allowed is {allowed}")
    for call in case.effects.calls:
        if call.contract or call.selector not in calls:
            where = f" on {call.contract}" if call.contract else ""
            what = f"{call.name or 'an unnamed call'} ({call.selector or 'no selector'}){where}"
            return Denied(NAME, f"does {what}; allowed is {allowed}")
    return APPROVED
