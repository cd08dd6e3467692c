"""What the keystore's answers mean, as our errors and values. Follows the OpenBao 2.x HTTP API.

An answer's own text goes into an error only where it names no secret.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from keepcool.adapters.openbao.connections import Reply
from keepcool.core.errors import KeepcoolError, Refused, Unavailable


class Auth(msgspec.Struct, frozen=True):
    client_token: str
    lease_duration: int

    def __repr__(self) -> str:
        return f"Auth(lease_duration={self.lease_duration})"


class AuthReply(msgspec.Struct, frozen=True):
    auth: Auth


class Health(msgspec.Struct, frozen=True):
    initialized: bool = False
    sealed: bool = True
    standby: bool = True


class ErrorReply(msgspec.Struct, frozen=True):
    errors: list[str] = []


class SealedItem(msgspec.Struct, frozen=True):
    ciphertext: str = ""
    error: str = ""


class OpenedItem(msgspec.Struct, frozen=True):
    plaintext: bytes = b""
    error: str = ""

    def __repr__(self) -> str:
        return f"OpenedItem(error={self.error!r})"


class SealedBatch(msgspec.Struct, frozen=True):
    batch_results: list[SealedItem]


class OpenedBatch(msgspec.Struct, frozen=True):
    batch_results: list[OpenedItem]


class SealReply(msgspec.Struct, frozen=True):
    data: SealedBatch


class OpenReply(msgspec.Struct, frozen=True):
    data: OpenedBatch


class CapabilitiesReply(msgspec.Struct, frozen=True):
    data: dict[str, list[str]]


class WrappedSecretId(msgspec.Struct, frozen=True):
    secret_id: str

    def __repr__(self) -> str:
        return "WrappedSecretId()"


class UnwrapReply(msgspec.Struct, frozen=True):
    data: WrappedSecretId


AnyReply = TypeVar("AnyReply")


def decoded(reply: Reply, kind: type[AnyReply]) -> AnyReply:
    """The answer's body as `kind`. Raises Unavailable when it is something else."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal(reply) from error


def said(reply: Reply) -> str:
    """The keystore's own words, short."""
    try:
        errors = msgspec.json.decode(reply.body, type=ErrorReply).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        errors = []
    text = " ".join(" ".join(errors).split())
    return text[:200] or f"status {reply.status}"


def refusal(reply: Reply) -> KeepcoolError:
    """The error for an answer that is not what was asked for."""
    words = said(reply)
    if reply.status == 403:
        return Refused("keystore.denied", f"the keystore does not allow this to us: {words}")
    if reply.status in (501, 503) and ("seal" in words.lower() or "initialized" in words.lower()):
        return sealed()
    return Unavailable("keystore.answer", f"the keystore cannot answer now: {words}")


def sealed() -> Unavailable:
    return Unavailable(
        "keystore.sealed", "the keystore is sealed; unseal it with enough of its unseal shares"
    )
