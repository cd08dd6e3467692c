"""App, Keeper, Cooler and a desk as identities in memory, and frames forged with one field changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from keepcool.adapters.identity.files import FileIdentity
from keepcool.core.parties import Peer, Service
from keepcool.ports.identity import Identity
from keepcool.wire import envelope
from keepcool.wire.messages import (
    FreezeAnswer,
    FreezeRequest,
    Head,
    SignItem,
    SignRequest,
    StatusRequest,
    WitnessRequest,
)
from keepcool.wire.padding import padded

NOW_MS = 1_800_000_000_000
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
AMOUNT = "123456789012345678901"


class Dice:
    """Entropy of a test: different every time, the same in every run."""

    def __init__(self, seed: str = "dice") -> None:
        self._state = seed.encode()

    def __call__(self, size_bytes: int) -> bytes:
        self._state = hashlib.sha256(self._state).digest()
        return hashlib.shake_256(self._state).digest(size_bytes)


class StillClock:
    """A clock that moves when told."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.at_ms = now_ms

    def now_ms(self) -> int:
        return self.at_ms


def identity(service: Service, seed: str = "") -> FileIdentity:
    dice = Dice(f"{service.value}{seed}")
    return FileIdentity(service, dice(32), dice(32), dice(32), dice(32))


@dataclass(frozen=True)
class Cast:
    app: FileIdentity
    keeper: FileIdentity
    cooler: FileIdentity
    desk: FileIdentity

    def peers(self) -> dict[bytes, Peer]:
        return envelope.directory(one.peer() for one in (self.app, self.keeper, self.cooler, self.desk))


def cast() -> Cast:
    return Cast(*(identity(Service(name)) for name in ("app", "keeper", "cooler", "desk")))


def sign_request(items: int = 1) -> SignRequest:
    intent = f'{{"recipient":"{ADDRESS}","units":"{AMOUNT}"}}'.encode()
    return SignRequest(items=[SignItem(intent=intent, draft=b"draft")] * items)


def freeze() -> FreezeRequest:
    return FreezeRequest(level="all", target="", reason="a drill")


def head(service: str = "keeper") -> Head:
    return Head(service=service, sequence=1, hash=bytes(32), signature=bytes(64))


def freeze_answer() -> FreezeAnswer:
    return FreezeAnswer(frozen=["all"], head=head())


def status() -> StatusRequest:
    return StatusRequest()


def witness() -> WitnessRequest:
    return WitnessRequest(challenge=bytes(32), head=head())


def forged(
    sender: Identity,
    to: Peer,
    typ: str,
    plain: bytes,
    **changed: object,
) -> bytes:
    """A frame signed by `sender` over any payload at all: `changed` replaces or adds fields, and the body
    is sealed for exactly the envelope that results."""
    fields: dict[str, object] = {
        "id": "01HZZZZZZZ0123456789ABCDEF",
        "iss": sender.service.value,
        "aud": to.service.value,
        "typ": typ,
        "iat_ms": NOW_MS,
        "exp_ms": NOW_MS + envelope.LIFETIME_MS,
        "re": "",
    } | {name: value for name, value in changed.items() if name not in ("v", "body")}
    binding = envelope._binding({k: v for k, v in fields.items() if isinstance(v, str | int)})
    payload = {"v": 1, **fields, "body": sender.seal(to.sealing_key, padded(binding, plain), Dice("n")(24))}
    payload |= changed
    return signed(sender, msgspec.json.encode(payload))


def signed(sender: Identity, payload: bytes) -> bytes:
    signature = sender.sign(envelope.CONTEXT + sender.signing_key + payload)
    return envelope.FORMAT + sender.signing_key + signature + payload
