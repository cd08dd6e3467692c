"""What a draft would really do, decoded from its own bytes by the party that is about to sign it.

Rules see families only through these values. A slot is what a chain lets be spent once (an outpoint,
a Safe's nonce, an account's nonce): two drafts conflict when they share one.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.money import Amount


@dataclass(frozen=True, slots=True)
class Payment:
    """`recipient` in the family's one canonical spelling (EVM: EIP-55)."""

    recipient: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class ContractCall:
    """A call made on the wallet's behalf. `selector` is "" for a plain transfer of the native asset."""

    contract: str
    selector: str
    name: str


@dataclass(frozen=True, slots=True)
class Hazard:
    """Something no ordinary payment has: a delegatecall, a gas refund, a change of owners."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """`space` is the account whose nonce is consumed or the funding transaction, `position` the nonce
    or output index. Unique per network."""

    network: NetworkId
    space: str
    position: int


@dataclass(frozen=True, slots=True)
class Effects:
    """Of one draft. `source` is the address the coins leave; `fee_max` is None where the draft itself
    pays no fee (a Safe's is paid by the purse). `digests` are what the wallet's keys will sign,
    computed here from the bytes and never received: 32 bytes each. `fee_rate` is the price per unit of
    size or gas in the network's own unit (Minter: the gas price multiplier), `fee_asset` what the draft
    itself pays its fee in, both None where it pays none; `data_bytes` counts what it carries besides its
    payments (Minter: payload and service data; Bitcoin: data outputs), and `data_hash` is the SHA-256 of that
    (hex), "" where there is none: whom it reaches may depend on it.

    `leaves` says, per digest, the path below the record's public key whose child signs it (Bitcoin: each
    coin has keys of its own); empty: the record's key itself signs all. `ordered`: the positions of a slot's
    space are used up one after another (nonces); outpoints have no order."""

    family: str
    network: NetworkId
    source: str
    payments: tuple[Payment, ...]
    calls: tuple[ContractCall, ...]
    change: tuple[Payment, ...]
    hazards: tuple[Hazard, ...]
    slots: tuple[Slot, ...]
    fee_max: Amount | None
    digests: tuple[bytes, ...]
    fee_rate: int | None = None
    fee_asset: AssetId | None = None
    data_bytes: int = 0
    leaves: tuple[tuple[int, ...], ...] = ()
    ordered: bool = True
    data_hash: str = ""
