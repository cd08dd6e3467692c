"""Key expressions: a public key, where it comes from, and the path below it that a script takes.

Laws: public keys only, and a private one is refused without being repeated; steps below a key are never
hardened, as those need the secret; at most one step offers a choice. BIP-380, BIP-389, SLIP-132.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from keepcool.chains import base58, bip32, publickeys
from keepcool.chains.bip32 import HARDENED, ExtendedKey
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Malformed

_EXPRESSION = re.compile(r"(?:\[([^\]]*)\])?([0-9A-Za-z]+)((?:/[^/]+)*)")
_ORIGIN = re.compile(r"([0-9a-fA-F]{8})((?:/[0-9]{1,10}[h']?)*)")
_STEP = re.compile(r"(0|[1-9][0-9]{0,9})([h']?)")
_CHOICE = re.compile(r"<(.*)>")
_CHOICES_MAX, _STEPS_MAX = 16, 16
_POINT = re.compile(r"0[23][0-9a-f]{64}|04[0-9a-f]{128}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Origin:
    """The fingerprint (8 hex digits) of the master key and the path from it to the key."""

    fingerprint: str
    path: tuple[int, ...]

    def __str__(self) -> str:
        return f"[{self.fingerprint}{''.join('/' + spelled_step(step) for step in self.path)}]"


@dataclass(frozen=True, slots=True)
class KeyExpression:
    """`key` is an extended key or 33 bytes. Each of `steps` holds its alternatives, as a rule one;
    `ranged`: an index follows (/*)."""

    origin: Origin | None
    key: ExtendedKey | bytes
    steps: tuple[tuple[int, ...], ...] = ()
    ranged: bool = False

    @property
    def choices(self) -> int:
        """How many alternatives its multipath step offers; 1 without one."""
        return max((len(step) for step in self.steps), default=1)

    def chosen(self, choice: int) -> KeyExpression:
        """With the alternative of this number taken. Raises Malformed when there is no such one."""
        if not 0 <= choice < self.choices:
            raise Malformed("key.choice", f"there are {self.choices} alternatives, numbered from 0")
        return replace(self, steps=tuple((step[choice if len(step) > 1 else 0],) for step in self.steps))

    def below(self, *steps: tuple[int, ...], ranged: bool = False) -> KeyExpression:
        """The same key with more steps, and an index after them when `ranged`."""
        return replace(self, steps=(*self.steps, *steps), ranged=ranged)

    def node(self, choice: int = 0) -> ExtendedKey | bytes:
        """The key its steps lead to; where an index follows, that index's parent."""
        if isinstance(self.key, bytes):
            return self.key
        return _below(self.key, tuple(step[0] for step in self.chosen(choice).steps))

    def spelled(self, network: Network) -> str:
        """The expression in its one spelling, with the network's version of extended keys."""
        if isinstance(self.key, bytes):
            key = self.key.hex()
        else:
            key = bip32.encode_xpub(self.key, network.key_version)
        steps = "".join("/" + _spelled_choice(step) for step in self.steps)
        return f"{self.origin or ''}{key}{steps}{'/*' if self.ranged else ''}"


def parse_key(text: str, network: Network) -> KeyExpression:
    """Raises Malformed on anything but one key expression of public keys of this network."""
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise Malformed("key.form", "a key is [fingerprint/path]xpub/path, origin and path as needed")
    origin = None if found[1] is None else parse_origin(found[1])
    key = _key(found[2], network)
    words = found[3].split("/")[1:]
    ranged = bool(words) and words[-1] == "*"
    steps = tuple(_alternatives(word) for word in (words[:-1] if ranged else words))
    if words and isinstance(key, bytes):
        raise Malformed("key.path", "a single key has no path below it; give its xpub")
    if len(steps) > _STEPS_MAX:
        raise Malformed("key.path", f"a key has at most {_STEPS_MAX} steps below it")
    if sum(len(step) > 1 for step in steps) > 1:
        raise Malformed("key.choice", "a key has at most one step with alternatives <…;…>")
    return KeyExpression(origin, key, steps, ranged)


def parse_xpub(text: str, network: Network) -> ExtendedKey:
    """An extended key written for this network, in any of its versions, or as xpub, which paper and many
    tools write whatever the network. Raises Malformed: `key.network` when it is written for another."""
    version, key = bip32.parse_versioned(text)
    if version != bip32.XPUB and version.hex() not in network.key_versions:
        others = [other.name for other in SHIPPED if version.hex() in other.key_versions]
        raise Malformed(
            "key.network",
            f"this extended key is written for {' or '.join(others) or 'a network unknown here'}, "
            f"not for {network.name}",
        )
    return key


def parse_origin(text: str) -> Origin:
    """What stands between the brackets. Raises Malformed."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise Malformed("key.origin", "a key's origin is 8 hex digits and a path: d34db33f/45h")
    return Origin(found[1].lower(), tuple(parse_path(found[2][1:])) if found[2] else ())


def parse_path(text: str) -> Iterable[int]:
    """The numbers of "45h/0/1", hardened where marked h or '. Raises Malformed."""
    return [_step(word) for word in text.split("/")]


def spelled_step(number: int) -> str:
    """A step as it is written: hardened ones end in h."""
    return f"{number - HARDENED}h" if number >= HARDENED else str(number)


@lru_cache(maxsize=4096)
def _below(key: ExtendedKey, steps: tuple[int, ...]) -> ExtendedKey:
    """Kept, with all above it: wallets and branches are few beside the addresses under them."""
    return bip32.child(_below(key, steps[:-1]), steps[-1]) if steps else key


def _key(text: str, network: Network) -> ExtendedKey | bytes:
    if _POINT.fullmatch(text.lower()):
        if len(text) != 66:
            raise Malformed("key.form", "a single key is compressed: 66 hex digits, 02… or 03…")
        return publickeys.parse_public_key(text.lower())
    if 51 <= len(text) <= 52:
        _refuse_secret(text)
    return parse_xpub(text, network)


def _refuse_secret(text: str) -> None:
    """What reads as a private key of a wallet file must not come back in an error about its form."""
    payload = base58.decode(text, 52)
    if len(payload) in (33, 34):
        raise Malformed(
            "key.secret",
            "this is a PRIVATE key: whoever reads it can spend; here belongs the public one. Consider the "
            "key exposed",
        )


def _alternatives(word: str) -> tuple[int, ...]:
    found = _CHOICE.fullmatch(word)
    numbers = tuple(_step(each) for each in (found[1].split(";") if found else [word]))
    if found and not 2 <= len(numbers) == len(set(numbers)) <= _CHOICES_MAX:
        raise Malformed("key.choice", f"alternatives <…;…> are 2 to {_CHOICES_MAX} and all different")
    if any(number >= HARDENED for number in numbers):
        raise Malformed("key.hardened", "a hardened step needs the private key; give the xpub below it")
    return numbers


def _step(word: str) -> int:
    found = _STEP.fullmatch(word)
    if found is None or int(found[1]) >= HARDENED:
        raise Malformed("key.path", f"a path's step is 0 to {HARDENED - 1}, with h or ' when hardened")
    return int(found[1]) + (HARDENED if found[2] else 0)


def _spelled_choice(step: tuple[int, ...]) -> str:
    return str(step[0]) if len(step) == 1 else f"<{';'.join(str(number) for number in step)}>"
