"""execTransaction: a SafeTx and its owners' signatures on their way to the chain.

Laws: signatures are checked before they are packed, and stand in ascending order of their owners as the
contract demands; only plain ECDSA signatures exist here (v 27 or 28), no contract and no pre-approved ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from keepcool.chains.evm import abi
from keepcool.chains.evm.address import parse_address, signer_of
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.core.errors import Malformed

EXEC = bytes.fromhex("6a761202")  # execTransaction
SIGNATURES_MAX = 20
_SIZE = 65


@dataclass(frozen=True, slots=True)
class Execution:
    """Call data of execTransaction, read: the fields of a SafeTx but its place (Safe, chain, nonce), and the
    signatures (65 bytes each) in their order."""

    to: str
    value: int
    data: bytes
    operation: int
    safe_tx_gas: int
    base_gas: int
    gas_price: int
    gas_token: str
    refund_receiver: str
    signatures: tuple[bytes, ...]

    def at(self, safe: str, chain_id: int, nonce: int) -> SafeTx:
        """The SafeTx this executes when the Safe's nonce is `nonce`. Raises Malformed."""
        return SafeTx(
            safe=safe,
            chain_id=chain_id,
            to=self.to,
            value=self.value,
            data=self.data,
            operation=self.operation,
            nonce=nonce,
            safe_tx_gas=self.safe_tx_gas,
            base_gas=self.base_gas,
            gas_price=self.gas_price,
            gas_token=self.gas_token,
            refund_receiver=self.refund_receiver,
        )


def exec_transaction(tx: SafeTx, signatures_by_owner: Mapping[str, bytes]) -> bytes:
    """Call data for the Safe. Raises Malformed when a signature is not its owner's over this SafeTx."""
    digest = safe_tx_hash(tx)
    for owner, signature in signatures_by_owner.items():
        if signer_of(digest, signature) != parse_address(owner):
            raise Malformed("signature.owner", f"a signature handed in for {owner} was not made by it")
    if not 1 <= len(signatures_by_owner) <= SIGNATURES_MAX:
        raise Malformed("signature.count", f"an execution carries 1 to {SIGNATURES_MAX} signatures")
    ordered = sorted(signatures_by_owner.items(), key=lambda item: int(item[0], 16))
    return _encode(tx, b"".join(signature for _, signature in ordered))


def parse_execution(data: bytes) -> Execution:
    """Call data of execTransaction. Raises Malformed on anything but its standard encoding."""
    if data[:4] != EXEC:
        raise Malformed("execution.form", "this is not a call of execTransaction")
    reader = abi.Reader(data[4:], 10)
    to, value, inner, operation = reader.address(), reader.uint(), reader.dynamic_bytes(), reader.uint(8)
    gas = (reader.uint(), reader.uint(), reader.uint())
    token, receiver, packed = reader.address(), reader.address(), reader.dynamic_bytes()
    reader.finish()
    return Execution(to, value, inner, operation, *gas, token, receiver, split_signatures(packed))


def split_signatures(packed: bytes) -> tuple[bytes, ...]:
    if not packed or len(packed) % _SIZE or len(packed) > SIGNATURES_MAX * _SIZE:
        raise Malformed(
            "signature.count", f"an execution carries 1 to {SIGNATURES_MAX} signatures of 65 bytes"
        )
    return tuple(packed[at : at + _SIZE] for at in range(0, len(packed), _SIZE))


def signers(tx: SafeTx, signatures: Sequence[bytes]) -> tuple[str, ...]:
    """Who made these signatures over this SafeTx, in their order. Raises Malformed on one that is not plain
    ECDSA, and when they do not ascend, which the contract refuses (that also rules out one owner twice)."""
    digest = safe_tx_hash(tx)
    found = tuple(signer_of(digest, signature) for signature in signatures)
    numbers = [int(address, 16) for address in found]
    if any(low >= high for low, high in pairwise(numbers)):
        raise Malformed("signature.order", "the signatures do not stand in ascending order of their owners")
    return found


def _encode(tx: SafeTx, packed: bytes) -> bytes:
    return EXEC + abi.encode(
        abi.address(tx.to),
        abi.uint(tx.value),
        abi.dynamic_bytes(tx.data),
        abi.uint(tx.operation),
        abi.uint(tx.safe_tx_gas),
        abi.uint(tx.base_gas),
        abi.uint(tx.gas_price),
        abi.address(tx.gas_token),
        abi.address(tx.refund_receiver),
        abi.dynamic_bytes(packed),
    )
