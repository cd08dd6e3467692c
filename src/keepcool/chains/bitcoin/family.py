"""The Bitcoin family as the co-signer sees it: BIP-45 wallets of three owners, drafts as PSBTs.

Laws: an address comes from the owners' key expressions, each proved to lead to the key on record; a draft is
what `proving.prove` finds, under bounds of shape alone: what is a matter of taste (fees, data, change) stands
in the effects, for the rules. BIP-45, BIP-174.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from keepcool.chains import publickeys
from keepcool.chains.bitcoin import address, signatures, wallets
from keepcool.chains.bitcoin.decode import effects_of
from keepcool.chains.bitcoin.limits import UNBOUNDED, Limits
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.bitcoin.proving import Proven, prove
from keepcool.chains.family import FamilyName, WalletTerms
from keepcool.core.effects import Effects
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord

_BOUNDED = Limits(fee_sat_max=0, fee_rate_max=0, fee_share_max=0)
STRUCTURE = replace(
    _BOUNDED,
    fee_sat_max=UNBOUNDED.fee_sat_max,
    fee_rate_max=UNBOUNDED.fee_rate_max,
    fee_share_max=UNBOUNDED.fee_share_max,
    locktime_max=UNBOUNDED.locktime_max,
    data_bytes_max=UNBOUNDED.data_bytes_max,
    own_receiving=True,
)
"""Bounds that no policy widens: counts, sizes, dust, and how far a change address may lie from the first."""


@dataclass(frozen=True, slots=True)
class BitcoinFamily:
    """Satisfies `chains.family.Family`. Drafts of version 1 are PSBTs of version 0. `networks` are those this
    process knows."""

    networks: Networks = SHIPPED
    name: FamilyName = FamilyName.BITCOIN
    version: int = 1

    def derive_address(self, terms: WalletTerms) -> str:
        return wallets.first_address(wallets.wallet_from(terms, self.networks))

    def prove(self, draft: bytes, record: WalletRecord) -> Proven:
        """The draft as its wallet's keys see it: for whoever combines signatures. Raises as `decode`."""
        wallet = wallets.wallet_of(record, self.networks)
        return prove(draft, wallet.own(), wallet.network, STRUCTURE)

    def decode(self, draft: bytes, record: WalletRecord) -> Effects:
        return effects_of(self.prove(draft, record), record.address)

    def parse_recipient(self, network: NetworkId, text: str) -> str:
        return address.parse_recipient(self.networks.of(network), text, self.networks)

    def encode_signature(self, r: bytes, s: bytes, recovery_id: int) -> bytes:
        return signatures.from_wire(publickeys.signature65(r, s, recovery_id))

    def verify_signature(self, digest: bytes, signature: bytes, public_key: str) -> None:
        key = publickeys.parse_public_key(public_key)
        if len(signature) == signatures.WIRE_BYTES and signature[64] in signatures.WIRE_V:
            publickeys.verify(digest, signature, key)
        else:
            signatures.verify_signature(digest, signature, key)
