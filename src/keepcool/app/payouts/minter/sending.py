"""Signed → handed to the network: both signatures under the wallet's address, sent until a block has it.

Laws: what it is called is stored before it is sent; what may have been sent is never given up by itself; a
payment nobody will take any more is burnt at its nonce before anything else happens with its coins.
"""

from __future__ import annotations

from functools import partial
from typing import assert_never

from sqlalchemy import Connection

from keepcool.app.payouts import answers, store, turns
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.said import SIGNERS
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.chains.minter.payouts import assemble
from keepcool.chains.minter.transaction import transaction_hash
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Abandoned, SendUnclear, Sent
from keepcool.core.withdrawal_states import Broadcast, Failed, Signed, Uncertain
from keepcool.ports.minternode import Accepted, AlreadyKnown, Rejected, Why

AT_ONCE_MAX = 50
RESEND_AFTER_MS = 10_000
_NEXT_BLOCK_MS = 500
_PATIENCE_TRIES = 5
_NEXT_BLOCK = (Why.ONE_PER_BLOCK, Why.POOL_FULL, Why.NONCE)


async def send_all(lane: MinterLane) -> bool:
    """Whether anything was handed out for the first time."""
    return any(await lane.each(await lane.store.run(partial(_due, lane=lane)), lambda one: _send(lane, one)))


def _due(tx: Connection, lane: MinterLane) -> list[Withdrawal]:
    """What is not to be burnt; that is put off, or enough of it would keep all others from their turn."""
    now_ms, wanted = lane.clock.now_ms(), []
    states = [Signed, Broadcast, Uncertain]
    for one in store.in_states(tx, lane.network, states, limit=AT_ONCE_MAX, due_ms=now_ms):
        if isinstance(one.state, Uncertain) and one.state.then is not None:
            why = one.problem or "its nonce is used up first"
            store.postpone(tx, one.id, now_ms=now_ms, wait_ms=store.WAIT_MS_MAX, problem=why)
        else:
            wanted.append(one)
    return wanted


async def _send(lane: MinterLane, one: Withdrawal) -> bool:
    raw = await _assembled(lane, one)
    await lane.store.run(lambda tx: store.name_transaction(tx, one.id, transaction_hash(raw)))
    if isinstance(one.state, Signed):
        lane.faults.reach(FaultPoint.APP_PURSE_STORED)
    try:
        outcome = await lane.node.send(raw)
    except Unavailable as error:
        if isinstance(one.state, Signed) and error.code != "node.unreachable":
            await lane.step(one.id, SendUnclear(error.public))
        raise
    if isinstance(one.state, Signed):
        lane.faults.reach(FaultPoint.APP_SENT)
    match outcome:
        case Accepted() | AlreadyKnown():
            return await _sent(lane, one)
        case Rejected():
            await _rejected(lane, one, outcome)
            return False
        case _ as never:
            assert_never(never)


async def _assembled(lane: MinterLane, one: Withdrawal) -> bytes:
    """Raises Breach when the stored signatures are not the owners'."""
    record = (await lane.store.run(lambda tx: turns.unfrozen(tx, lane, one))).record
    said = await lane.store.run(lambda tx: answers.of(tx, one.id))
    if one.draft is None or any(signer not in said for signer in SIGNERS):
        raise Breach("withdrawal.row", f"withdrawal {one.id} is signed and lacks its draft or a signature")
    signatures = {
        record.key(role).public_key: said[signer].signature or b"" for signer, role in SIGNERS.items()
    }
    try:
        return assemble(one.draft, record.address, signatures)
    except Malformed as error:
        raise Breach("withdrawal.row", f"withdrawal {one.id}: {error.public}") from error


async def _sent(lane: MinterLane, one: Withdrawal) -> bool:
    first = not isinstance(one.state, Broadcast)
    if first:
        await lane.step(one.id, Sent())
    now_ms = lane.clock.now_ms()
    await lane.store.run(
        lambda tx: store.postpone(
            tx, one.id, now_ms=now_ms, wait_ms=RESEND_AFTER_MS, problem="waits for a block"
        )
    )
    return first


async def _rejected(lane: MinterLane, one: Withdrawal, said: Rejected) -> None:
    """The next block decides, or it waits: congestion passes, and coins may come in. What no node will take
    any more is abandoned: its nonce is burnt first."""
    if said.why in _NEXT_BLOCK:
        now_ms = lane.clock.now_ms()
        await lane.store.run(
            lambda tx: store.postpone(tx, one.id, now_ms=now_ms, wait_ms=_NEXT_BLOCK_MS, problem=said.text)
        )
        return
    patient = said.why is Why.GAS_PRICE or one.kind is Kind.VOID or one.tries < _PATIENCE_TRIES
    if not patient and isinstance(one.state, Signed | Broadcast):
        await lane.step(one.id, Abandoned(Failed("payout.rejected", said.text), said.text))
        return
    raise Unavailable("payout.rejected", said.text)
