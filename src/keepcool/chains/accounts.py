"""The accounts of the cool and the cold key, and the public key each wallet takes from them.

Laws: an account is pinned as origin and xpub, and each is proved against the other and against the
layout; wallet w has a child of both accounts, so nobody signs for two wallets with one key; a family
without an account here (EVM) has one cool and one cold key for all. A record names a child by its origin
(Minter: [<fingerprint>/<path>]/0/<w>) or, where keys go on below it, by the whole key expression (Bitcoin:
[<fingerprint>/45h]<xpub>/<w>; a pool has the account itself and no /<w>). BIP-32, BIP-45, BIP-380.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from keepcool.chains import bip32
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.core.errors import Malformed, Refused
from keepcool.core.registry import OwnerKey, Role

# One row for each family whose wallets have keys of their own. Minter: account 1, since account 0 of the
# same coin type holds the EVM leaf. A row may be added, never changed: paper depends on it.
LAYOUT: Mapping[str, str] = {"minter": "44h/60h/1h", "bitcoin": "45h"}
RECEIVING = 0  # the branch of a Minter account that its wallets come from
WHOLE = frozenset({"bitcoin"})  # families whose records carry whole key expressions
_ORIGIN = re.compile(r"\[([0-9a-f]{8})((?:/(?:0|[1-9][0-9]{0,9})h?)*)\]")
_CHILD = re.compile(r"(\[[^\]]*\])/0/(0|[1-9][0-9]{0,9})")
_WHOLE = re.compile(r"(\[[^\]]*\])(xpub[1-9A-HJ-NP-Za-km-z]{107})(?:/(0|[1-9][0-9]{0,9}))?")


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

    def owner_keys(self, family: str, wallet_number: int | None) -> tuple[OwnerKey, OwnerKey]:
        """The cool and cold key of wallet `wallet_number`, None for a pool. Raises Refused when the family is
        not pinned, Malformed when it has no pools."""
        cool, cold = self._both(family)
        return child_key(cool, wallet_number), child_key(cold, wallet_number)

    def wallet_number(self, family: str, cool: OwnerKey, cold: OwnerKey) -> int | None:
        """Which wallet's these two keys are; None: a pool's. Raises Refused unless both are of the pinned
        accounts, under one number."""
        number = wallet_number_of(cool)
        pool = number is None and family in WHOLE and account_origin_of(cool) is not None
        if (number is None and not pool) or (cool, cold) != self.owner_keys(family, number):
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
    if key.depth == 1 and key.parent.hex() != found[1]:
        raise Malformed(
            "account.origin", f"this xpub of the {role.value} key has another master than {origin}"
        )
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


def child_key(pin: AccountPin, wallet_number: int | None) -> OwnerKey:
    """The owner key of one wallet, of a pool for None. Raises Malformed on a number that has none."""
    if pin.family in WHOLE:
        return whole_key(pin.role, pin.origin, pin.key, wallet_number)
    if wallet_number is None:
        raise Malformed("account.pool", f"{pin.family} has no pools: every wallet has a number")
    key = bip32.child(bip32.branch(pin.key, RECEIVING), wallet_number)
    return OwnerKey(pin.role, key.public_key.hex(), f"{pin.origin}/{RECEIVING}/{wallet_number}")


def whole_key(role: Role, origin: str, account: ExtendedKey, wallet_number: int | None) -> OwnerKey:
    """An owner key under its whole expression. Raises Malformed on a number that has none."""
    node = account if wallet_number is None else bip32.child(account, wallet_number)
    below = "" if wallet_number is None else f"/{wallet_number}"
    return OwnerKey(role, node.public_key.hex(), f"{origin}{bip32.encode_xpub(account)}{below}")


def account_origin_of(key: OwnerKey) -> str | None:
    """The origin of the account this key is of; None for a key that is of no account."""
    found = _parted(key)
    return None if found is None else found.origin


def account_named_by(key: OwnerKey) -> str | None:
    """All that the record says of the key's account: its origin, and its xpub where that stands there."""
    found = _parted(key)
    return None if found is None else found.origin + found.xpub


def wallet_number_of(key: OwnerKey) -> int | None:
    """The number of the wallet this key is the child for; None for a pool's, and for no account's child."""
    found = _parted(key)
    return None if found is None else found.number


def steps_of(key: OwnerKey) -> tuple[int, ...] | None:
    """The steps from the account down to this key; None for a key that is of no account."""
    found = _parted(key)
    if found is None:
        return None
    if found.number is None:
        return ()
    return (found.number,) if found.xpub else (RECEIVING, found.number)


def path_of(key: OwnerKey) -> tuple[int, ...] | None:
    """All steps from the master key down to this key; None for a key that is of no account."""
    found, steps = _parted(key), steps_of(key)
    if found is None or steps is None:
        return None
    return (*path_numbers(found.origin[10:-1]), *steps)


def node_of(key: OwnerKey) -> ExtendedKey | None:
    """The node that a whole key expression leads to: what keys are taken below. None for a key of another
    form. Raises Malformed when it is not the public key beside it."""
    found = _parted(key)
    if found is None or not found.xpub:
        return None
    node = _node(found.xpub, found.number)
    if node.public_key.hex() != key.public_key:
        raise Malformed("account.key_node", "a wallet's public key is not the one its expression leads to")
    return node


def path_numbers(path: str) -> tuple[int, ...]:
    """The numbers of "44h/60h/1h", hardened where primed."""
    return tuple(int(step.rstrip("h")) | (HARDENED if step.endswith("h") else 0) for step in path.split("/"))


@dataclass(frozen=True, slots=True)
class _Parts:
    """An origin taken apart. `xpub` is empty where the record does not carry it."""

    origin: str
    xpub: str
    number: int | None


def _parted(key: OwnerKey) -> _Parts | None:
    if not key.origin.startswith("["):
        return None
    whole, child = _WHOLE.fullmatch(key.origin), _CHILD.fullmatch(key.origin)
    if whole is not None:
        return _checked(_Parts(whole[1], whole[2], None if whole[3] is None else int(whole[3])))
    if child is not None:
        return _checked(_Parts(child[1], "", int(child[2])))
    raise _wrong_origin()


def _checked(parts: _Parts) -> _Parts:
    if not _ORIGIN.fullmatch(parts.origin) or (parts.number or 0) >= HARDENED:
        raise _wrong_origin()
    return parts


def _wrong_origin() -> Malformed:
    return Malformed(
        "account.key_origin",
        "a wallet's key has the origin [<fingerprint>/<path>]/0/<number>, or with its xpub "
        "[<fingerprint>/<path>]<xpub> and /<number> unless it is a pool's",
    )


@lru_cache(maxsize=4096)
def _node(xpub: str, number: int | None) -> ExtendedKey:
    account = bip32.parse_xpub(xpub)
    return account if number is None else bip32.child(account, number)
