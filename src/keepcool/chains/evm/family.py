"""The EVM family as the co-signer sees it: Safes of a known profile, owners hot, cool, cold."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains import publickeys
from keepcool.chains.evm import address, wallets
from keepcool.chains.evm.assets import chain_id_of
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import domain_separator, parse_draft
from keepcool.chains.family import FamilyName, WalletTerms
from keepcool.core.effects import Effects
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord


@dataclass(frozen=True, slots=True)
class EvmFamily:
    """Satisfies `chains.family.Family`. Drafts of version 1 are `safe.encode_draft`."""

    name: FamilyName = FamilyName.EVM
    version: int = 1

    def derive_address(self, terms: WalletTerms) -> str:
        chain_id = chain_id_of(terms.network)
        owners = tuple(address.of_public_key(publickeys.parse_public_key(key)) for key in terms.owners)
        profile = profile_named(terms.profile)
        safe = wallets.derive_address(profile, owners, terms.threshold, wallets.wallet_salt(terms.wallet))
        domain_separator(chain_id, safe)  # remembered there: a wallet that is derived is about to sign
        return safe

    def decode(self, draft: bytes, record: WalletRecord) -> Effects:
        return decode_safe_tx(parse_draft(draft), profile_named(record.profile))

    def parse_recipient(self, network: NetworkId, text: str) -> str:
        chain_id_of(network)
        return address.parse_recipient(text)

    def encode_signature(self, r: bytes, s: bytes, recovery_id: int) -> bytes:
        return publickeys.signature65(r, s, recovery_id)

    def verify_signature(self, digest: bytes, signature: bytes, public_key: str) -> None:
        publickeys.verify(digest, signature, publickeys.parse_public_key(public_key))
