"""The accounts of a paper key in secret form, and the keys of single wallets taken from them.

Laws: an account is sealed as key and chain code (64 bytes) and nothing above it; a child is handed out
only when it is the key its wallet has on record; a non-hardened child and the account's xpub together
give the account's key, so children are guarded, and wiped, like the account itself. BIP-32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.accounts import LAYOUT, AccountPin, path_numbers
from keepcool.chains.bip32 import ExtendedKey, fingerprint
from keepcool.core.errors import Breach
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.hazmat import curve, derivation
from keepcool.hazmat.derivation import Node

_KEY, _SIZE = 32, 64
_UNKNOWN = bytes(4)


@dataclass(frozen=True, slots=True)
class Account:
    """Key and chain code (64 bytes, the holder wipes them), and what may be known of them."""

    secret: Secret
    pin: AccountPin


def account_of(root: Node, role: Role, family: str) -> Account:
    """The account of a family in the layout. The root stays as it is."""
    node = derivation.below(root, path_numbers(LAYOUT[family]))
    origin = f"[{fingerprint(root.public.public_key).hex()}/{LAYOUT[family]}]"
    with node.secret, node.secret.opened() as key:
        return Account(Secret(key + node.public.chain_code), AccountPin(role, family, origin, node.public))


def accounts_of(root: Node, role: Role) -> tuple[Account, ...]:
    """Every account of the layout."""
    made: list[Account] = []
    try:
        made.extend(account_of(root, role, family) for family in LAYOUT)
    except BaseException:
        wipe(made)
        raise
    return tuple(made)


def wipe(accounts: Sequence[Account]) -> None:
    for account in accounts:
        account.secret.wipe()


def children(account: Secret, wanted: Sequence[tuple[tuple[int, ...], bytes]]) -> list[Secret]:
    """The keys of these wallets, in order, each asked for as its steps below the account and its public key
    on record. The caller wipes them. Raises Breach when one is not the key on record; then none is handed
    out."""
    made: list[Secret] = []
    above: dict[tuple[int, ...], Node] = {(): _node(account)}
    try:
        for steps, public in wanted:
            if steps[:-1] not in above:
                above[steps[:-1]] = derivation.below(above[()], steps[:-1])
            node = derivation.below(above[steps[:-1]], steps[-1:])
            made.append(node.secret)
            if node.public.public_key != public:
                raise Breach(
                    "hazmat.wrong_child", "the wallet's key is not this account's; nothing was released"
                )
    except BaseException:
        for secret in made:
            secret.wipe()
        raise
    finally:
        for node in above.values():
            node.secret.wipe()
    return made


def _node(account: Secret) -> Node:
    with account.opened() as whole:
        if len(whole) != _SIZE:
            raise Breach("hazmat.account", "what was sealed as an account is none; restore it from paper")
        own = Secret(whole[:_KEY])  # a slice is a copy
        try:
            with own.opened() as key:
                # Children depend on key and chain code alone; the place above is not sealed and not needed.
                public = ExtendedKey(0, _UNKNOWN, 0, bytes(whole[_KEY:]), curve.public_key_of(key))
        except BaseException:
            own.wipe()
            raise
    return Node(own, public)
