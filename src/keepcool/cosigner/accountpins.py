"""A signer's pinned accounts, from its settings: what is wrong with a pin is said at start."""

from __future__ import annotations

from keepcool.chains.accounts import AccountPins, account_pins, parse_account
from keepcool.core.registry import Role
from keepcool.ports.settings import SignerSettings


def pinned_accounts(settings: SignerSettings) -> AccountPins:
    """Raises Malformed on a pin that is no account of the layout; none at all is fine."""
    rows = [(Role.COOL, one) for one in settings.cool_accounts]
    rows += [(Role.COLD, one) for one in settings.cold_accounts]
    return account_pins([parse_account(role, one.family, one.origin, one.xpub) for role, one in rows])
