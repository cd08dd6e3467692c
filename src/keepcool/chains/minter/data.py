"""What a transaction does, decoded to named fields: payments, owners of a multisig, or any other type.

Laws: every byte has a name or is refused; the node's limits hold for everything made here (1 to 100
payments, 1 to 32 different owners of weight 0 to 1023). Minter, coreV2/transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains import rlp
from keepcool.chains.minter.address import parse_address, raw_of, spelled
from keepcool.chains.minter.assets import COIN_MAX
from keepcool.chains.minter.forms import PIPS_BITS, Form, Plain, Value
from keepcool.chains.minter.kinds import CREATE_MULTISIG, EDIT_MULTISIG, KINDS, MULTISEND, OWN_FORMS, SEND
from keepcool.core.errors import Malformed

PAYMENTS_MAX, OWNERS_MAX, WEIGHT_MAX = 100, 32, 1023
_UNITS_END = 2**PIPS_BITS


@dataclass(frozen=True, slots=True)
class Send:
    """`value` pips of `coin` to `to`."""

    coin: int
    to: str
    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.coin <= COIN_MAX or not 0 <= self.value < _UNITS_END:
            raise Malformed("transaction.range", "a coin id or a value is out of its range")
        parse_address(self.to)


@dataclass(frozen=True, slots=True)
class Multisend:
    """All of the payments or none."""

    items: tuple[Send, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.items) <= PAYMENTS_MAX:
            raise Malformed("multisend.size", f"a multisend pays 1 to {PAYMENTS_MAX} times")


@dataclass(frozen=True, slots=True)
class Owners:
    """Any owners whose weights add up to `threshold` spend. `weights` and `addresses` go together, in
    the order of the bytes; the chain gives that order no meaning."""

    threshold: int
    weights: tuple[int, ...]
    addresses: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.addresses)
        if not 1 <= count <= OWNERS_MAX or len(self.weights) != count:
            raise Malformed("multisig.owners", f"a multisig has 1 to {OWNERS_MAX} owners, each with a weight")
        if not all(0 <= weight <= WEIGHT_MAX for weight in self.weights) or not 0 <= self.threshold < 2**32:
            raise Malformed("multisig.weight", f"a weight is a whole number from 0 to {WEIGHT_MAX}")
        if len(set(self.addresses)) != count:
            raise Malformed("multisig.duplicate", "an owner stands twice in the multisig")
        for address in self.addresses:
            parse_address(address)


@dataclass(frozen=True, slots=True)
class CreateMultisig:
    owners: Owners


@dataclass(frozen=True, slots=True)
class EditMultisig:
    owners: Owners


@dataclass(frozen=True, slots=True)
class Other:
    """Any other type, `values` in the order of `KINDS[code].fields`."""

    code: int
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if self.code in OWN_FORMS or len(_kind_fields(self.code)) != len(self.values):
            raise Malformed("transaction.data", "these values are not the fields of that type")


Data: TypeAlias = Send | Multisend | CreateMultisig | EditMultisig | Other


def code_of(data: Data) -> int:
    match data:
        case Send():
            return SEND
        case Multisend():
            return MULTISEND
        case CreateMultisig():
            return CREATE_MULTISIG
        case EditMultisig():
            return EDIT_MULTISIG
        case Other(code, _):
            return code


def encode_data(data: Data) -> bytes:
    """The RLP of the type's fields: the sixth field of a transaction."""
    match data:
        case Send():
            return rlp.encode(_send_fields(data))
        case Multisend(items):
            return rlp.encode([[_send_fields(item) for item in items]])
        case CreateMultisig(owners) | EditMultisig(owners):
            return rlp.encode(
                [
                    rlp.number(owners.threshold),
                    [rlp.number(weight) for weight in owners.weights],
                    [raw_of(address) for address in owners.addresses],
                ]
            )
        case Other(code, values):
            forms = zip(_kind_fields(code), values, strict=True)
            return rlp.encode([form.write(value) for (_, form), value in forms])


def parse_data(code: int, raw: bytes) -> Data:
    """The data of a type. Raises Malformed on a type or a field that is not understood."""
    if code == SEND:
        return _send(rlp.decode(raw))
    if code == MULTISEND:
        (items,) = rlp.decode_list(raw, 1)
        if not isinstance(items, list):
            raise Malformed("transaction.data", "a multisend is a list of payments")
        return Multisend(tuple(_send(item) for item in items))
    if code == CREATE_MULTISIG:
        return CreateMultisig(_owners(raw))
    if code == EDIT_MULTISIG:
        return EditMultisig(_owners(raw))
    fields = _kind_fields(code)
    items = rlp.decode_list(raw, len(fields))
    return Other(code, tuple(form.read(item) for (_, form), item in zip(fields, items, strict=True)))


def named(data: Data) -> dict[str, Plain]:
    """The fields under their names, amounts as decimal strings of pips."""
    match data:
        case Send(coin, to, value):
            return {"coin": coin, "to": to, "value": str(value)}
        case Multisend(items):
            return {"list": [dict(named(item)) for item in items]}
        case CreateMultisig(owners) | EditMultisig(owners):
            return {
                "threshold": owners.threshold,
                "weights": list(owners.weights),
                "addresses": list(owners.addresses),
            }
        case Other(code, values):
            fields = zip(_kind_fields(code), values, strict=True)
            return {name: form.shown(value) for (name, form), value in fields}


def name_of(code: int) -> str:
    """Send, Multisend, … Raises Malformed on a type that does not exist."""
    kind = KINDS.get(code)
    if kind is None:
        raise Malformed("transaction.type", f"no type of transaction has the code 0x{code:02x}")
    return kind.name


def _kind_fields(code: int) -> tuple[tuple[str, Form], ...]:
    name_of(code)
    return KINDS[code].fields


def _send_fields(item: Send) -> list[bytes]:
    return [rlp.number(item.coin), raw_of(item.to), rlp.number(item.value)]


def _send(item: rlp.Item) -> Send:
    if not isinstance(item, list) or len(item) != 3:
        raise Malformed("transaction.data", "a payment is the list of coin, recipient and value")
    coin, to, value = item
    return Send(rlp.parse_number(coin, 32), _address(to), rlp.parse_number(value, PIPS_BITS))


def _owners(raw: bytes) -> Owners:
    threshold, weights, addresses = rlp.decode_list(raw, 3)
    if not isinstance(weights, list) or not isinstance(addresses, list):
        raise Malformed("transaction.data", "a multisig is a threshold, a list of weights and one of owners")
    return Owners(
        rlp.parse_number(threshold, 32),
        tuple(rlp.parse_number(weight, 32) for weight in weights),
        tuple(_address(address) for address in addresses),
    )


def _address(item: rlp.Item) -> str:
    if not isinstance(item, bytes):
        raise Malformed("address.size", "a Minter address is 20 bytes")
    return spelled(item)
