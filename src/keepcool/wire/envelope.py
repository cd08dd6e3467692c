"""The frame in which everything on the bus travels: signed, expiring, addressed, sealed.

frame = version (1 byte: 1) | sender's Ed25519 key (32) | signature (64) | payload. The signature covers
"keepcool-env-v1" 00 key payload, and is verified over the raw bytes before anything inside is decoded.
payload = JSON {v, id, iss, aud, typ, iat_ms, exp_ms, re, body}; body is a NaCl box (nonce first) of the
padded message, bound to all other fields; `re` is the SHA-256 of the request's frame in an answer.
Whatever is unknown (version, key, type, field) is refused.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Peer, Service
from keepcool.ports.identity import Identity
from keepcool.ports.system import Entropy
from keepcool.wire.messages import ErrorAnswer, Message
from keepcool.wire.padding import padded, unpadded
from keepcool.wire.requests import ANSWER_BYTES_MAX, REQUESTS, Kind
from keepcool.wire.ulid import is_ulid, ulid

CONTEXT = b"keepcool-env-v1\0"
FORMAT = b"\x01"
PAYLOAD_VERSION = 1
LIFETIME_MS = 30_000
SKEW_MS = 30_000
_ANSWER = ".answer"
ERROR = "error.v1"
_KEY, _SIGNATURE, _PAYLOAD = slice(1, 33), slice(33, 97), slice(97, None)


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is signed. Times are Unix milliseconds."""

    v: int
    id: str
    iss: str
    aud: str
    typ: str
    iat_ms: int
    exp_ms: int
    re: str
    body: bytes


@dataclass(frozen=True, slots=True)
class RequestOf:
    """A request is expected, of the type its subject said."""

    typ: str


@dataclass(frozen=True, slots=True)
class AnswerTo:
    """The answer of `peer` to one request frame (SHA-256, hex) of type `typ` is expected."""

    peer: Service
    typ: str
    request_sha256: str


