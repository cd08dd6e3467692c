"""What a co-signer asks of a chain family, as one Protocol.

A family is a pure codec: it derives, decodes and spells; it never signs and never talks to a node.
`version` names the draft encoding and grows when its bytes change, so that two signers of different
releases notice instead of disagreeing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from keepcool.core.effects import Effects
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import Role, WalletRecord


class FamilyName(StrEnum):
    """The families known to this release; a record that names another is refused."""

    EVM = "evm"
    MINTER = "minter"
    BITCOIN = "bitcoin"


@dataclass(frozen=True, slots=True)
class WalletTerms:
    """What an address is derived from. `owners`: compressed public keys in hex, hot, cool, cold; `origins`:
    where each is said to come from, as its `OwnerKey` states it (Bitcoin: a whole key expression)."""

    wallet: WalletId
    network: NetworkId
    profile: str
    threshold: int
    owners: tuple[str, str, str]
    origins: tuple[str, str, str] = ("", "", "")


def terms_of(record: WalletRecord) -> WalletTerms:
    """The terms a record states. Its address is left out: that is what they must lead to."""
    hot, cool, cold = record.key(Role.HOT), record.key(Role.COOL), record.key(Role.COLD)
    return WalletTerms(
        wallet=record.wallet,
        network=record.network,
        profile=record.profile,
        threshold=record.threshold,
        owners=(hot.public_key, cool.public_key, cold.public_key),
        origins=(hot.origin, cool.origin, cold.origin),
    )


class Family(Protocol):
    @property
    def name(self) -> FamilyName: ...

    @property
    def version(self) -> int: ...

    def derive_address(self, terms: WalletTerms) -> str:
        """The wallet's address in its one spelling. Raises Malformed on terms that give none."""

    def decode(self, draft: bytes, record: WalletRecord) -> Effects:
        """What the draft would do to the record's wallet. Raises Malformed on what is not understood to
        the last byte; what is understood and dangerous stands in `hazards`."""

    def parse_recipient(self, network: NetworkId, text: str) -> str:
        """The one spelling of an address that may be paid on `network`. Raises Malformed."""

    def encode_signature(self, r: bytes, s: bytes, recovery_id: int) -> bytes:
        """A signature as this family's transactions carry it or the code that assembles them takes it
        (EVM and Minter: 65 bytes, v 27 or 28; Bitcoin: DER and the sighash byte)."""

    def verify_signature(self, digest: bytes, signature: bytes, public_key: str) -> None:
        """Returns when the key (compressed hex) made this signature over `digest`. Raises Malformed. Takes
        the 65 bytes that signers answer with, and what `encode_signature` gives."""
