"""What two registries make of one wallet: a record both signers stand for, or the reason why there is none.

Laws: both attestations must verify under the pinned keys over exactly the same bytes; one that does not,
wherever it lies, refuses the wallet; what the signers state differently is refused, but for a revision that
follows the other's by its hash and carries both attestations; the address is derived here once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.app.rebuilding.registries import Copies, Copy
from keepcool.app.wallets import PINNED, Attesters
from keepcool.chains.family import terms_of
from keepcool.core.errors import KeepcoolError, Refused
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import Standing, WalletRecord


@dataclass(frozen=True, slots=True)
class Agreed:
    """`at_keeper`: whether Keeper has both attestations already. `issued`: see `registries.Copy`."""

    record: WalletRecord
    encoded: bytes
    attestations: Mapping[str, bytes]
    at_keeper: bool
    issued: int


@dataclass(frozen=True, slots=True)
class Begun:
    """Never attested by both, so nobody was ever shown its address."""

    wallet: WalletId


@dataclass(frozen=True, slots=True)
class Objection:
    """Not restored, and why."""

    wallet: WalletId
    code: str
    text: str


Agreement: TypeAlias = Agreed | Begun | Objection


def agreement(copies: Copies, attesters: Attesters) -> Agreement:
    """Raises nothing: what is wrong with one wallet keeps no other from being restored."""
    try:
        for one in _differing(copies):
            _check_attestations(one, attesters)
    except KeepcoolError as error:
        return Objection(copies.wallet, error.code, error.public)
    newest = max(copies.all, key=lambda one: one.record.revision)
    if any(not _follows(newest, one) for one in copies.all):
        text = f"Keeper and Cooler state different records of {copies.wallet}: find out which was altered"
        return Objection(copies.wallet, "restore.differ", text)
    return _made(copies, newest, attesters)


def _made(copies: Copies, newest: Copy, attesters: Attesters) -> Agreement:
    signatures = {name: one for copy in _same(copies, newest) for name, one in copy.attestations.items()}
    if not {one.value for one in PINNED} <= set(signatures) or newest.record.standing is not Standing.PROVEN:
        return Begun(copies.wallet)
    try:
        derived = attesters.families.named(newest.record.family).derive_address(terms_of(newest.record))
    except KeepcoolError as error:
        return Objection(copies.wallet, error.code, error.public)
    if derived != newest.record.address:
        text = f"the keys of {copies.wallet} do not lead to the address both signers attested"
        return Objection(copies.wallet, "wallet.address_differs", text)
    keeper = copies.keeper
    whole = keeper is not None and keeper.encoded == newest.encoded and _is_whole(keeper)
    return Agreed(newest.record, newest.encoded, signatures, whole, copies.issued)


def _differing(copies: Copies) -> Sequence[Copy]:
    """What is the same in both is verified once."""
    one, other = copies.keeper, copies.cooler
    if one is None or other is None or _signed(one) != _signed(other):
        return copies.all
    return (one,)


def _signed(one: Copy) -> tuple[bytes, dict[str, bytes]]:
    return one.encoded, dict(one.attestations)


def _check_attestations(one: Copy, attesters: Attesters) -> None:
    unknown = set(one.attestations) - {by.value for by in PINNED}
    if unknown:
        raise Refused("restore.attester", f"{one.wallet} carries attestations of others than the two signers")
    attesters.verify(one.encoded, one.attestations, [Service(name) for name in one.attestations])


def _same(copies: Copies, newest: Copy) -> list[Copy]:
    return [one for one in copies.all if one.encoded == newest.encoded]


def _follows(newest: Copy, one: Copy) -> bool:
    """The same record, or the one right before it."""
    if one.encoded == newest.encoded:
        return True
    return newest.record.previous == one.record.hash() and _is_whole(newest)


def _is_whole(one: Copy) -> bool:
    return {by.value for by in PINNED} <= set(one.attestations)
