"""A signer's policy: one TOML file, signed by the installation's root key.

Laws: the signature covers the file's bytes under a context prefix and is verified before they are read; a
version only grows, so an older file that was signed once is refused; the hash of the bytes names the policy
in requests, approvals and journal rows. Ed25519 (RFC 8032). Documented in docs/reference/policy.md.
"""

from __future__ import annotations

from nacl.bindings import crypto_sign_BYTES, crypto_sign_open, crypto_sign_PUBLICKEYBYTES
from nacl.exceptions import BadSignatureError

from keepcool.core import canonical
from keepcool.core.errors import Malformed, Refused
from keepcool.policy.reading import built
from keepcool.policy.schema import read_document
from keepcool.policy.terms import Policy

__all__ = [
    "Policy",
    "parse_policy",
    "parse_signature",
    "parse_signed",
    "policy_hash",
    "refuse_older",
    "signed_bytes",
]

HASH_CONTEXT = b"keepcool-policy-v1"
SIGNATURE_CONTEXT = b"keepcool-policy-signature-v1"
_SIGNATURE_HEX_DIGITS = 2 * crypto_sign_BYTES


def policy_hash(document: bytes) -> str:
    """SHA-256 of the file's bytes under a context, in hex."""
    return canonical.digest(HASH_CONTEXT, document).hex()


def signed_bytes(document: bytes) -> bytes:
    """What the root key signs."""
    return SIGNATURE_CONTEXT + b"\0" + document


def parse_policy(document: bytes) -> Policy:
    """The policy in a file's bytes, its signature not looked at: for people who write one. Raises
    Malformed with the key that is wrong and what it must be."""
    return built(read_document(document), policy_hash(document))


def parse_signed(document: bytes, signature: bytes, root_key: bytes) -> Policy:
    """The policy the root key (Ed25519, 32 bytes) signed. Raises Refused when the signature (64 bytes) is
    not its own over these bytes, Malformed when signature or document have the wrong form."""
    if len(root_key) != crypto_sign_PUBLICKEYBYTES:
        raise Malformed("policy.root_key", "the root key is an Ed25519 public key of 32 bytes")
    if len(signature) != crypto_sign_BYTES:
        raise Malformed("policy.signature_form", "a policy's signature is 64 bytes")
    try:
        crypto_sign_open(signature + signed_bytes(document), root_key)
    except BadSignatureError as error:
        raise Refused(
            "policy.signature",
            "the policy file is not what the root key signed: it was changed after signing, or signed by "
            "another key; sign it again with `keepcool policy sign`",
        ) from error
    return parse_policy(document)


def parse_signature(text: str) -> bytes:
    """The 64 bytes of a `.sig` file: 128 hex digits and at most a newline. Raises Malformed."""
    digits = text.removesuffix("\n")
    try:
        signature = bytes.fromhex(digits) if len(digits) == _SIGNATURE_HEX_DIGITS else b""
    except ValueError:
        signature = b""
    if len(signature) != crypto_sign_BYTES:
        raise Malformed("policy.signature_form", "a policy's signature file holds 128 hex digits")
    return signature


def refuse_older(policy: Policy, highest_seen: int, hash_seen: str = "") -> None:
    """Returns when the policy is not older than the newest this signer's journal names (0: none yet), nor
    another file of the same version. Raises Refused."""
    if policy.version < highest_seen:
        raise Refused(
            "policy.older",
            f"this policy is version {policy.version}, and version {highest_seen} was in force here before: "
            "give the file a higher version and sign it again",
        )
    if policy.version == highest_seen and hash_seen not in ("", policy.hash):
        raise Refused(
            "policy.same_version",
            f"another policy of version {policy.version} was in force here before: a changed file needs a "
            "higher version",
        )
