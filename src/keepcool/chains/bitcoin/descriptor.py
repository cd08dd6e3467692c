"""Output descriptors of multisig wallets: read, written, and turned into branches of addresses.

Laws: what is read is m of n keys inside sh, wsh or sh(wsh) and nothing else; public keys only; a wrong
checksum is refused; the text written is the one spelling, with checksum, that Bitcoin Core and its forks
import. BIP-380, BIP-381 to 383, BIP-389; BIP-48 and BIP-67 for the wallets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin import checksum, script
from keepcool.chains.bitcoin.branch import Branch
from keepcool.chains.bitcoin.keys import KeyExpression, parse_key
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Malformed

BOTH = (0, 1)  # receiving and change, as one step <0;1>
_CALL = re.compile(r"([a-z_]+)\((.*)\)", re.DOTALL)
_WRAPPERS: Mapping[tuple[str, ...], ScriptKind] = {
    ("sh",): ScriptKind.P2SH,
    ("wsh",): ScriptKind.P2WSH,
    ("sh", "wsh"): ScriptKind.P2SH_P2WSH,
}
_AROUND = {kind: wrappers for wrappers, kind in _WRAPPERS.items()}
_BIP48_TYPES = {ScriptKind.P2SH_P2WSH: 1 + HARDENED, ScriptKind.P2WSH: 2 + HARDENED}
_CHARS_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Descriptor:
    """`threshold` of `keys`; `ordered` is sortedmulti: each script's keys sorted by their bytes."""

    kind: ScriptKind
    threshold: int
    ordered: bool
    keys: tuple[KeyExpression, ...]

    @property
    def choices(self) -> int:
        """How many descriptors this stands for (BIP-389); 2 means receiving and change."""
        return max(key.choices for key in self.keys)

    @property
    def ranged(self) -> bool:
        return any(key.ranged for key in self.keys)

    def chosen(self, choice: int) -> Descriptor:
        """The descriptor of one alternative. Raises Malformed when there is no such one."""
        _check_choice(choice, self.choices)
        return replace(self, keys=tuple(key.chosen(choice if key.choices > 1 else 0) for key in self.keys))

    def branch(self, choice: int = 0) -> Branch:
        """The addresses of one alternative, by index. Raises Malformed when there is no such one."""
        _check_choice(choice, self.choices)  # before the cache, to which True is 1
        return _branch(self, choice)

    def spelled(self, network: Network) -> str:
        """The text with its checksum, for nodes of this network."""
        wrappers = _AROUND[self.kind]
        inner = ",".join([str(self.threshold), *(key.spelled(network) for key in self.keys)])
        call = f"{'sortedmulti' if self.ordered else 'multi'}({inner})"
        return checksum.with_checksum("(".join([*wrappers, call]) + ")" * len(wrappers))


def parse_descriptor(text: str, network: Network) -> Descriptor:
    """Raises Malformed on anything but a descriptor of this kind with public keys of this network."""
    if not isinstance(text, str) or len(text) > _CHARS_MAX:
        raise Malformed("descriptor.form", f"a descriptor is a text of at most {_CHARS_MAX} characters")
    kind, ordered, arguments = _peeled(checksum.without_checksum(text))
    network.check_kind(kind)
    threshold, *keys = arguments.split(",")
    if not re.fullmatch(r"[1-9][0-9]?", threshold):
        raise Malformed("descriptor.threshold", "the first argument of multi is how many keys must sign")
    return made(kind, int(threshold), tuple(parse_key(key, network) for key in keys), ordered=ordered)


def made(
    kind: ScriptKind, threshold: int, keys: Sequence[KeyExpression], *, ordered: bool = True
) -> Descriptor:
    """Raises Malformed on numbers or keys that make no wallet."""
    script.check_numbers(threshold, len(keys), kind)
    if len({key.choices for key in keys} - {1}) > 1:
        raise Malformed("descriptor.choices", "keys offer different numbers of alternatives <…;…>")
    if len({script.point_of(key.key) for key in keys}) < len(keys):
        raise script.twice()  # under whatever paths: two keys of one holder are one person's word
    found = Descriptor(kind, threshold, ordered, tuple(keys))
    for choice in range(found.choices):
        found.branch(choice)
    return found


def bip48(accounts: Sequence[KeyExpression], threshold: int, kind: ScriptKind) -> Descriptor:
    """The wallet of accounts at m/48'/coin'/account'/type'. Raises Malformed when one lies elsewhere."""
    last = _BIP48_TYPES.get(kind)
    if last is None:
        raise Malformed("bip48.kind", "BIP-48 wallets are p2wsh or p2sh-p2wsh; for p2sh take BIP-45")
    for account in accounts:
        key = account.key
        if not isinstance(key, ExtendedKey) or account.steps or (key.depth, key.number) != (4, last):
            raise Malformed(
                "bip48.place",
                f"a {kind} account lies at m/48h/<coin>h/<account>h/{last - HARDENED}h; one does not",
            )
    return made(kind, threshold, [account.below(BOTH, ranged=True) for account in accounts])


@lru_cache(maxsize=1024)
def _branch(descriptor: Descriptor, choice: int) -> Branch:
    one = descriptor.chosen(choice)
    nodes = tuple(key.node() if key.ranged else script.point_of(key.node()) for key in one.keys)
    return Branch(one.kind, one.threshold, one.ordered, nodes)


def _check_choice(choice: int, choices: int) -> None:
    if type(choice) is not int or not 0 <= choice < choices:
        raise Malformed("descriptor.choice", f"it stands for {choices} descriptors, numbered from 0")


def _peeled(body: str) -> tuple[ScriptKind, bool, str]:
    names: list[str] = []
    while found := _CALL.fullmatch(body):
        names.append(found[1])
        body = found[2]
    kind = _WRAPPERS.get(tuple(names[:-1]))
    if kind is None or names[-1] not in ("multi", "sortedmulti"):
        raise Malformed(
            "descriptor.kind",
            "this descriptor is none of sh(…), wsh(…) and sh(wsh(…)) around multi or sortedmulti; nothing "
            "else is a wallet here",
        )
    return kind, names[-1] == "sortedmulti", body