Expected: TypeAlias = RequestOf | AnswerTo


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame that passed every check. Whoever acts on it stores `id` until `keep_until_ms`."""

    sender: Service
    id: str
    typ: str
    exp_ms: int
    body: Message
    frame_sha256: str

    @property
    def keep_until_ms(self) -> int:
        """After this moment the frame is refused as expired, so its id may be forgotten."""
        return self.exp_ms + SKEW_MS


def directory(peers: Iterable[Peer]) -> dict[bytes, Peer]:
    """Peers by signing key, the next one included where one is on its way. Raises Refused when two share
    one."""
    known: dict[bytes, Peer] = {}
    for peer in peers:
        for one in (peer, peer.successor()):
            if one is None:
                continue
            if one.signing_key in known:
                raise Refused("wire.shared_key", f"two peers have the signing key of {peer.service}")
            known[one.signing_key] = one
    return known


def make(
    identity: Identity, peer: Peer, typ: str, body: Message, *, now_ms: int, entropy: Entropy, re: str = ""
) -> bytes:
    """The frame of a request, or of the answer to the request frame whose hash `re` is."""
    fields: dict[str, str | int] = {
        "id": ulid(now_ms, entropy),
        "iss": identity.service.value,
        "aud": peer.service.value,
        "typ": typ,
        "iat_ms": now_ms,
        "exp_ms": now_ms + LIFETIME_MS,
        "re": re,
    }
    plain = padded(_binding(fields), msgspec.json.encode(body))
    sealed = identity.seal(peer.sealing_key, plain, entropy(24))
    payload = msgspec.json.encode({"v": PAYLOAD_VERSION, **fields, "body": sealed})
    signature = identity.sign(CONTEXT + identity.signing_key + payload)
    frame = FORMAT + identity.signing_key + signature + payload
    _fits(frame, AnswerTo(peer.service, typ, re) if re else RequestOf(typ))
    return frame


def open_frame(
    identity: Identity, peers: Mapping[bytes, Peer], frame: bytes, now_ms: int, expected: Expected
) -> Opened:
    """The message inside. Raises Malformed, or Refused when this sender may not send this type."""
    _fits(frame, expected)
    sender = _authentic(peers, frame)
    payload = _payload(frame[_PAYLOAD])
    _addressed(identity, sender, payload)
    _timely(payload, now_ms)
    body_type = _body_type(sender, payload, expected)
    try:
        plain = identity.open(sender.sealing_key, payload.body)
    except Malformed as error:
        raise Malformed("wire.seal", "envelope: the body does not open") from error
    body = _decoded(body_type, unpadded(_payload_binding(payload), plain))
    return Opened(sender.service, payload.id, payload.typ, payload.exp_ms, body, frame_hash(frame))


def frame_hash(frame: bytes) -> str:
    """What an answer names its request by (SHA-256, hex)."""
    return hashlib.sha256(frame).hexdigest()


def claimed_sender(peers: Mapping[bytes, Peer], frame: bytes) -> Peer:
    """Whose key a frame carries. Worth something only after the signature has been verified."""
    return peers[frame[_KEY]]


def kind_of(typ: str) -> Kind:
    kind = REQUESTS.get(typ)
    if kind is None:
        raise Malformed("wire.type", "envelope: this type of message is not known here")
    return kind


def _fits(frame: bytes, expected: Expected) -> None:
    match expected:
        case RequestOf(typ):
            limit = kind_of(typ).frame_bytes_max
        case AnswerTo(_, typ, _):
            limit = _answer_bytes_max(typ)
        case _:
            assert_never(expected)
    if len(frame) > limit:
        raise Malformed("wire.oversized", f"envelope: longer than the {limit} bytes this type may have")


def _answer_bytes_max(typ: str) -> int:
    """`typ`: of the request, or of the answer."""
    kind = REQUESTS.get(typ.removesuffix(_ANSWER))
    return ANSWER_BYTES_MAX if kind is None else kind.answer_bytes_max


def _authentic(peers: Mapping[bytes, Peer], frame: bytes) -> Peer:
    if len(frame) <= 97:
        raise Malformed("wire.truncated", "envelope: too short")
    if frame[:1] != FORMAT:
        raise Malformed("wire.format", "envelope: this format version is not known here")
    sender = peers.get(frame[_KEY])
    if sender is None:
        raise Malformed("wire.unknown_key", "envelope: the sender's key is not pinned here")
    try:
        VerifyKey(sender.signing_key).verify(CONTEXT + frame[_KEY] + frame[_PAYLOAD], frame[_SIGNATURE])
    except BadSignatureError as error:
        raise Malformed("wire.signature", "envelope: the signature does not verify") from error
    return sender


def _payload(raw: bytes) -> Payload:
    try:
        payload = msgspec.json.decode(raw, type=Payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            "wire.payload", "envelope: a field is missing, unknown or of the wrong kind"
        ) from error
    if payload.v != PAYLOAD_VERSION:
        raise Malformed("wire.version", "envelope: this payload version is not known here")
    if not is_ulid(payload.id):
        raise Malformed("wire.id", "envelope: the id is not a ULID")
    return payload


def _addressed(identity: Identity, sender: Peer, payload: Payload) -> None:
    if payload.iss != sender.service.value:
        raise Malformed("wire.issuer", "envelope: the named sender does not have this key")
    if payload.aud != identity.service.value:
        raise Malformed("wire.audience", "envelope: addressed to somebody else")


def _timely(payload: Payload, now_ms: int) -> None:
    if not 0 < payload.exp_ms - payload.iat_ms <= LIFETIME_MS:
        raise Malformed("wire.lifetime", f"envelope: lives longer than {LIFETIME_MS} ms, or not at all")
    if payload.iat_ms > now_ms + SKEW_MS:
        raise Malformed("wire.future", "envelope: made in the future; compare the two clocks")
    if payload.exp_ms + SKEW_MS < now_ms:
        raise Malformed("wire.expired", "envelope: expired; compare the two clocks, or ask again")


def _body_type(sender: Peer, payload: Payload, expected: Expected) -> type[Message]:
    match expected:
        case RequestOf(typ):
            _one_of(payload.typ, (typ,))
            if payload.re:
                raise Malformed("wire.unbound", "envelope: an answer where a request is expected")
            if sender.service.value not in kind_of(typ).senders:
                raise Refused("wire.sender", f"{sender.service} may not send {typ}")
            return kind_of(typ).body
        case AnswerTo(peer, typ, request_sha256):
            if sender.service is not peer or payload.re != request_sha256:
                raise Malformed("wire.unbound", "envelope: not the answer of the asked peer to this request")
            _one_of(payload.typ, (answer_typ(typ), ERROR))
            return ErrorAnswer if payload.typ == ERROR else kind_of(typ).answer
        case _:
            assert_never(expected)


def answer_typ(typ: str) -> str:
    return typ + _ANSWER


def _one_of(typ: str, allowed: tuple[str, ...]) -> None:
    if typ not in allowed:
        raise Malformed("wire.type", "envelope: not of the type expected here")


def _decoded(body_type: type[Message], raw: bytes) -> Message:
    try:
        return _decoder(body_type).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("wire.body", f"{body_type.__name__}: {str(error)[:200]}") from error


@functools.cache
def _decoder(body_type: type[Message]) -> msgspec.json.Decoder[Message]:
    return msgspec.json.Decoder(body_type)


def _payload_binding(payload: Payload) -> bytes:
    return _binding({name: getattr(payload, name) for name in Payload.__struct_fields__})


def _binding(fields: Mapping[str, str | int]) -> bytes:
    """Digest of the envelope around a body: its seal holds for this envelope alone."""
    names = ("id", "iss", "aud", "typ", "iat_ms", "exp_ms", "re")
    text = "\n".join(str(fields[name]) for name in names)
    return hashlib.sha256(CONTEXT + text.encode()).digest()
