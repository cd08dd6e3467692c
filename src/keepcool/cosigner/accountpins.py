"""A signer's pinned accounts, from its settings: what is wrong with a pin is said at start and when asked."""

from __future__ import annotations

from keepcool.chains.accounts import LAYOUT, WHOLE, AccountPins, account_pins, parse_account
from keepcool.core.registry import Role
from keepcool.ports.settings import SignerSettings


def pinned_accounts(settings: SignerSettings) -> AccountPins:
    """Raises Malformed on a pin that is no account of the layout; none at all is fine."""
    rows = [(Role.COOL, one) for one in settings.cool_accounts]
    rows += [(Role.COLD, one) for one in settings.cold_accounts]
    return account_pins([parse_account(role, one.family, one.origin, one.xpub) for role, one in rows])


def sentences(pins: AccountPins) -> list[str]:
    """Where the cool and cold keys of each family's wallets come from, for `check-config`."""
    return [_sentence(pins, family) for family in LAYOUT]


def _sentence(pins: AccountPins, family: str) -> str:
    cool, cold = pins.cool.get(family), pins.cold.get(family)
    if cool is None or cold is None:
        return f"It lacks a cool or a cold account of {family}: no {family} wallet gets keys of its own."
    below, pool = ("w", "; a pool has these accounts themselves") if family in WHOLE else ("0/w", "")
    return (
        f"A {family} wallet's cool and cold key are its own: children {below} of {cool.expression} "
        f"and of {cold.expression}{pool}."
    )
