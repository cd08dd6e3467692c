"""Which attestation keys a signer believes: those of its configuration, until the root key lists others.

Laws: a list is believed under the installation's root key alone, has the pinned key in it, and takes effect
with its journal row; an older one never comes back; time is the largest the journal has seen.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from keepcool.core.errors import Conflict, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.core.succession import Succession, check_continues, newer, parse_succession
from keepcool.cosigner import entries
from keepcool.cosigner.entries import WALLET, Entry, Row, WalletRow
from keepcool.cosigner.journal import Journal
from keepcool.wire.successions import parse_signed, verified

SUCCESSION = "succession"
SUCCEED = 49
Deed = Callable[[bytearray], Awaitable[str]]
Keys = Mapping[Service, tuple[bytes, ...]]
_DIGITS = 24  # of a record's hash: enough that nobody finds another record, and little for a million of them
_UNCOMMITTED_MAX = 100_000
_log = logging.getLogger("keepcool.signer")


class SuccessionRow(Row, frozen=True):
    """A list of attestation keys and the root key's signature over it."""

    statement: bytes
    signature: bytes


class Successions:
    """A `journal.Memory` of the kind `succession`. `pinned`: the keys of the configuration."""

    def __init__(self, pinned: Mapping[Service, bytes]) -> None:
        self._pinned = dict(pinned)
        self._seen: list[Succession] = []

    def learn(self, entry: Entry) -> None:
        if entry.kind == SUCCESSION:
            self._seen.append(parse_succession(entries.decoded(entry, SuccessionRow).statement))

    def unlearn(self, entry: Entry) -> None:
        if entry.kind == SUCCESSION:
            self._seen.pop()

    def newest(self, service: Service) -> Succession | None:
        return next((one for one in reversed(self._seen) if one.service is service), None)

    def counting(self, now_s: int) -> Keys:
        """By service, the one in use first."""
        found: dict[Service, tuple[bytes, ...]] = {}
        for service, key in self._pinned.items():
            listed = self.newest(service)
            found[service] = (key,) if listed is None else listed.counting(now_s)
        return found

    def pinned(self, service: Service) -> bytes:
        return self._pinned[service]


class AttestedRecords:
    """A `journal.Memory` of the kind `wallet`: which records this signer has attested."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._new: deque[int | None] = deque(maxlen=_UNCOMMITTED_MAX)

    def learn(self, entry: Entry) -> None:
        if entry.kind == WALLET:
            mark = int(entries.decoded(entry, WalletRow).record[:_DIGITS], 16)
            self._new.append(None if mark in self._known else mark)
            self._known.add(mark)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind == WALLET and (mark := self._new.pop()) is not None:
            self._known.discard(mark)

    def __contains__(self, record: str) -> bool:
        return int(record[:_DIGITS], 16) in self._known


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeding:
    """`installation`: the root key (hex), "" where this signer was told none."""

    journal: Journal
    memory: Successions
    installation: str
    now_s: Callable[[], int]

    async def succeed(self, raw: bytes | bytearray) -> Succession:
        """Take a list into use, durably. Raises Refused, Malformed or Conflict: nothing has changed."""
        if not self.installation:
            raise Refused("succession.root", "this signer was told no root key: set policy.root_key")
        signed = parse_signed(raw)
        offered = verified(signed, bytes.fromhex(self.installation))
        check_continues([self.memory.pinned(offered.service)], offered)
        before = self.memory.newest(offered.service)
        if before is not None and before == offered:
            return offered
        if not newer(before, offered):
            raise Conflict("succession.old", f"list {before.number if before else 0} is in force already")
        row = SuccessionRow(
            at_s=self.now_s(), kind=SUCCESSION, statement=signed.statement, signature=signed.signature
        )
        with self.journal.batch() as batch:
            batch.add(row)
        await batch.settled()
        _log.warning("attestation keys follow one another", extra={"signer": offered.service.value})
        return offered

    def deeds(self) -> dict[int, Deed]:
        async def succeed(body: bytearray) -> str:
            found = await self.succeed(body)
            counting = self.memory.counting(self.now_s())[found.service]
            told = {"number": found.number, "counting": [key.hex() for key in counting]}
            return json.dumps({"service": found.service.value, **told})

        return {SUCCEED: succeed}


def frame(signed: bytes) -> Secret:
    return Secret(bytearray(bytes([SUCCEED]) + signed))
