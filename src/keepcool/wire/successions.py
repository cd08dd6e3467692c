"""A list of attestation keys as it travels: its canonical bytes and the root key's signature over them."""

from __future__ import annotations

import msgspec
from nacl import bindings
from nacl.exceptions import BadSignatureError

from keepcool.core.errors import Malformed
from keepcool.core.succession import Succession, parse_succession, signed_bytes

FILE_BYTES_MAX = 16_384


class SignedSuccession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes are base64 in JSON."""

    statement: bytes
    signature: bytes

    def encoded(self) -> bytes:
        return msgspec.json.encode(self)


def parse_signed(data: bytes | bytearray) -> SignedSuccession:
    """Raises Malformed."""
    try:
        return msgspec.json.decode(data, type=SignedSuccession)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("succession.form", "not a signed list of attestation keys") from error


def verified(signed: SignedSuccession, root_key: bytes) -> Succession:
    """The list, when the installation's root key signed it. Raises Malformed otherwise."""
    try:
        if len(root_key) != 32 or len(signed.signature) != 64:
            raise BadSignatureError
        bindings.crypto_sign_open(signed.signature + signed_bytes(signed.statement), root_key)
    except BadSignatureError as error:
        text = "this list of attestation keys was not signed by the installation's root key"
        raise Malformed("succession.signature", text) from error
    found = parse_succession(signed.statement)
    if found.installation != root_key:
        raise Malformed("succession.installation", "this list of attestation keys is another installation's")
    return found
