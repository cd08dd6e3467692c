"""What a signer says of addresses that come from one wallet record: "these, in this order, I derived myself".

Both signers attest the record; a record of the Bitcoin family stands for more addresses than any message
could carry, so they are attested by ranges. The statement names the record by its hash, the branch, the
indices, and the Merkle root (`core.merkle`) over the addresses' texts in ASCII, in order: one address and
its path suffice to check it, and the statement is one for the whole range. Format version 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.core import canonical, ids, merkle
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId, WalletId

ADDRESSES_CONTEXT = b"keepcool-addresses-v1"
ADDRESSES_VERSION = 1
COUNT_MAX = 1000
INDEX_END = 2**31
RECEIVING, CHANGE = 0, 1
_HASH_CHARS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    """Indices `first` to `first + count - 1` of one branch. `cosigner`: whose branch, by BIP-45's ranking.
    `record` and `root` are in hex."""

    wallet: WalletId
    record: str
    network: NetworkId
    cosigner: int
    change: int
    first: int
    count: int
    root: str

    def encoded(self) -> bytes:
        """Canonical bytes."""
        return canonical.encode(
            {
                "change": self.change,
                "cosigner": self.cosigner,
                "count": self.count,
                "first": self.first,
                "network": self.network,
                "record": self.record,
                "root": self.root,
                "version": ADDRESSES_VERSION,
                "wallet": self.wallet,
            }
        )

    def check_holds(self, address: str, index: int, way: Sequence[bytes]) -> None:
        """Raises Malformed unless `way` proves that this address is the range's at `index`."""
        proven = merkle.root_by(_entry(address), index - self.first, self.count, way)
        if proven.hex() != self.root:
            raise Malformed("addresses.proof", "this address is not the attested one at its index")


def signed_bytes(encoded: bytes) -> bytes:
    """What a signer's attestation key signs."""
    return ADDRESSES_CONTEXT + b"\0" + encoded


def root_of(addresses: Sequence[str]) -> str:
    return merkle.root([_entry(one) for one in addresses]).hex()


def way_of(addresses: Sequence[str], place: int) -> tuple[bytes, ...]:
    """The proof of the address at `place` of its range's list."""
    return merkle.path([_entry(one) for one in addresses], place)


def ways_of(addresses: Sequence[str]) -> list[tuple[bytes, ...]]:
    """The proof of each address of a range's list, in order."""
    return merkle.paths([_entry(one) for one in addresses])


def check_indices(first: int, count: int, change: int) -> None:
    """Raises Malformed on indices that no branch has, and on more than one statement covers."""
    if not 1 <= count <= COUNT_MAX:
        raise Malformed("addresses.count", f"ask for 1 to {COUNT_MAX} addresses at once")
    if not 0 <= first <= INDEX_END - count:
        raise Malformed("addresses.index", f"an address's index is from 0 to {INDEX_END - 1}")
    if change not in (RECEIVING, CHANGE):
        raise Malformed("addresses.change", "a branch is 0 (receiving) or 1 (change)")


def parse_range(data: bytes) -> AddressRange:
    """The statement behind canonical bytes. Raises Malformed on anything else."""
    plain = canonical.decode(data, "address statement")
    if plain.get("version") != ADDRESSES_VERSION:
        raise Malformed("addresses.version", "address statement: this version is not known here")

    def text(name: str, chars: int = 0) -> str:
        value = plain.get(name)
        if not isinstance(value, str) or (chars and len(value) != chars):
            raise _malformed()
        return value

    def whole(name: str) -> int:
        value = plain.get(name)
        if type(value) is not int or value < 0:
            raise _malformed()
        return value

    made = AddressRange(
        wallet=ids.wallet_id(text("wallet")),
        record=text("record", _HASH_CHARS),
        network=ids.network_id(text("network")),
        cosigner=whole("cosigner"),
        change=whole("change"),
        first=whole("first"),
        count=whole("count"),
        root=text("root", _HASH_CHARS),
    )
    check_indices(made.first, made.count, made.change)
    if made.encoded() != data:
        raise _malformed()
    return made


def _malformed() -> Malformed:
    return Malformed("addresses.form", "address statement: unknown or misplaced fields")


def _entry(address: str) -> bytes:
    try:
        return address.encode("ascii")
    except UnicodeEncodeError as error:
        raise Malformed("addresses.text", "an address is ASCII") from error
