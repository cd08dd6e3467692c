"""A wallet record of the Bitcoin family as what it is on the chain: a BIP-45 wallet of its three owners.

Laws: each owner's origin is a whole key expression ("[fingerprint/45h]xpub/number", without number in a
pool), written in its one spelling, and must lead to the public key on record; the number is the same for all
three; ranks come from the bytes of the keys, never from their order in the record. BIP-45, BIP-67, BIP-380.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from keepcool.chains import bip32
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin import address, bip45
from keepcool.chains.bitcoin.bip45 import PURPOSE, RECEIVING, Bip45, Place
from keepcool.chains.bitcoin.keys import KeyExpression, Origin
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network, Networks
from keepcool.chains.bitcoin.ownership import Own, Owned, own_of, owned_at
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.family import WalletTerms, terms_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import Role, WalletRecord

THRESHOLD = 2
ROLES = (Role.HOT, Role.COOL, Role.COLD)
_SEGREGATED, _POOLED = "bip45-", "bip45-pool-"
_EXPRESSION = re.compile(r"\[([0-9a-f]{8})/45h\](xpub[1-9A-HJ-NP-Za-km-z]{107})(?:/(0|[1-9][0-9]{0,9}))?")


@dataclass(frozen=True, slots=True)
class Profile:
    """How a wallet's coins are locked, and whether many people's lie in it."""

    kind: ScriptKind
    pooled: bool


@dataclass(frozen=True, slots=True)
class Bip45Wallet:
    """`ranks`: each owner's cosigner number. `nodes`: each owner's key on record, with its chain code."""

    network: Network
    profile: Profile
    bip45: Bip45
    ranks: Mapping[Role, int]
    nodes: Mapping[Role, ExtendedKey]

    @property
    def hot_branch(self) -> int:
        """The cosigner number of the hot key: addresses are handed out on its branch."""
        return self.ranks[Role.HOT]

    @property
    def number(self) -> int | None:
        """The wallet's number; None in a pool."""
        return self.bip45.wallet

    def place(self, change: int, index: int) -> Place:
        """On the hot key's branch, RECEIVING or CHANGE."""
        return Place(self.hot_branch, change, index, self.number)

    def script(self, place: Place) -> bytes:
        """The output script at one place. Raises Malformed when it is none of this wallet's."""
        return self.bip45.locking(place).script_pubkey

    def address(self, place: Place) -> str:
        return address.spell(self.network, self.script(place))

    def owned(self, place: Place) -> Owned:
        """All that spends a coin there. Raises Malformed when it is no place of this wallet's."""
        if place.wallet != self.number:
            raise Malformed("bip45.wallet", f"{place} does not lie in wallet {self.number}")
        return owned_at(self.bip45.descriptor(place.cosigner), place.change, place.index)

    def own(self) -> Own:
        """Proves what is this wallet's, on all three branches."""
        return _own(self.bip45)

    def leaf_key(self, role: Role, leaf: tuple[int, ...]) -> bytes:
        """The public key (33 bytes) with which `role` signs what lies at `leaf`, the path below its key on
        record. Raises Malformed on a path with no key."""
        if not leaf:
            return self.nodes[role].public_key
        return next(bip32.children(_below(self.nodes[role], leaf[:-1]), leaf[-1:]))

    def descriptors(self) -> tuple[str, ...]:
        """One for each branch, receiving and change, with checksum: what a restore needs beside the seeds."""
        return tuple(one.spelled(self.network) for one in self.bip45.descriptors())


def profile_of(kind: ScriptKind, pooled: bool) -> str:  # noqa: FBT001 - the two halves of the name
    """The name of a profile as policies and records have it."""
    return (_POOLED if pooled else _SEGREGATED) + kind.value


def parse_profile(text: str) -> Profile:
    """Raises Malformed on a name that is no profile's."""
    pooled = text.startswith(_POOLED)
    rest = text.removeprefix(_POOLED if pooled else _SEGREGATED)
    for kind in ScriptKind:
        if text != rest == kind.value:
            return Profile(kind, pooled)
    known = ", ".join(profile_of(kind, pooled) for pooled in (False, True) for kind in ScriptKind)
    raise Malformed("bitcoin.profile", f"not the profile of a Bitcoin wallet: {text[:60]!r}; known: {known}")


