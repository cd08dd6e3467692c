"""Forwarders: keyless deposit addresses that can pay nobody but one treasury, and the calls that sweep them.

Laws: a forwarder's address commits to the treasury and to its index, and to the code that obeys only the
factory; whoever knows the treasury derives all of them. CREATE2 (EIP-1014); contracts/Forwarder.sol and
contracts/ForwarderFactory.sol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import ZERO, parse_address, raw_of, to_checksum
from keepcool.chains.evm.contract_code import (
    FORWARDER_CREATION_KECCAK,
    FORWARDER_FACTORY_CREATION,
    FORWARDER_FACTORY_RUNTIME_KECCAK,
)
from keepcool.chains.evm.profiles import Contract
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed

SINGLETON_FACTORY = "0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"
FACTORY = Contract("0x2443cf163DB85D2586710c9843ECd36625068Ef8", FORWARDER_FACTORY_RUNTIME_KECCAK)
FLUSH = bytes.fromhex("6fbea747")  # flush(address,uint256,bytes32[])
FLUSHED = bytes.fromhex("78101cef78686493a17807a2440575cd375dbd104e3223d88d1fb817e8bfe45f")
SKIPPED = bytes.fromhex("a93817fe554fe31cc8d30f5e79e139203d606befc1db04c79263370586732784")
ITEMS_MAX = 200
INDEX_END = 2**31
GAS_EACH = 200_000  # of one call to a token; the dearest that are listed anywhere use about half of it
_PREFIX = b"\xff" + raw_of(FACTORY.address)


@dataclass(frozen=True, slots=True)
class Item:
    """One forwarder and one asset of it. `token` None: the native coin."""

    index: int
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Flush:
    """What a call of the factory asks for. Raises Malformed when made of anything the factory would not read
    as it is written here."""

    treasury: str
    items: tuple[Item, ...]
    gas_each: int = GAS_EACH

    def __post_init__(self) -> None:
        parse_address(self.treasury)
        if not 1 <= len(self.items) <= ITEMS_MAX:
            raise Malformed("flush.items", f"sweep 1 to {ITEMS_MAX} at once")
        if len(set(self.items)) != len(self.items):
            raise Malformed("flush.twice", "the same is to be swept twice")
        if not 0 < self.gas_each <= 2**24:
            raise Malformed("flush.gas", "the gas of one call is out of range")
        for one in self.items:
            check_index(one.index)
            if one.token is not None and (parse_address(one.token) == ZERO):
                raise Malformed("flush.token", "no token lives at the address zero")

    def encoded(self) -> bytes:
        """Call data for the factory."""
        words = b"".join(_word(one) for one in self.items)
        tail = abi.Tail(abi.uint(len(self.items)) + words)
        return FLUSH + abi.encode(abi.address(self.treasury), abi.uint(self.gas_each), tail)


def parse_flush(data: bytes) -> Flush:
    """The flush behind call data. Raises Malformed on all that `encoded` does not make."""
    if data[:4] != FLUSH:
        raise Malformed("flush.form", "this is not a call of flush(address,uint256,bytes32[])")
    arguments = data[4:]
    if len(arguments) < 5 * 32 or len(arguments) % 32:
        raise abi.impure("is too short or not made of whole words")
    if arguments[:12] != bytes(12):
        raise abi.impure("has an address with bits above 160")
    words = [arguments[at : at + 32] for at in range(4 * 32, len(arguments), 32)][:ITEMS_MAX]
    items = tuple(_item(word) for word in words)
    flush = Flush(to_checksum(arguments[12:32]), items, int.from_bytes(arguments[32:64], "big"))
    if flush.encoded() != data:
        raise abi.impure("is not in its one encoding")
    return flush


def check_index(index: int) -> None:
    """Raises Malformed on an index no forwarder has."""
    if type(index) is not int or not 0 <= index < INDEX_END:
        raise Malformed("forwarder.index", f"a forwarder's index is from 0 to {INDEX_END - 1}")


def forwarder_address(treasury: str, index: int) -> str:
    """Where the forwarder of this treasury and index is, deployed or not, on every chain that has the
    factory."""
    return to_checksum(raw_forwarder(abi.address(treasury), index))


def raw_forwarder(treasury_word: bytes, index: int) -> bytes:
    """The same as 20 bytes, of a treasury padded to a word."""
    salt = keccak256(treasury_word + index.to_bytes(32, "big"))
    return keccak256(_PREFIX + salt + FORWARDER_CREATION_KECCAK)[12:]


def factory_creation() -> bytes:
    """Call data for the Safe singleton factory: it makes the forwarders' factory, at its one address."""
    return bytes(32) + FORWARDER_FACTORY_CREATION


def flushes(treasury: str, items: Sequence[Item], *, gas_each: int = GAS_EACH) -> list[Flush]:
    """As many calls as it takes to sweep all of them. Whoever wants coins out of forwarders, of a token that
    is listed nowhere too, sends these to `FACTORY` from any account."""
    some = list(dict.fromkeys(items))
    lots = [tuple(some[at : at + ITEMS_MAX]) for at in range(0, len(some), ITEMS_MAX)]
    return [Flush(treasury, lot, gas_each) for lot in lots]


def _word(one: Item) -> bytes:
    return one.index.to_bytes(12, "big") + raw_of(one.token or ZERO)


def _item(word: bytes) -> Item:
    token = to_checksum(word[12:])
    return Item(int.from_bytes(word[:12], "big"), None if token == ZERO else token)
