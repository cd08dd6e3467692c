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
from typing import NamedTuple, TypeAlias

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


class KeyPath(NamedTuple):
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


_ONE = tuple(bytes((number,)) for number in range(256))
_SINGLES = PREVIOUS_TX, WITNESS_UTXO, SIGHASH, REDEEM, WITNESS
_PREVIOUS_TX, _WITNESS_UTXO, _SIGHASH, _REDEEM, _WITNESS = [_ONE[kind] for kind in _SINGLES]
_TX, _VERSION, _SIGNATURE, _KEYPATH = [_ONE[kind] for kind in (TX, VERSION, SIGNATURE, KEYPATH)]
_OUT_REDEEM, _OUT_WITNESS, _OUT_KEYPATH = [_ONE[kind] for kind in (OUT_REDEEM, OUT_WITNESS, OUT_KEYPATH)]
_Fields: TypeAlias = dict[bytes, bytes]
"""Of one map, as they stand: value by key."""


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
    top = [(_TX, encode_stripped(psbt.tx)), *_rest(psbt.others)]
    maps = [top, *map(_input_fields, psbt.inputs), *map(_output_fields, psbt.outputs)]
    return MAGIC + b"".join(map(_encode_map, maps))


def _map(reader: Reader, name: str) -> _Fields:
    """Most keys and values are short and are taken as they lie; `Reader` takes the others, and refuses."""
    fields: _Fields = {}
    data, end, known = reader.data, len(reader.data), _FORMS[name]
    while True:
        at = reader.at + 1
        if at < end and (length := data[at - 1]) < 0xFD and (after := at + length) < end:
            key = data[at:after]
            reader.at = after
        else:
            key = reader.sized()
        if not key:
            return fields
        if key in fields:
            raise Malformed("psbt.key_twice", f"a key stands twice in one {name} map: which one counts?")
        if len(key) - 1 not in known.get(key[0], ()):
            kind, rest = _parted(key)
            _check_form(name, kind, len(rest))
        at = reader.at + 1
        if at < end and (length := data[at - 1]) < 0xFD and (after := at + length) < end:
            fields[key] = data[at:after]
            reader.at = after
        else:
            fields[key] = reader.sized()


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
    found = top.get(_TX)
    if top.get(_VERSION, bytes(4)) != bytes(4):
        raise Malformed("psbt.version", "only PSBTs of version 0 are read; convert it to version 0")
    if found is None:
        raise Malformed("psbt.unsigned_missing", "the PSBT has no unsigned transaction")
    try:
        tx = parse_stripped(found)
    except Malformed as error:
        raise Malformed(
            "psbt.unsigned_form", f"the PSBT's unsigned transaction cannot be read: {error.public}"
        ) from error
    if any(one.script for one in tx.inputs):
        raise Malformed("psbt.unsigned_script", "the PSBT's unsigned transaction carries a signature script")
    return tx, _unread(top, TX)


def _unread(fields: _Fields, last: int) -> tuple[Field, ...]:
    """The fields of a type beyond the last that is read."""
    return tuple([Field(*_parted(key), value) for key, value in fields.items() if key[0] > last])


def _input(fields: _Fields) -> PsbtInput:
    single = fields.get
    utxo, sighash = single(_WITNESS_UTXO), single(_SIGHASH)
    if sighash is not None and len(sighash) != 4:
        raise Malformed("psbt.sighash_form", "a sighash type of a PSBT has 4 bytes")
    kinds = [key[0] for key in fields]
    return PsbtInput(
        single(_PREVIOUS_TX),
        None if utxo is None else _utxo(utxo),
        _signatures(fields) if SIGNATURE in kinds else (),
        None if sighash is None else int.from_bytes(sighash, "little"),
        single(_REDEEM),
        single(_WITNESS),
        _keypaths(fields, KEYPATH),
        _unread(fields, KEYPATH) if max(kinds, default=0) > KEYPATH else (),
    )


def _output(fields: _Fields) -> PsbtOutput:
    return PsbtOutput(
        fields.get(_OUT_REDEEM),
        fields.get(_OUT_WITNESS),
        _keypaths(fields, OUT_KEYPATH),
        _unread(fields, OUT_KEYPATH),
    )


def _signatures(fields: _Fields) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([(key[1:], value) for key, value in fields.items() if key[0] == SIGNATURE])


def _keypaths(fields: _Fields, kind: int) -> tuple[KeyPath, ...]:
    return tuple([_keypath(key[1:], value) for key, value in fields.items() if key[0] == kind])


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


def _input_fields(one: PsbtInput) -> _Pairs:
    pairs = []
    if one.previous_tx is not None:
        pairs.append((_PREVIOUS_TX, one.previous_tx))
    if one.witness_utxo is not None:
        pairs.append((_WITNESS_UTXO, encode_output(one.witness_utxo)))
    if one.sighash is not None:
        pairs.append((_SIGHASH, one.sighash.to_bytes(4, "little")))
    if one.redeem is not None:
        pairs.append((_REDEEM, one.redeem))
    if one.witness is not None:
        pairs.append((_WITNESS, one.witness))
    pairs += [(_SIGNATURE + key, signature) for key, signature in one.signatures]
    pairs += _origins(_KEYPATH, one.keypaths)
    return pairs + _rest(one.others) if one.others else pairs


def _output_fields(one: PsbtOutput) -> _Pairs:
    singles = ((_OUT_REDEEM, one.redeem), (_OUT_WITNESS, one.witness))
    pairs = [(kind, value) for kind, value in singles if value is not None]
    return [*pairs, *_origins(_OUT_KEYPATH, one.keypaths), *_rest(one.others)]


def _origins(kind: bytes, keypaths: Iterable[KeyPath]) -> _Pairs:
    return [(kind + key, fingerprint + _steps(len(path)).pack(*path)) for key, fingerprint, path in keypaths]


def _rest(others: Iterable[Field]) -> _Pairs:
    return [(compact(field.type) + field.key, field.value) for field in others]


def _encode_map(pairs: _Pairs) -> bytes:
    return b"".join([sized(key) + sized(value) for key, value in sorted(pairs)]) + b"\x00"
