"""A chain read again from a height on, and what the books make of it.

Laws: reading again forgets nothing and books nothing twice, so it may be broken off and begun again; the
standstill after a restore ends only when no wallet differs by a unit and no payment waits for a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.deposits import position
from keepcool.app.deposits.progress import Follows, Progress
from keepcool.app.rebuilding import payments, standstill
from keepcool.app.rebuilding.comparing import Standing
from keepcool.app.rebuilding.payments import Recalled, Stage, told
from keepcool.app.store import Store
from keepcool.core.errors import Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.ports.system import Clock

_AGAIN_S = 0.5
_FAILURES_MAX = 60  # in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescanned:
    """`differing`: wallets whose books the chain does not bear out; `open`: payments that wait for a person;
    `seen`: payments that are booked once they are deep enough; `ended`: whether payments go on now."""

    network: NetworkId
    progress: Progress
    wallets: int
    pending: int
    differing: tuple[Standing, ...]
    booked: tuple[Recalled, ...]
    seen: tuple[Recalled, ...]
    open: tuple[Recalled, ...]
    ended: bool

    @property
    def is_even(self) -> bool:
        return not self.differing and not self.open


async def from_block(store: Store, network: NetworkId, number: int, block_hash: bytes) -> bool:
    """Reads on above this block. False when reading has not come so far yet."""
    return await store.run(lambda tx: position.read_again_from(tx, network, number, block_hash))


async def to_the_end(
    follower: Follows, tell: Callable[[Progress], None], *, again_s: float = _AGAIN_S
) -> Progress:
    """Until all is read. Raises Unavailable when a node or a signer stays away."""
    failures = 0
    while True:
        try:
            progress = await follower.step()
        except Unavailable:
            failures += 1
            if failures == _FAILURES_MAX:
                raise
            await asyncio.sleep(again_s)
            continue
        failures = 0
        tell(progress)
        if not progress.busy and not progress.behind:
            return progress


def outcome(
    tx: Connection, network: NetworkId, standings: Iterable[Standing], progress: Progress, clock: Clock
) -> Rescanned:
    """Ends the standstill when all is explained."""
    wallets, pending, differing = set[WalletId](), 0, list[Standing]()
    for one in standings:
        wallets.add(one.wallet)
        pending += one.pending
        if one.difference:
            differing.append(one)
    of = {stage: tuple(payments.in_stage(tx, stage, network)) for stage in Stage}
    even = not differing and not of[Stage.OPEN]
    ended = even and standstill.end(tx, network, clock.now_ms())
    return Rescanned(
        network=network,
        progress=progress,
        wallets=len(wallets),
        pending=pending,
        differing=tuple(differing),
        booked=of[Stage.BOOKED],
        seen=of[Stage.SEEN],
        open=of[Stage.OPEN],
        ended=ended,
    )


def sentences(done: Rescanned) -> list[str]:
    """For whoever rescans."""
    at = done.progress
    spoken = [f"{done.network} is read to block {at.scanned} of {at.tip}; {done.wallets} wallets compared."]
    if done.pending:
        spoken.append(f"{done.pending} base units came in and are credited once they are deep enough.")
    if done.booked:
        spoken.append(
            f"{len(done.booked)} payments unknown to the books are booked as signers remember them."
        )
    if done.seen:
        spoken.append(f"{len(done.seen)} more will be, once they are deep enough.")
    spoken += [f"OPEN {one.number}: {one.transaction} out of {one.source}: {told(one)}" for one in done.open]
    spoken += [
        f"DIFFERS {one.wallet}: the chain has {one.chain} of {one.asset}, the books {one.booked}"
        f" (pending {one.pending}, leaving {one.leaving}): {one.difference:+}"
        for one in done.differing
    ]
    if done.is_even:
        spoken.append("The books say what the chain says, to the unit.")
    spoken.append("Payments go on." if done.ended else "")
    return [one for one in spoken if one]


def plain(done: Rescanned) -> dict[str, object]:
    """For programs; amounts as decimal strings."""
    return {
        "network": done.network,
        "scanned": done.progress.scanned,
        "tip": done.progress.tip,
        "wallets": done.wallets,
        "pending": str(done.pending),
        "even": done.is_even,
        "ended": done.ended,
        "booked": len(done.booked),
        "seen": len(done.seen),
        "open": [one.number for one in done.open],
        "differing": [
            {
                "wallet": one.wallet,
                "asset": one.asset,
                "chain": str(one.chain),
                "booked": str(one.booked),
                "pending": str(one.pending),
                "leaving": str(one.leaving),
                "difference": str(one.difference),
            }
            for one in done.differing
        ],
    }
