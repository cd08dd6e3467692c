"""Addresses of a network: to scripts and back, in one spelling, and whose they are when they are not ours.

Laws: script and address are each other's image on one network; nothing is repaired; an address of another
network is named as such, not as a typing error; a script nobody can own for sure is no recipient.
BIP-13, BIP-173, BIP-350.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from keepcool.chains import base58
from keepcool.chains.bitcoin import bech32
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Malformed

_BASE58_MAX = 35
_OP_1, _OP_16 = 0x51, 0x60
_OTHER_FAMILIES = (
    ("an EVM", re.compile(r"0x[0-9a-fA-F]{40}")),
    ("a Minter", re.compile(r"Mx[0-9a-fA-F]{40}")),
    ("a Tron", re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")),
)


def parse_address(network: Network, text: str) -> bytes:
    """The script this address pays to. Raises Malformed: `address.network` when it is another network's,
    `address.form` for anything else, saying what is wrong with it."""
    script = _script(network, text)
    if script is None:
        raise _not_an_address(network, str(text), SHIPPED)
    return script


def parse_recipient(network: Network, text: str, known: Iterable[Network] = SHIPPED) -> str:
    """The one spelling of an address that may be paid on `network`; `known` networks are told apart in
    the error. Raises Malformed, also on a witness program whose rules nobody has fixed yet: anybody
    could spend it."""
    script = _script(network, text)
    if script is None:
        raise _not_an_address(network, str(text), known)
    return recipient_of(network, script)


def recipient_of(network: Network, script: bytes) -> str:
    """The address of a script that may be paid: `parse_recipient` of its address. Raises Malformed."""
    spelled = spell(network, script)
    if _OP_1 <= script[0] <= _OP_16 and not (network.taproot and script[:2] == b"\x51\x20"):
        raise Malformed(
            "address.future",
            f"{spelled} is of a kind that {network.name} has no rules for yet: anybody could take coins "
            "sent there; ask for another address",
        )
    return spelled


def spell(network: Network, script: bytes) -> str:
    """The address of a script. Raises Malformed on a script that has none there."""
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        return base58.encode(bytes((network.p2sh[0],)) + script[2:22])
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return base58.encode(bytes((network.p2pkh[0],)) + script[3:23])
    if network.hrp and 4 <= len(script) <= 42 and script[1] == len(script) - 2:
        version = script[0] - _OP_1 + 1 if script[0] else 0
        if 0 <= version <= 16:
            return bech32.encode(network.hrp, version, script[2:])
    raise Malformed("address.script", f"this script has no address on {network.name}")


def _script(network: Network, text: str) -> bytes | None:
    """The script of an address of this network; None when it is not spelled as one."""
    if _looks_witness(network, text):
        return _witness_script(network, text)
    try:
        raw = base58.decode(text, _BASE58_MAX)
    except Malformed:
        return None
    if len(raw) == 21 and raw[0] in network.p2sh:
        return b"\xa9\x14" + raw[1:] + b"\x87"
    if len(raw) == 21 and raw[0] in network.p2pkh:
        return b"\x76\xa9\x14" + raw[1:] + b"\x88\xac"
    return None


def _looks_witness(network: Network, text: str) -> bool:
    beginning = network.hrp + "1"
    return bool(network.hrp) and isinstance(text, str) and text[: len(beginning)].lower() == beginning


def _witness_script(network: Network, text: str) -> bytes | None:
    try:
        hrp, version, program = bech32.decode(text)
    except Malformed:
        return None
    if hrp != network.hrp:
        return None
    return bytes((_OP_1 + version - 1 if version else 0, len(program))) + program


def _not_an_address(network: Network, text: str, known: Iterable[Network]) -> Malformed:
    shown = text[:100]
    others = [other.name for other in known if other.id != network.id and _script(other, text) is not None]
    family = next((name for name, pattern in _OTHER_FAMILIES if pattern.fullmatch(text)), None)
    if others or family:
        whose = f"an address of {' or '.join(others)}" if others else f"{family} address"
        return Malformed(
            "address.network",
            f"{shown} is {whose} and this is {network.name}: choose the matching network or ask for an "
            f"address of {network.name}",
        )
    return Malformed("address.form", f"not an address of {network.name}: {shown!r}; {_why(network, text)}")


def _why(network: Network, text: str) -> str:
    if text != text.strip():
        return "there is a space before or after it"
    try:
        if _looks_witness(network, text):
            bech32.decode(text)
        else:
            base58.decode(text, _BASE58_MAX)
    except Malformed as error:
        return error.public.partition(": ")[2]
    return f"its prefix belongs to no kind of address of {network.name}"
