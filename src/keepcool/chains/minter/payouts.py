"""Drafts of a multisig wallet: one payment, many at once, and the one that only uses up a nonce; and their
assembly with the owners' signatures.

Laws: what is built decodes to exactly the payments asked for and no hazard; the assembled bytes carry
exactly as many signatures as the threshold asks for, in the order of the owners' addresses, so that one
payment has one hash as long as nobody tampers with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepcool.chains import publickeys
from keepcool.chains.keccak import keccak256
from keepcool.chains.minter.address import of_public_key, parse_address, parse_recipient
from keepcool.chains.minter.assets import BASE_COIN, chain_id_of, coin_of
from keepcool.chains.minter.data import PAYMENTS_MAX, Data, Multisend, Send
from keepcool.chains.minter.signature import MULTI, MultiSignature
from keepcool.chains.minter.transaction import Transaction, parse_preimage, sealed
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Output


def pay(
    *,
    network: NetworkId,
    nonce: int,
    outputs: Sequence[Output],
    gas_price: int = 1,
    gas_coin: int = BASE_COIN,
) -> Transaction:
    """The cheapest transaction that pays these outputs: a send for one, a multisend for 2 to 100.
    Raises Malformed."""
    if not 1 <= len(outputs) <= PAYMENTS_MAX:
        raise Malformed("multisend.size", f"one transaction pays 1 to {PAYMENTS_MAX} outputs")
    sends = tuple(_send(output, network) for output in outputs)
    data: Data = sends[0] if len(sends) == 1 else Multisend(sends)
    return _drafted(network, nonce, data, gas_price, gas_coin)


def burn(
    *, wallet: str, network: NetworkId, nonce: int, gas_price: int = 1, gas_coin: int = BASE_COIN
) -> Transaction:
    """Uses up the nonce and pays nobody: nothing of the gas coin to the wallet itself. A failed payment
    stays valid until its nonce is used up so. Raises Malformed."""
    return _drafted(network, nonce, Send(gas_coin, parse_address(wallet), 0), gas_price, gas_coin)


def is_burn(tx: Transaction, wallet: str) -> bool:
    """Whether it is what `burn` builds, up to gas price and payload."""
    return tx.data == Send(tx.gas_coin, wallet, 0)


def assemble(preimage: bytes, address: str, signatures: Mapping[str, bytes], threshold: int = 2) -> bytes:
    """The bytes a node takes: the draft of the multisig at `address`, signed. `signatures`: 65 bytes (r, s,
    v) by the owner's compressed public key in hex. Raises Malformed when one is not that key's over this
    draft, or when they are more or fewer than `threshold`."""
    tx = parse_preimage(preimage)
    if tx.signature_type != MULTI:
        raise Malformed("transaction.signature_type", "this draft is not one of a multisig")
    if len(signatures) != threshold:
        raise Malformed("signature.count", f"exactly {threshold} owners sign, not {len(signatures)}")
    digest, by_owner = keccak256(preimage), {}  # what was parsed has no second spelling
    for key, signature in signatures.items():
        public_key = publickeys.parse_public_key(key)
        publickeys.verify(digest, signature, public_key)
        by_owner[of_public_key(public_key)] = signature
    ordered = tuple(by_owner[owner] for owner in sorted(by_owner))
    return sealed(preimage, MultiSignature(parse_address(address), ordered))


def _send(output: Output, network: NetworkId) -> Send:
    units = output.amount.units
    if units < 1:
        raise Malformed("amount.range", "a payment is at least one pip")
    return Send(coin_of(output.amount.asset, network), parse_recipient(output.recipient), units)


def _drafted(network: NetworkId, nonce: int, data: Data, gas_price: int, gas_coin: int) -> Transaction:
    if nonce < 1 or gas_price < 1:
        raise Malformed("transaction.range", "nonce and gas price of a transaction are at least 1")
    return Transaction(nonce, chain_id_of(network), gas_price, gas_coin, data)
