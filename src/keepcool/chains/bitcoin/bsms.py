"""Files by which a multisig wallet is set up and kept: BSMS 1.0, read and written.

Laws: a wallet's file is believed only when its descriptor leads to the address it states; a key's record
only when the key itself signed it; what is read is whole, line for line, and what is altered is refused.
Signing is done where keys are; here are the digest and the check. BIP-129, BIP-322 (legacy).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from keepcool.chains import publickeys
from keepcool.chains.bitcoin import checksum
from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.compact import sized
from keepcool.chains.bitcoin.descriptor import Descriptor, parse_descriptor
from keepcool.chains.bitcoin.keys import KeyExpression, parse_key
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.script import point_of
from keepcool.chains.bitcoin.transaction import hash256
from keepcool.core.errors import Malformed

VERSION = "BSMS 1.0"
UNRESTRICTED = "No path restrictions"
_MAGIC = b"\x18Bitcoin Signed Message:\n"
_TEMPLATE = "/**"
_RESTRICTION = re.compile(r"/([0-9]{1,10})/\*")
_TOKEN = re.compile(r"00|[0-9a-f]{16}|[0-9a-f]{32}")
_DESCRIPTION_MAX, _CHARS_MAX = 80, 10_000
_COMPRESSED_HEADERS = range(31, 35)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Round 1: a cosigner's key, offered under the setup's token (hex; 00 without encryption). `key` as it
    is spelled in the file, which is what is signed."""

    token: str
    key: str
    description: str

    @property
    def message(self) -> str:
        return "\n".join([VERSION, self.token, self.key, self.description])

    @property
    def digest(self) -> bytes:
        """What the key signs: 32 bytes."""
        message = self.message.encode()
        return hash256(_MAGIC + sized(message))

    def spelled(self, signature: bytes) -> str:
        """The file, with the key's signature (65 bytes: r, s, v with v 27 or 28)."""
        header = bytes((signature[64] + 4,))
        return f"{self.message}\n{base64.b64encode(header + signature[:64]).decode()}\n"


def key_record(token: str, key: KeyExpression, description: str, network: Network) -> KeyRecord:
    """Raises Malformed on a token, key or description that the format does not take."""
    if not _TOKEN.fullmatch(token):
        raise Malformed("bsms.token", "a token is 00, or 16 or 32 small hex digits")
    if len(description) > _DESCRIPTION_MAX or not description.isprintable():
        raise Malformed("bsms.description", f"a key's description is one line of {_DESCRIPTION_MAX} letters")
    if key.origin is None or key.steps or key.ranged:
        raise Malformed("bsms.key", "a key is offered with its origin and without a path below it")
    return KeyRecord(token, key.spelled(network), description)


def parse_key_record(text: str, network: Network) -> tuple[KeyRecord, KeyExpression]:
    """The record and the key it offers. Raises Malformed, also when the key did not sign it."""
    version, token, key, description, signature = _lines(text, 5)
    _check_version(version)
    expression = parse_key(key, network)
    key_record(token, expression, description, network)
    record = KeyRecord(token, key, description)
    publickeys.verify(record.digest, _signature(signature), point_of(expression.key))
    return record, expression


def parse_wallet(text: str, network: Network) -> Descriptor:
    """Round 2: the wallet that a coordinator made of the keys. Raises Malformed, also when the first
    address is not the descriptor's."""
    version, descriptor, restrictions, first_address = _lines(text, 4)
    _check_version(version)
    found = parse_descriptor(_filled(checksum.without_checksum(descriptor), restrictions), network)
    if _first_address(found, network) != first_address:
        raise Malformed(
            "bsms.address",
            "the first address is not the one the descriptor leads to: the file was altered, or is of "
            "another network",
        )
    return found


def spelled_wallet(descriptor: Descriptor, network: Network) -> str:
    """The file of a wallet."""
    text, restrictions = descriptor.spelled(network), UNRESTRICTED
    template = _templated(descriptor)
    if template is not None:
        text = text.partition("#")[0].replace(f"/<{';'.join(map(str, template))}>/*", _TEMPLATE)
        restrictions = ",".join(f"/{number}/*" for number in template)
    return "\n".join([VERSION, text, restrictions, _first_address(descriptor, network), ""])


def _templated(descriptor: Descriptor) -> tuple[int, ...] | None:
    """The alternatives that all keys end in, before the index; None when they do not."""
    ends = {key.steps[-1] if key.ranged and key.steps else () for key in descriptor.keys}
    end = ends.pop()
    return end if not ends and len(end) > 1 else None


def _filled(descriptor: str, restrictions: str) -> str:
    if restrictions == UNRESTRICTED:
        if _TEMPLATE in descriptor:
            raise Malformed("bsms.paths", "a descriptor with /** needs its paths named, as /0/*,/1/*")
        return descriptor
    numbers = [found[1] for found in map(_RESTRICTION.fullmatch, restrictions.split(",")) if found]
    if len(numbers) != restrictions.count(",") + 1 or _TEMPLATE not in descriptor:
        raise Malformed("bsms.paths", f"paths are {UNRESTRICTED!r}, or /0/*,/1/* for a descriptor with /**")
    step = numbers[0] if len(numbers) == 1 else f"<{';'.join(numbers)}>"
    return descriptor.replace(_TEMPLATE, f"/{step}/*")


def _first_address(descriptor: Descriptor, network: Network) -> str:
    return spell(network, descriptor.branch().locking(0).script_pubkey)


def _lines(text: str, count: int) -> list[str]:
    lines = text[: _CHARS_MAX + 1].removesuffix("\n").split("\n")
    if len(text) > _CHARS_MAX or len(lines) != count:
        raise Malformed("bsms.lines", f"this BSMS file has {count} lines")
    return [line.removesuffix("\r") for line in lines]


def _check_version(line: str) -> None:
    if line != VERSION:
        raise Malformed("bsms.version", f"the first line of the file is {VERSION!r}")


def _signature(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("bsms.signature", "the signature is not Base64") from error
    if len(raw) != 65 or raw[0] not in _COMPRESSED_HEADERS:
        raise Malformed("bsms.signature", "the signature is not that of a compressed key over a message")
    return raw[1:] + bytes((raw[0] - 4,))
