"""A WebAuthn assertion, verified: a person touched a security key for exactly this challenge.

Laws: everything the specification has a relying party check is checked (type, challenge, origin, not across
origins, relying party, presence, verification of the person), and the signature is ES256 over
authenticatorData and SHA-256(clientDataJSON). The signature counter is not judged: passkeys that are synced
keep it at zero. W3C Web Authentication Level 3, section 7.2.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from keepcool.core.errors import Malformed, Refused

AUTHENTICATOR_DATA_MIN, BYTES_MAX = 37, 4096
_PRESENT, _VERIFIED = 0x01, 0x04


@dataclass(frozen=True, slots=True)
class Site:
    """Where a key may have been touched: the relying party's id (a domain) and the pages' origins."""

    rp_id: str
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a browser or a tool gets from a security key. `signature` is DER."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes


def check_key(key: bytes) -> None:
    """Raises Malformed on 33 bytes that are no point of P-256: nothing would ever verify under it."""
    try:
        _point(key)
    except ValueError as error:
        raise Malformed("person.key", "this passkey is no point of the curve P-256") from error


def verify_assertion(key: bytes, challenge: bytes, assertion: Assertion, site: Site) -> None:
    """Returns when the holder of `key` (compressed P-256 point) answered this challenge at this site. Raises
    Malformed on what is no assertion, Refused on one that says something else."""
    _check_client_data(assertion.client_data, challenge, site)
    _check_authenticator(assertion.authenticator_data, site)
    signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    try:
        DSS.new(_point(key), "fips-186-3", encoding="der").verify(SHA256.new(signed), assertion.signature)
    except ValueError as error:
        raise Refused("proof.signature", "this signature is not of the key it is said to be of") from error


@lru_cache(maxsize=4096)
def _point(key: bytes) -> ECC.EccKey:
    """Finding a point by its x takes two fifths of a verification."""
    return ECC.import_key(key, curve_name="P-256")


def _check_client_data(data: bytes, challenge: bytes, site: Site) -> None:
    if len(data) > BYTES_MAX:
        raise Malformed("proof.client_data", f"clientDataJSON is at most {BYTES_MAX} bytes")
    try:
        said = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed("proof.client_data", "clientDataJSON is not JSON") from error
    if not isinstance(said, dict) or said.get("type") != "webauthn.get":
        raise Refused("proof.type", "this is no WebAuthn assertion")
    if said.get("challenge") != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode("ascii"):
        raise Refused("proof.challenge", "this key was touched for something else")
    origin = said.get("origin")
    named = isinstance(origin, str) and origin in site.origins
    if not named or said.get("crossOrigin", False) is not False:
        raise Refused("proof.origin", "this key was touched at another site")


def _check_authenticator(data: bytes, site: Site) -> None:
    if not AUTHENTICATOR_DATA_MIN <= len(data) <= BYTES_MAX:
        raise Malformed("proof.authenticator_data", "authenticatorData has another length")
    if data[:32] != hashlib.sha256(site.rp_id.encode("utf-8")).digest():
        raise Refused("proof.rp_id", "this key was touched for another relying party")
    if not data[32] & _PRESENT or not data[32] & _VERIFIED:
        raise Refused("proof.presence", "the key did not verify that its holder was there")
