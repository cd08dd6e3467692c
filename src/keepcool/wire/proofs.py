"""A person's signature as it travels: by an Ed25519 key or a passkey, of one decision or of one in a list.

Laws: whoever acts on a proof verifies it itself, against a key it pinned or attested; a proof says nothing of
who may do what. JSON of the structs below, bytes in base64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from keepcool.core import approvals, merkle
from keepcool.core.approvals import Approval
from keepcool.core.errors import Malformed, Refused
from keepcool.core.personkeys import PersonKey, Scheme
from keepcool.wire.webauthn import Assertion, Site, verify_assertion

PROOF_BYTES_MAX = 16 * 1024


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Ed25519Proof(_Struct, frozen=True, tag="ed25519"):
    """64 bytes over the challenge."""

    signature: bytes


class PasskeyProof(_Struct, frozen=True, tag="passkey"):
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


Proof: TypeAlias = Ed25519Proof | PasskeyProof
_proofs: msgspec.json.Decoder[Proof] = msgspec.json.Decoder(Ed25519Proof | PasskeyProof)


class SignedApproval(_Struct, frozen=True):
    """A decision's canonical bytes, and a proof over the root of the list of `count` in which it stands at
    `place`; `way` is its path. A decision signed alone has count 1 and no way."""

    statement: bytes
    proof: Proof
    place: int = 0
    count: int = 1
    way: list[bytes] = []


@dataclass(frozen=True, slots=True)
class Sites:
    """Where passkeys may be touched. None: passkeys are not accepted there."""

    users: Site | None = None
    desk: Site | None = None


def encode(proof: Proof | SignedApproval) -> bytes:
    return msgspec.json.encode(proof)


def parse_proof(data: bytes) -> Proof:
    """Raises Malformed."""
    try:
        if len(data) <= PROOF_BYTES_MAX:
            return _proofs.decode(data)
    except msgspec.DecodeError as error:
        raise _wrong() from error
    raise _wrong()


def parse_signed_approval(data: bytes) -> SignedApproval:
    """Raises Malformed."""
    try:
        if len(data) <= PROOF_BYTES_MAX:
            return msgspec.json.decode(data, type=SignedApproval)
    except msgspec.DecodeError as error:
        raise _wrong() from error
    raise _wrong()


def verify(key: PersonKey, challenge: bytes, proof: Proof, site: Site | None) -> None:
    """Returns when the holder of `key` signed this challenge (32 bytes). `site` is where a passkey may have
    been touched. Raises Refused or Malformed."""
    if isinstance(proof, PasskeyProof):
        if key.scheme is not Scheme.PASSKEY:
            raise Refused("proof.scheme", "this key signs with Ed25519, not as a passkey")
        if site is None:
            raise Refused("proof.site", "no site is configured where a passkey may be touched")
        assertion = Assertion(proof.authenticator_data, proof.client_data, proof.signature)
        return verify_assertion(key.key, challenge, assertion, site)
    if key.scheme is not Scheme.ED25519:
        raise Refused("proof.scheme", "this key is a passkey; it does not sign with Ed25519")
    try:
        VerifyKey(key.key).verify(challenge, proof.signature)
    except (BadSignatureError, ValueError, TypeError) as error:
        raise Refused("proof.signature", "this signature is not of the key it is said to be of") from error
    return None


def verify_approval(key: PersonKey, signed: SignedApproval, site: Site | None) -> Approval:
    """The decision, if the holder of `key` signed it. Raises Refused or Malformed."""
    decision = stated(signed)
    verify(key, approval_challenge(signed), signed.proof, site)
    return decision


def stated(signed: SignedApproval) -> Approval:
    """The decision as it is stated, nothing verified. Raises Malformed."""
    return approvals.parse_approval(signed.statement)


def approval_challenge(signed: SignedApproval) -> bytes:
    """What was signed of the list in which this decision stands. Raises Malformed."""
    if not 1 <= signed.count <= approvals.DECISIONS_MAX:
        raise Malformed("approval.count", f"at most {approvals.DECISIONS_MAX} decisions are signed at once")
    root = merkle.root_by(signed.statement, signed.place, signed.count, signed.way)
    return approvals.approvals_root_challenge(root)


def _wrong() -> Malformed:
    return Malformed("proof.form", "this is no proof of this release")
