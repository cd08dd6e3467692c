"""The accounts of the cool and the cold key, and the public key each wallet takes from them.

Laws: an account is pinned as origin and xpub, and each is proved against the other and against the
layout; wallet w has the child 0/w of both accounts, so nobody signs for two wallets with one key; a family
without an account here (EVM) has one cool and one cold key for all. BIP-32; key origins as in BIP-380.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keepcool.chains import bip32
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.core.errors import Malformed, Refused
from keepcool.core.registry import OwnerKey, Role

# One row for each family whose wallets have keys of their own. Minter: account 1, since account 0 of the
# same coin type holds the EVM leaf. A row may be added, never changed: paper depends on it.
LAYOUT: Mapping[str, str] = {"minter": "44h/60h/1h"}
RECEIVING = 0  # the branch of an account that its wallets come from
_ORIGIN = re.compile(r"\[([0-9a-f]{8})((?:/(?:0|[1-9][0-9]{0,9})h?)*)\]")
_CHILD = re.compile(r"(\[[^\]]*\])/0/(0|[1-9][0-9]{0,9})")


@dataclass(frozen=True, slots=True)
class AccountPin:
    """One paper key's account for one family. `origin` is "[<fingerprint>/44h/60h/1h]"."""

    role: Role
    family: str
    origin: str
    key: ExtendedKey

    @property
    def xpub(self) -> str:
        return bip32.encode_xpub(self.key)

    @property
    def expression(self) -> str:
        """Origin and xpub as one key expression (BIP-380)."""
        return self.origin + self.xpub


@dataclass(frozen=True, slots=True)
class AccountPins:
    """What a signer has pinned, by family. Either may be missing: then that family gets no wallets."""

    cool: Mapping[str, AccountPin] = field(default_factory=dict)
    cold: Mapping[str, AccountPin] = field(default_factory=dict)

    def owner_keys(self, family: str, wallet_number: int) -> tuple[OwnerKey, OwnerKey]:
        """The cool and cold key of wallet `wallet_number`. Raises Refused when the family is not pinned."""
        cool, cold = self._both(family)
        return child_key(cool, wallet_number), child_key(cold, wallet_number)

    def wallet_number(self, family: str, cool: OwnerKey, cold: OwnerKey) -> int:
        """Which wallet's these two keys are. Raises Refused unless both are children of the pinned
        accounts, under one number."""
        number = wallet_number_of(cool)
        if number is None or (cool, cold) != self.owner_keys(family, number):
            raise Refused("account.child", "the cool or cold key is no child of the pinned account")
        return number

    def _both(self, family: str) -> tuple[AccountPin, AccountPin]:
        cool, cold = self.cool.get(family), self.cold.get(family)
        if cool is None or cold is None:
            lacking = " and ".join(
                f"{role.value}_accounts"
                for role, pin in ((Role.COOL, cool), (Role.COLD, cold))
                if pin is None
            )
            raise Refused(
                "account.unpinned",
                f"{family} wallets need an account of the paper keys: pin {lacking} on Keeper and Cooler "
                "(`keepcool cold check`, `keepcool cooler add-accounts`)",
            )
        return cool, cold


NO_ACCOUNTS = AccountPins()


def parse_account(role: Role, family: str, origin: str, xpub: str) -> AccountPin:
    """Raises Malformed when the family has no account, or origin, xpub and layout do not fit together."""
    path = LAYOUT.get(family)
    if path is None:
        raise Malformed("account.family", f"no paper key has an account for the family {family[:40]!r}")
    found = _ORIGIN.fullmatch(origin)
    if found is None or found[2] != f"/{path}":
        raise Malformed("account.origin", f"the origin of a {family} account is [<fingerprint>/{path}]")
    key, numbers = bip32.parse_xpub(xpub), path_numbers(path)
    if (key.depth, key.number) != (len(numbers), numbers[-1]):
        raise Malformed("account.place", f"this xpub of the {role.value} key does not lie at m/{path}")
    return AccountPin(role, family, origin, key)


def account_pins(accounts: Sequence[AccountPin]) -> AccountPins:
    """Raises Malformed when a family stands twice, or cool and cold are one account."""
    by_role: dict[Role, dict[str, AccountPin]] = {Role.COOL: {}, Role.COLD: {}}
    for pin in accounts:
        if by_role[pin.role].setdefault(pin.family, pin) != pin:
            raise Malformed("account.twice", f"two {pin.role.value} accounts are pinned for {pin.family}")
    cool, cold = by_role[Role.COOL], by_role[Role.COLD]
    for family in cool.keys() & cold.keys():
        if cool[family].key.public_key == cold[family].key.public_key:
            raise Malformed("account.same", f"cool and cold have one account of {family}; that is one key")
    return AccountPins(cool, cold)


def plain(pin: AccountPin) -> dict[str, str]:
    """A pin as it stands in files, under the names that `parse_account` takes."""
    return {"family": pin.family, "origin": pin.origin, "xpub": pin.xpub}


def child_key(pin: AccountPin, wallet_number: int) -> OwnerKey:
    """The owner key of one wallet. Raises Malformed on a number that has none."""
    key = bip32.child(bip32.branch(pin.key, RECEIVING), wallet_number)
    return OwnerKey(pin.role, key.public_key.hex(), f"{pin.origin}/{RECEIVING}/{wallet_number}")


def account_origin_of(key: OwnerKey) -> str | None:
    """The origin of the account this key is a child of; None for a key that is no account's child."""
    return _parted(key)[0]


def wallet_number_of(key: OwnerKey) -> int | None:
    """The number of the wallet this key is the child for; None for a key that is no account's child."""
    return _parted(key)[1]


def path_numbers(path: str) -> tuple[int, ...]:
    """The numbers of "44h/60h/1h", hardened where primed."""
    return tuple(int(step.rstrip("h")) | (HARDENED if step.endswith("h") else 0) for step in path.split("/"))


def _parted(key: OwnerKey) -> tuple[str, int] | tuple[None, None]:
    if not key.origin.startswith("["):
        return None, None
    found = _CHILD.fullmatch(key.origin)
    if found is None or not _ORIGIN.fullmatch(found[1]) or int(found[2]) >= HARDENED:
        raise Malformed(
            "account.key_origin", "a wallet's key has the origin [<fingerprint>/<path>]/0/<number>"
        )
    return found[1], int(found[2])
