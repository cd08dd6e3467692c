"""The keystore's key, renewed while the signer signs: rotate, seal every row anew, retire what nothing needs.

Laws: rows are sealed anew a bounded batch at a time, each batch one commit in which a row changes only if it
is still the row that was read, so signing goes on beside it and whatever dies is simply asked again; no
version is retired that a row still lies under, or that somebody may have sealed a row under who has not
stored it yet (`underway`). A row's inner seal is not touched and nothing is opened in clear that was not
sealed inside.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.cosigner.control import Deed
from keepcool.cosigner.underway import Underway
from keepcool.ports.keystore import CHECK, Bound, RotatingKeystore
from keepcool.ports.signer_store import Change, Resealed, SealedKey, SignerStore

ROTATE, REWRAP, RETIRE, STANDING = range(33, 37)
BATCH = 100
Place = tuple[str, str, str]
_START: Place = ("", "", "")


class Progress(msgspec.Struct, frozen=True):
    """After one batch: how many rows were looked at and sealed anew, where the next begins (nothing: done),
    and the version all of them lie under at least."""

    looked: int
    rewrapped: int
    version: int
    after: list[str] = []


class Standing(msgspec.Struct, frozen=True):
    """`rows` by the version they lie under."""

    newest: int
    rows: dict[int, int]


class _From(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: list[str] = []


class _Below(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    below: int


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """Of one service's rows. `underway`: of the same service, all whose keys are in somebody's hands."""

    service: Service
    store: SignerStore
    keystore: RotatingKeystore
    underway: Underway

    async def batch(self, after: Place = _START) -> Progress:
        """The rows beyond a place. Raises as the keystore; Conflict when one changed meanwhile: ask again."""
        newest = await self.keystore.newest()
        page = self.store.sealed_keys(after, BATCH)
        stale = [row for row in page if _is_sealed(row) and self.keystore.version_of(row.sealed) < newest]
        if stale:
            items = [(self._bound(row), row.sealed) for row in stale]
            fresh = await self.keystore.rewrap(items)
            changed = [
                Resealed(replace(row, sealed=sealed), row.sealed)
                for row, sealed in zip(stale, fresh, strict=True)
            ]
            await self.store.commit(Change(resealed=tuple(changed)))
        last = [] if len(page) < BATCH else list(_place(page[-1]))
        return Progress(len(page), len(stale), newest, last)

    async def standing(self) -> Standing:
        """`rows` is all that will ever lie under versions below `newest`: what was sealed before that was the
        newest is stored by now, what is sealed later lies under it or above."""
        newest = await self.keystore.newest()
        await self.underway.ended()
        await self.store.commit(Change())  # who was cut off left his rows in the queue before this
        rows: dict[int, int] = {}
        after = _START
        while page := self.store.sealed_keys(after, BATCH):
            for row in filter(_is_sealed, page):
                version = self.keystore.version_of(row.sealed)
                rows[version] = rows.get(version, 0) + 1
            after = _place(page[-1])
            await asyncio.sleep(0)  # others sign meanwhile
        return Standing(newest, rows)

    async def refuse_needed(self, below: int) -> None:
        """Raises Conflict while a row lies under a version below."""
        found = await self.standing()
        needed = sum(count for version, count in found.rows.items() if version < below)
        if needed:
            raise Conflict(
                "keystore.needed", f"{needed} sealed keys still need versions below {below}: rewrap"
            )
        if not 1 <= below <= found.newest:
            raise Refused("keystore.retire", f"the newest version is {found.newest}")

    async def retire(self, below: int) -> Standing:
        await self.refuse_needed(below)
        await self.keystore.retire(below)
        return await self.standing()

    def _bound(self, row: SealedKey) -> Bound:
        return Bound(self.service.value, row.wallet, row.network, row.purpose)

    def deeds(self) -> dict[int, Deed]:
        """What the host may do with the keystore's key while the signer runs, by command."""
        one_at_a_time = asyncio.Lock()

        async def alone(work: Awaitable[msgspec.Struct]) -> str:
            async with one_at_a_time:
                return json.dumps(msgspec.to_builtins(await work, str_keys=True))

        async def rotate(_: bytearray) -> str:
            return await alone(self._rotated())

        async def rewrap(body: bytearray) -> str:
            given = _decoded(body, _From).after
            if len(given) not in (0, 3):
                raise Malformed("control.body", "a place is wallet, network and purpose")
            return await alone(self.batch((given[0], given[1], given[2]) if given else _START))

        async def retire(body: bytearray) -> str:
            return await alone(self.retire(_decoded(body, _Below).below))

        async def standing(_: bytearray) -> str:
            return await alone(self.standing())

        return {ROTATE: rotate, REWRAP: rewrap, RETIRE: retire, STANDING: standing}

    async def _rotated(self) -> Standing:
        await self.keystore.rotate()
        return await self.standing()


def rotate_frame() -> Secret:
    return _frame(ROTATE, None)


def rewrap_frame(after: list[str]) -> Secret:
    return _frame(REWRAP, _From(after))


def retire_frame(below: int) -> Secret:
    return _frame(RETIRE, _Below(below))


def standing_frame() -> Secret:
    return _frame(STANDING, None)


def _frame(verb: int, body: msgspec.Struct | None) -> Secret:
    raw = b"" if body is None else msgspec.json.encode(body)
    return Secret(bytearray(bytes([verb]) + raw))


def _decoded(body: bytearray, form: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("control.body", "what the command speaks of is not understood") from error


def _is_sealed(row: SealedKey) -> bool:
    return not row.purpose.endswith(CHECK)


def _place(row: SealedKey) -> Place:
    return row.wallet, row.network, row.purpose
