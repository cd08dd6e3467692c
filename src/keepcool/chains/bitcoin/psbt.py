"""A PSBT of version 0: read strictly, written in its one order. What its fields claim is nobody's truth yet.

Laws: every field of BIP-174 has the form the BIP gives it, a key stands once per map, maps are as many as
inputs and outputs, nothing follows them; fields that are not read here are kept, by number, so that whoever
decides can refuse them by name. A PSBT of version 2 is refused by name. BIP-174, BIP-370, BIP-371.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from keepcool.chains.bitcoin.compact import Reader, compact, sized
from keepcool.chains.bitcoin.transaction import (
    Transaction,
    TxOutput,
    encode_output,
    encode_stripped,
    parse_output,
    parse_stripped,
)
from keepcool.core.errors import Malformed

MAGIC = b"psbt\xff"
PROPRIETARY = 0xFC
TX, VERSION = 0x00, 0xFB
PREVIOUS_TX, WITNESS_UTXO, SIGNATURE, SIGHASH, REDEEM, WITNESS, KEYPATH = range(7)
OUT_REDEEM, OUT_WITNESS, OUT_KEYPATH = range(3)
_V2 = {"global": range(0x02, 0x07), "input": range(0x0E, 0x13), "output": range(0x03, 0x05)}
_KEYS = (33, 65)
_FORMS: Mapping[str, Mapping[int, tuple[int, ...]]] = {  # how long a field's key is, without its type
    "global": {TX: (0,), 0x01: (78,), VERSION: (0,)},
    "input": {
        **dict.fromkeys((PREVIOUS_TX, WITNESS_UTXO, SIGHASH, REDEEM, WITNESS, 0x07, 0x08, 0x09), (0,)),
        **dict.fromkeys((SIGNATURE, KEYPATH), _KEYS),
        **dict.fromkeys((0x0A, 0x0C), (20,)),
        **dict.fromkeys((0x0B, 0x0D), (32,)),
    },
    "output": {OUT_REDEEM: (0,), OUT_WITNESS: (0,), OUT_KEYPATH: _KEYS},
}


@dataclass(frozen=True, slots=True)
class KeyPath:
    """A public key and where it is said to come from: the master's fingerprint (4 bytes) and the path."""

    public_key: bytes
    fingerprint: bytes
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field nobody here reads: the number of its type, the rest of its key, its value."""

    type: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class PsbtInput:
    """None where the field is absent. `signatures`: (public key, DER and sighash byte)."""

    previous_tx: bytes | None = None
    witness_utxo: TxOutput | None = None
    signatures: tuple[tuple[bytes, bytes], ...] = ()
    sighash: int | None = None
    redeem: bytes | None = None
    witness: bytes | None = None
    keypaths: tuple[KeyPath, ...] = ()
    others: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class PsbtOutput:
    redeem: bytes | None = None
    witness: bytes | None = None
    keypaths: tuple[KeyPath, ...] = ()
    others: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Psbt:
    tx: Transaction
    inputs: tuple[PsbtInput, ...]
    outputs: tuple[PsbtOutput, ...]
    others: tuple[Field, ...] = ()


_Fields: TypeAlias = list[tuple[int, bytes, bytes]]
"""Of one map, as they stand: type, the rest of the key, value."""


def parse_psbt(raw: bytes) -> Psbt:
    """Raises Malformed (`psbt.…`, `transaction.…`) on anything BIP-174 does not allow."""
    if raw[:5] != MAGIC:
        raise Malformed("psbt.magic", "this is no PSBT: it does not begin with the five bytes of one")
    reader = Reader(raw, "psbt", "the PSBT")
    reader.take(5)
    top = _map(reader, "global")
    tx, others = _transaction(top)
    inputs = tuple([_input(_map(reader, "input")) for _ in tx.inputs])
    outputs = tuple([_output(_map(reader, "output")) for _ in tx.outputs])
    reader.end()
    return Psbt(tx, inputs, outputs, others)


def encode_psbt(psbt: Psbt) -> bytes:
    """The one order: keys of a map ascend, byte by byte."""
    top = [(bytes((TX,)), encode_stripped(psbt.tx)), *_rest(psbt.others)]
    maps = [top, *map(_input_fields, psbt.inputs), *map(_output_fields, psbt.outputs)]
    return MAGIC + b"".join(map(_encode_map, maps))


def _map(reader: Reader, name: str) -> _Fields:
    fields: _Fields = []
    seen: set[bytes] = set()
    read, known = reader.sized, _FORMS[name]
    while key := read():
        if key in seen:
            raise Malformed("psbt.key_twice", f"a key stands twice in one {name} map: which one counts?")
        seen.add(key)
        kind, rest = _parted(key)
        if len(rest) not in known.get(kind, ()):
            _check_form(name, kind, len(rest))
        fields.append((kind, rest, read()))
    return fields


def _parted(key: bytes) -> tuple[int, bytes]:
    """The number of the type, and what follows it."""
    if key[0] < 0xFD:
        return key[0], key[1:]
    number = Reader(key, "psbt", "the type of a field")
    return number.size(), key[number.at :]


def _check_form(name: str, kind: int, length: int) -> None:
    if kind in _V2[name]:
        raise Malformed(
            "psbt.version", "this is a PSBT of version 2, or one that mixes versions: only version 0 is read"
        )
    lengths = _FORMS[name].get(kind)
    if lengths is not None and length not in lengths:
        raise Malformed(
            "psbt.key_form", f"the key of {name} field 0x{kind:02x} has {length} bytes, which it never has"
        )


def _transaction(top: _Fields) -> tuple[Transaction, tuple[Field, ...]]:
    found = [value for kind, _, value in top if kind == TX]
    versions = [value for kind, _, value in top if kind == VERSION]
    if any(value != bytes(4) for value in versions):
        raise Malformed("psbt.version", "only PSBTs of version 0 are read; convert it to version 0")
    if not found:
        raise Malformed("psbt.unsigned_missing", "the PSBT has no unsigned transaction")
    try:
        tx = parse_stripped(found[0])
    except Malformed as error:
        raise Malformed(
            "psbt.unsigned_form", f"the PSBT's unsigned transaction cannot be read: {error.public}"
        ) from error
    if any(one.script for one in tx.inputs):
        raise Malformed("psbt.unsigned_script", "the PSBT's unsigned transaction carries a signature script")
    return tx, _unread(top, TX)


def _unread(fields: _Fields, last: int) -> tuple[Field, ...]:
    """The fields of a type beyond the last that is read."""
    return tuple([Field(*field) for field in fields if field[0] > last])


def _input(fields: _Fields) -> PsbtInput:
    single = {kind: value for kind, _, value in fields}
    utxo, sighash = single.get(WITNESS_UTXO), single.get(SIGHASH)
    if sighash is not None and len(sighash) != 4:
        raise Malformed("psbt.sighash_form", "a sighash type of a PSBT has 4 bytes")
    signed = SIGNATURE in single
    return PsbtInput(
        previous_tx=single.get(PREVIOUS_TX),
        witness_utxo=None if utxo is None else _utxo(utxo),
        signatures=tuple([one[1:] for one in fields if one[0] == SIGNATURE]) if signed else (),
        sighash=None if sighash is None else int.from_bytes(sighash, "little"),
        redeem=single.get(REDEEM),
        witness=single.get(WITNESS),
        keypaths=tuple([_keypath(key, value) for kind, key, value in fields if kind == KEYPATH]),
        others=_unread(fields, KEYPATH) if max(single, default=0) > KEYPATH else (),
    )


def _output(fields: _Fields) -> PsbtOutput:
    single = {kind: value for kind, _, value in fields}
    return PsbtOutput(
        redeem=single.get(OUT_REDEEM),
        witness=single.get(OUT_WITNESS),
        keypaths=tuple([_keypath(key, value) for kind, key, value in fields if kind == OUT_KEYPATH]),
        others=_unread(fields, OUT_KEYPATH),
    )


def _utxo(value: bytes) -> TxOutput:
    try:
        return parse_output(value)
    except Malformed as error:
        raise Malformed("psbt.witness_utxo_form", f"a witness_utxo cannot be read: {error.public}") from error


def _keypath(key: bytes, value: bytes) -> KeyPath:
    if len(value) < 4 or len(value) % 4 or key[0] not in (2, 3, 4):
        raise Malformed("psbt.keypath_form", "the origin of a key is a fingerprint and steps of 4 bytes each")
    return KeyPath(key, value[:4], _steps(len(value) // 4 - 1).unpack_from(value, 4))


@lru_cache(maxsize=16)
def _steps(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}I")


_Pairs = list[tuple[bytes, bytes]]
_SINGLES = tuple(bytes((kind,)) for kind in (PREVIOUS_TX, WITNESS_UTXO, SIGHASH, REDEEM, WITNESS))
_SIGNATURE, _KEYPATH = bytes((SIGNATURE,)), bytes((KEYPATH,))


def _input_fields(one: PsbtInput) -> _Pairs:
    utxo = None if one.witness_utxo is None else encode_output(one.witness_utxo)
    sighash = None if one.sighash is None else one.sighash.to_bytes(4, "little")
    singles = zip(_SINGLES, (one.previous_tx, utxo, sighash, one.redeem, one.witness), strict=True)
    pairs = [(kind, value) for kind, value in singles if value is not None]
    pairs += [(_SIGNATURE + key, signature) for key, signature in one.signatures]
    pairs += _origins(_KEYPATH, one.keypaths)
    return pairs + _rest(one.others) if one.others else pairs


def _output_fields(one: PsbtOutput) -> _Pairs:
    singles = ((bytes((OUT_REDEEM,)), one.redeem), (bytes((OUT_WITNESS,)), one.witness))
    pairs = [(kind, value) for kind, value in singles if value is not None]
    return [*pairs, *_origins(bytes((OUT_KEYPATH,)), one.keypaths), *_rest(one.others)]


def _origins(kind: bytes, keypaths: Iterable[KeyPath]) -> _Pairs:
    return [
        (kind + one.public_key, one.fingerprint + _steps(len(one.path)).pack(*one.path)) for one in keypaths
    ]


def _rest(others: Iterable[Field]) -> _Pairs:
    return [(compact(field.type) + field.key, field.value) for field in others]


def _encode_map(pairs: _Pairs) -> bytes:
    return b"".join([sized(key) + sized(value) for key, value in sorted(pairs)]) + b"\x00"
