"""Whether the addresses in a policy are spelt as their family spells them.

A misspelt address in a policy loosens nothing (allowed ones are compared exactly, denied ones without regard
to case), but it would deny or allow another than was meant: so people who write one are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import NetworkId, network_of
from keepcool.policy.terms import Policy

ParseRecipient = Callable[[NetworkId, str], str]


def check_spelling(policy: Policy, parse_recipient: ParseRecipient) -> None:
    """Returns when every address and token contract is one, in its one spelling. Raises Malformed."""
    for rules in policy.networks.values():
        where = f'[networks."{rules.network}"] destinations'
        for text in sorted((rules.allow or frozenset()) | rules.deny):
            _checked(where, text, (rules.network,), parse_recipient)
        if rules.harbor is not None:
            harbor = f'[networks."{rules.network}"] harbor'
            _checked(harbor, rules.harbor, (rules.network,), parse_recipient)
    for asset in policy.assets:
        kind, _, reference = asset.partition("/")[2].partition(":")
        if kind == "erc20":
            _checked(f'[assets."{asset}"]', reference, (network_of(asset),), parse_recipient)
    for of_class in policy.classes.values():
        for text in sorted(of_class.allow or frozenset()):
            _checked(f"[classes.{of_class.name}] allow", text, tuple(policy.networks), parse_recipient)


def _checked(where: str, text: str, networks: Iterable[NetworkId], parse_recipient: ParseRecipient) -> None:
    reason = "the policy names no network"
    for network in networks:
        try:
            if parse_recipient(network, text) == text:
                return
            reason = "not in its one spelling"
        except KeepcoolError as error:
            reason = error.public
    raise Malformed("policy.address", f"policy: {where}: {text[:80]}: {reason}")
