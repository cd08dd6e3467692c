"""Signatures proved and put together: drafts become the transactions that can be sent.

Laws: a signature counts when its leaf key made it over the digest computed here; a final transaction differs
from its draft in nothing but signatures; nothing here asks a database or a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepcool.app.payouts.said import SIGNERS
from keepcool.chains.bitcoin import combining, signatures, wallets
from keepcool.chains.bitcoin.combining import Checker, Final
from keepcool.chains.bitcoin.decode import leaf_of
from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.networks import Network, Networks
from keepcool.chains.bitcoin.proving import Proven
from keepcool.core.errors import Breach, Malformed
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord


def verified(
    row: Network, record: WalletRecord, draft: bytes, signer: Service, given: Sequence[bytes]
) -> None:
    """Raises Breach unless these are the signer's, one for each input."""
    family = BitcoinFamily(Networks((row,)))
    proven = family.prove(draft, record)
    if len(given) != len(proven.inputs):
        text = f"{signer} answered with {len(given)} signatures for {len(proven.inputs)} inputs"
        raise Breach("signature.count", text)
    keys = _leaf_keys(row, record, proven, signer)
    for one, signature, key in zip(proven.inputs, given, keys, strict=True):
        try:
            family.verify_signature(one.digest, signature, key.hex())
        except Malformed as error:
            text = f"{signer}'s signature is not its key's over the input {one.outpoint}"
            raise Breach("signature.wrong", text) from error


def combined(
    row: Network,
    record: WalletRecord,
    draft: bytes,
    given: Mapping[Service, Sequence[bytes]],
    checker: Checker,
) -> Final:
    """The final transaction. Raises Breach when what is stored does not make one, or `checker` vetoes it."""
    proven = BitcoinFamily(Networks((row,))).prove(draft, record)
    by_input = [dict[bytes, bytes]() for _ in proven.inputs]
    try:
        for signer, some in given.items():
            keys = _leaf_keys(row, record, proven, signer)
            for place, (key, signature) in enumerate(zip(keys, some, strict=True)):
                by_input[place][key] = signatures.from_wire(signature)
        return combining.combine(proven, by_input, checker)
    except (Malformed, ValueError) as error:
        raise Breach("batch.row", "stored signatures do not make the batch's transaction") from error


def _leaf_keys(row: Network, record: WalletRecord, proven: Proven, signer: Service) -> list[bytes]:
    wallet, role = wallets.wallet_of(record, Networks((row,))), SIGNERS[signer]
    return [wallet.leaf_key(role, leaf_of(one.owned)) for one in proven.inputs]
