"""Why an address is believed: the statement of both signers over its range, and its way within.

Law: whoever shows an address has verified this a moment before, also against the record it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nacl.exceptions import BadSignatureError

from keepcool.app.attestationkeys import Verifier
from keepcool.core.addresses import RECEIVING, AddressRange, parse_range, signed_bytes
from keepcool.core.errors import Breach, Malformed
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord


@dataclass(frozen=True, slots=True)
class Proof:
    """An address of a record as the database has it, and what proves it. Not verified."""

    address: str
    index: int
    statement: bytes
    signatures: Mapping[Service, bytes]
    way: tuple[bytes, ...]


def verify_statement(
    keys: Mapping[Service, Verifier], statement: bytes, signatures: Mapping[Service, bytes]
) -> AddressRange:
    """What both signers state. Raises Breach when one of them did not sign exactly these bytes."""
    for service, key in keys.items():
        try:
            key.verify(signed_bytes(statement), signatures.get(service, b""))
        except (BadSignatureError, ValueError) as error:
            text = f"a range of addresses does not carry {service}'s signature; none of it is served"
            raise Breach("addresses.unattested", text) from error
    try:
        return parse_range(statement)
    except Malformed as error:
        raise Breach("addresses.statement", "an attested range of addresses that cannot be read") from error


def verify_address(keys: Mapping[Service, Verifier], record: WalletRecord, proof: Proof) -> None:
    """Returns when both signers derived this receiving address from this record. Raises Breach."""
    stated = verify_statement(keys, proof.statement, proof.signatures)
    named = (stated.wallet, stated.record, stated.network, stated.change)
    if named != (record.wallet, record.hash(), record.network, RECEIVING):
        raise Breach("addresses.other_record", "an address is attested of another record; it is not served")
    try:
        stated.check_holds(proof.address, proof.index, proof.way)
    except Malformed as error:
        text = "the database names another address than both signers attested; it is not served"
        raise Breach("addresses.row_differs", text) from error
