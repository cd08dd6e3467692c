"""The Minter family as the co-signer sees it: multisig accounts of three owners on Minter's own chain."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keepcool.chains import publickeys
from keepcool.chains.family import FamilyName, WalletTerms
from keepcool.chains.minter import address, wallets
from keepcool.chains.minter.assets import chain_id_of
from keepcool.chains.minter.decode import decode_transaction
from keepcool.chains.minter.transaction import Transaction, parse_preimage
from keepcool.core.effects import Effects, Hazard
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord


@dataclass(frozen=True, slots=True)
class MinterFamily:
    """Satisfies `chains.family.Family`. Drafts of version 1 are the nine fields a multisig's owners sign
    (`Transaction.preimage`); signatures are r, s, v in 65 bytes, as `payouts.assemble` takes them."""

    name: FamilyName = FamilyName.MINTER
    version: int = 1

    def derive_address(self, terms: WalletTerms) -> str:
        return wallets.derive_address(terms.network, terms.profile, terms.threshold, terms.owners)

    def decode(self, draft: bytes, record: WalletRecord) -> Effects:
        tx = parse_preimage(draft)
        effects = decode_transaction(tx, address.parse_address(record.address))
        return replace(effects, hazards=(*effects.hazards, *_foreign(tx, record)))

    def parse_recipient(self, network: NetworkId, text: str) -> str:
        chain_id_of(network)
        return address.parse_recipient(text)

    def encode_signature(self, r: bytes, s: bytes, recovery_id: int) -> bytes:
        return publickeys.signature65(r, s, recovery_id)

    def verify_signature(self, digest: bytes, signature: bytes, public_key: str) -> None:
        publickeys.verify(digest, signature, publickeys.parse_public_key(public_key))


def _foreign(tx: Transaction, record: WalletRecord) -> tuple[Hazard, ...]:
    if tx.network == record.network:
        return ()
    return (Hazard("minter.chain", f"is for {tx.network}, and the wallet lives on {record.network}"),)