def check_profile(network: NetworkId, text: str, networks: Networks = SHIPPED) -> None:
    """Raises Malformed on a profile that is none, or whose scripts the network does not enforce."""
    networks.of(network).check_kind(parse_profile(text).kind)


def key_expression(fingerprint: str, purpose: ExtendedKey, number: int | None) -> str:
    """The origin of an owner's key: of wallet `number`, or of a pool when that is None."""
    return f"[{fingerprint}/45h]{bip32.encode_xpub(purpose)}{'' if number is None else f'/{number}'}"


def wallet_of(record: WalletRecord, networks: Networks = SHIPPED) -> Bip45Wallet:
    """The wallet a record's keys make. Raises Malformed; its address is compared by whoever believes it."""
    return wallet_from(terms_of(record), networks)


def wallet_from(terms: WalletTerms, networks: Networks = SHIPPED) -> Bip45Wallet:
    """The wallet these terms make. Raises Malformed on terms that make none."""
    if terms.threshold != THRESHOLD:
        raise Malformed("bitcoin.threshold", f"a wallet here is spent by {THRESHOLD} of its three keys")
    return _made(networks.of(terms.network), terms.profile, terms.owners, terms.origins)


def first_address(wallet: Bip45Wallet) -> str:
    """Receiving address 0 of the hot branch: a record's address."""
    return wallet.address(wallet.place(RECEIVING, 0))


@lru_cache(maxsize=4096)
def _made(
    network: Network, profile_name: str, owners: tuple[str, ...], origins: tuple[str, ...]
) -> Bip45Wallet:
    profile = parse_profile(profile_name)
    network.check_kind(profile.kind)
    parsed = [_parsed(origin) for origin in origins]
    numbers = {number for _, number in parsed}
    if len(numbers) != 1 or profile.pooled != (None in numbers):
        wanted = "no wallet's number" if profile.pooled else "one wallet's number"
        raise Malformed("bitcoin.number", f"the keys of a {profile_name} wallet have {wanted}, all the same")
    purposes, number = [purpose for purpose, _ in parsed], numbers.pop()
    made = (
        bip45.pooled(purposes, THRESHOLD, profile.kind)
        if number is None
        else bip45.segregated(purposes, number, THRESHOLD, profile.kind)
    )
    nodes = {
        role: _led_to(role, owner, purpose if number is None else purpose.below((number,)))
        for role, owner, purpose in zip(ROLES, owners, purposes, strict=True)
    }
    ranks = {role: made.rank(node.public_key) for role, node in nodes.items()}
    return Bip45Wallet(network, profile, made, ranks, nodes)


def _parsed(origin: str) -> tuple[KeyExpression, int | None]:
    found = _EXPRESSION.fullmatch(origin)
    number = None if found is None or found[3] is None else int(found[3])
    if found is None or (number is not None and number >= HARDENED):
        raise Malformed(
            "bitcoin.origin",
            "the origin of a Bitcoin wallet's key is [<fingerprint>/45h]<xpub>/<number of the wallet>, "
            "without the number in a pool",
        )
    key = bip32.parse_xpub(found[2])
    if (key.depth, key.number, key.parent.hex()) != (1, PURPOSE, found[1]):
        raise Malformed("bitcoin.origin", f"this xpub is not the key m/45h of the master {found[1]}")
    return KeyExpression(Origin(found[1], (PURPOSE,)), key), number


def _led_to(role: Role, owner: str, expression: KeyExpression) -> ExtendedKey:
    node = expression.node()
    if not isinstance(node, ExtendedKey) or node.public_key.hex() != owner:
        raise Malformed("bitcoin.owner", f"the origin of the {role.value} key leads to another public key")
    return node


@lru_cache(maxsize=64)  # each may come to weigh megabytes, and is made anew in a third of a millisecond
def _own(wallet: Bip45) -> Own:
    return own_of(wallet.descriptors())


@lru_cache(maxsize=4096)
def _below(node: ExtendedKey, steps: tuple[int, ...]) -> ExtendedKey:
    return bip32.child(_below(node, steps[:-1]), steps[-1]) if steps else node
