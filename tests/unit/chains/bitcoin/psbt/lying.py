"""What a lying PSBT is, and the tools to make one: fields by number, bytes in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from keepcool.chains.bitcoin.compact import Reader, sized
from keepcool.chains.bitcoin.limits import Limits
from keepcool.chains.bitcoin.psbt import MAGIC, Psbt, encode_psbt
from tests.unit.chains.bitcoin.psbt.samples import LIMITS, SEGWIT, Wallet

Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Lie:
    """`raw` must be refused with `code`, whole. `wallet` is who was asked to sign it."""

    name: str
    code: str
    raw: bytes
    wallet: Wallet = SEGWIT
    limits: Limits = LIMITS

    @property
    def id(self) -> str:
        return f"{self.wallet.kind}: {self.name}"


def lie(name: str, code: str, psbt: Psbt, wallet: Wallet = SEGWIT, **bounds: int) -> Lie:
    """A lie that is still one spelling of a PSBT."""
    stated: dict[str, Any] = dict(bounds)
    return Lie(name, code, encode_psbt(psbt), wallet, replace(LIMITS, **stated))


def maps_of(raw: bytes) -> list[Pairs]:
    """Global map, input maps, output maps, in the order of the bytes."""
    reader = Reader(raw, "test", "the PSBT")
    reader.take(5)
    maps: list[Pairs] = []
    while reader.left:
        pairs: Pairs = []
        while length := reader.size():
            pairs.append((reader.take(length), reader.sized()))
        maps.append(pairs)
    return maps


def written(maps: list[Pairs]) -> bytes:
    """Maps as they stand, sorted or not."""
    return MAGIC + b"".join(
        b"".join(sized(key) + sized(value) for key, value in pairs) + b"\0" for pairs in maps
    )


def edited(psbt: Psbt, edit: Callable[[list[Pairs]], object]) -> bytes:
    """The bytes of `psbt` after `edit` has changed its maps in place."""
    maps = maps_of(encode_psbt(psbt))
    edit(maps)
    return written(maps)


def with_field(psbt: Psbt, place: int, key: bytes, value: bytes) -> bytes:
    """One more field in map `place`, where it belongs in the order."""

    def edit(maps: list[Pairs]) -> None:
        maps[place] = sorted([*maps[place], (key, value)])

    return edited(psbt, edit)


def with_value(psbt: Psbt, place: int, key: bytes, value: bytes) -> bytes:
    """Another value for the field whose key begins so."""

    def edit(maps: list[Pairs]) -> None:
        maps[place] = [(k, value if k.startswith(key) else v) for k, v in maps[place]]

    return edited(psbt, edit)
