"""What requests and answers are made of: strict fields, amounts as decimal strings of base units.

An amount that is a number, negative, zero, fractional or above 2**256 - 1 is refused with its own code.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from keepcool.core.errors import Malformed
from keepcool.core.money import parse_units
from keepcool.core.personkeys import Scheme, parse_person_key
from keepcool.wire.webauthn import check_key

METADATA_KEYS_MAX, METADATA_KEY_CHARS_MAX, METADATA_VALUE_CHARS_MAX = 30, 40, 500


class In(BaseModel):
    """Base of what is sent to us: unknown fields are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=1000)


class Out(BaseModel):
    """Base of what we answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError(
            "amount.type", "an amount is a decimal string of base units, not a JSON number"
        )
    if value.startswith("-"):
        raise PydanticCustomError("amount.negative", "an amount cannot be negative")
    return value


def _positive(value: str) -> str:
    if _units(value) == 0:
        raise PydanticCustomError("amount.zero", "an amount of zero moves nothing")
    return value


def _units(value: str) -> int:
    try:
        return parse_units(value)
    except Malformed as error:
        if error.code == "amount.form" and value.isascii() and value.isdigit() and value[:1] != "0":
            raise PydanticCustomError("amount.range", "an amount lies between 0 and 2**256 - 1") from error
        raise PydanticCustomError(error.code, "{text}", {"text": error.public}) from error


def _person_key(value: str) -> str:
    """The text of a key, or none. One that can sign nothing is refused: coins would wait for it for ever."""
    try:
        key = parse_person_key(value) if value else None
        if key is not None and key.scheme is Scheme.PASSKEY:
            check_key(key.key)
    except Malformed as error:
        raise PydanticCustomError(error.code, "{text}", {"text": error.public}) from error
    return value


def _small(value: dict[str, str]) -> dict[str, str]:
    if len(value) > METADATA_KEYS_MAX:
        raise PydanticCustomError("metadata.size", f"metadata has at most {METADATA_KEYS_MAX} keys")
    for key, text in value.items():
        if not 1 <= len(key) <= METADATA_KEY_CHARS_MAX or len(text) > METADATA_VALUE_CHARS_MAX:
            limits = f"{METADATA_KEY_CHARS_MAX} characters, values up to {METADATA_VALUE_CHARS_MAX}"
            raise PydanticCustomError("metadata.size", f"metadata keys have up to {limits}")
    return value


Units = Annotated[
    str,
    BeforeValidator(_text_only),
    AfterValidator(_positive),
    Field(description="Base units as a decimal string, 1 to 2**256 - 1.", examples=["1000000000000000000"]),
]
UnitsOut = Annotated[str, Field(description="Base units as a decimal string.")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
ExternalId = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"),
    Field(description="Your own name for this object; unique per kind."),
]
Metadata = Annotated[
    dict[str, str],
    AfterValidator(_small),
    Field(description="Your own notes: text to text, never shown to a signer."),
]
PersonKeyText = Annotated[
    str,
    StringConstraints(max_length=80),
    AfterValidator(_person_key),
    Field(
        description="A person's public key: `ed25519:` and 64 hex digits, or `passkey:` and 66.",
        examples=["ed25519:" + "00" * 32],
    ),
]
Network = Annotated[str, StringConstraints(max_length=64), Field(description="CAIP-2, e.g. eip155:1.")]
Asset = Annotated[
    str, StringConstraints(max_length=200), Field(description="CAIP-19, e.g. eip155:1/slip44:60.")
]
Address = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Time = Annotated[int, Field(description="Unix time in milliseconds.")]
