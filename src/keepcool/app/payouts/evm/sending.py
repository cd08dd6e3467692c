"""Purse transactions on their way: signed by Keeper, sent, sent again byte for byte, raised when stuck.

Laws: what comes back from Keeper is stored only when it is what was asked for, from the purse's own account;
raw bytes are stored before they are sent; a replacement keeps the nonce and pays an eighth more on both fees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from sqlalchemy import Connection

from keepcool.app.payouts import heads, purses, store
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Attempt, Purpose, Purse, Stage
from keepcool.app.payouts.signing import learn_head
from keepcool.chains.evm.transaction import parse_signed, transaction_hash
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from keepcool.core.withdrawal import SendUnclear, Sent
from keepcool.core.withdrawal_states import Signed, Uncertain
from keepcool.ports.evmnode import Sending
from keepcool.wire import messages
from keepcool.wire.messages import ITEMS_MAX, PurseAnswer, PurseItem, PurseRequest

RESEND_AFTER_MS = 15_000
Item: TypeAlias = messages.PurseSigned | messages.Declined | messages.Failure


async def sign_stored(lane: EvmLane) -> bool:
    """Ask Keeper for every stored transaction, the lowest nonce first; after a crash, again. True when one
    was declined."""
    waiting = await lane.store.run(lambda tx: purses.in_stages(tx, lane.network, (Stage.STORED,)))
    if not waiting:
        return False
    asked = waiting[:ITEMS_MAX]
    request = await lane.store.run(lambda tx: _request(tx, asked))
    said = await lane.exchange.ask(Service.KEEPER, "purse.sign.v1", request, lane.signer_timeout_s)
    if not isinstance(said, PurseAnswer) or len(said.items) != len(asked):
        raise Malformed("purse.answer", "Keeper did not answer what it was asked")
    await learn_head(lane, Service.KEEPER, said.head)
    pairs = list(zip(asked, said.items, strict=True))
    await lane.store.run(lambda tx: _all_kept(tx, lane, pairs))
    for one, item in pairs:
        if isinstance(item, messages.PurseSigned):
            deploys = one.purpose is Purpose.DEPLOY
            lane.faults.reach(FaultPoint.APP_DEPLOY_STORED if deploys else FaultPoint.APP_PURSE_STORED)
    return any(isinstance(item, messages.Declined) for item in said.items)


def _request(tx: Connection, asked: Sequence[Attempt]) -> PurseRequest:
    head = heads.newest(tx, Service.KEEPER)
    items = []
    for one in asked:
        earlier = [o for o in purses.at_nonce(tx, one.network, one.account, one.nonce) if o.raw is not None]
        items.append(
            PurseItem(
                purpose="replace" if earlier and one.purpose is not Purpose.CANCEL else one.purpose.value,
                network=one.network,
                transaction=one.unsigned,
                wallet=one.wallet,
                intent=one.withdrawal or "",
            )
        )
    return PurseRequest(items=items, heads=[] if head is None else [head])


def _all_kept(tx: Connection, lane: EvmLane, pairs: Sequence[tuple[Attempt, Item]]) -> None:
    for one, item in pairs:
        _kept(tx, lane, one, item)


def _kept(tx: Connection, lane: EvmLane, one: Attempt, item: Item) -> None:
    match item:
        case messages.PurseSigned():
            raw = _genuine(one, item.transaction)
            name = "0x" + transaction_hash(raw).hex()
            purses.update(tx, one.number, raw=raw, hash=name, stage=Stage.SIGNED.value, problem=None)
        case messages.Declined():
            reasons = "; ".join(v.reason for v in item.verdicts if v.outcome != "approved")
            _declined(tx, lane, one, reasons)
        case messages.Failure():
            if item.problem.kind == Malformed.kind:
                _declined(tx, lane, one, item.problem.text)
            else:  # Keeper may have signed it: the same bytes are asked for again
                purses.update(tx, one.number, problem=item.problem.text)
        case _ as never:
            assert_never(never)


def _declined(tx: Connection, lane: EvmLane, one: Attempt, reasons: str) -> None:
    """The nonce is free again, and the withdrawal asks anew after a while."""
    purses.update(tx, one.number, stage=Stage.DECLINED.value, problem=reasons)
    lane.note_in(tx, "purse.declined", one.withdrawal or one.wallet, reasons)
    if one.withdrawal is not None:
        row, now_ms = store.get(tx, one.withdrawal), lane.clock.now_ms()
        wait_ms = 1000 * min(60, 2 ** min(row.tries, 6))
        text = f"the purse may not pay for it now: {reasons}"
        store.postpone(tx, row.id, now_ms=now_ms, wait_ms=wait_ms, problem=text)


def _genuine(one: Attempt, raw: bytes) -> bytes:
    """Raises Breach when Keeper signed something else, or with another key."""
    try:
        signed, sender = parse_signed(raw)
    except Malformed as error:
        raise Breach("purse.signed", "Keeper's purse transaction is malformed") from error
    if signed.unsigned_payload() != one.unsigned or sender != one.account:
        raise Breach("purse.signed", f"Keeper signed another purse transaction than nonce {one.nonce}")
    return raw


async def send_all(lane: EvmLane) -> None:
    """Hand out what is signed, and again what no block has taken for a while. By nonce."""
    alive = await lane.store.run(lambda tx: purses.in_stages(tx, lane.network, (Stage.SIGNED, Stage.SENT)))
    lane.numbers.in_flight.labels(lane.network).set(len({one.nonce for one in alive}))
    newest = {one.nonce: one for one in alive}  # later attempts replace earlier ones in a pool
    for one in newest.values():
        now_ms = lane.clock.now_ms()
        if one.stage is Stage.SIGNED or abs(now_ms - (one.sent_at_ms or 0)) >= RESEND_AFTER_MS:
            await _send(lane, one)


async def _send(lane: EvmLane, one: Attempt) -> None:
    if one.raw is None:
        raise Breach("purse.row", f"purse transaction {one.number} is signed and has no bytes")
    try:
        said = await lane.node.send_raw(one.raw)
    except Unavailable as error:
        why = error.public
        await lane.store.run(lambda tx: _unclear(tx, lane, one, why))
        raise
    lane.faults.reach(FaultPoint.APP_SENT)
    match said.outcome:
        case Sending.ACCEPTED | Sending.KNOWN | Sending.NONCE_TOO_LOW:
            # a nonce too low is one that a block has taken: the receipts will tell by which attempt
            await lane.store.run(lambda tx: _noted(tx, lane, one))
        case Sending.UNDERPRICED | Sending.INSUFFICIENT_FUNDS | Sending.REJECTED:
            text = f"nonce {one.nonce}: {said.outcome.value}: {said.text}"
            await lane.store.run(lambda tx: _rejected(tx, lane, one, text))
        case _ as never:
            assert_never(never)


def _noted(tx: Connection, lane: EvmLane, one: Attempt) -> None:
    _handed_out(tx, lane, one, None)
    if _sends_now(tx, one):
        lane.step_in(tx, one.withdrawal or "", Sent(), transaction=one.hash)


def _handed_out(tx: Connection, lane: EvmLane, one: Attempt, problem: str | None) -> None:
    now_ms = lane.clock.now_ms()
    first = one.first_sent_at_ms or now_ms
    columns = {"first_sent_at_ms": first, "sent_at_ms": now_ms, "problem": problem}
    if purses.get(tx, one.number).stage in (Stage.SIGNED, Stage.SENT):  # not seen in a block meanwhile
        purses.update(tx, one.number, stage=Stage.SENT.value, **columns)


def _unclear(tx: Connection, lane: EvmLane, one: Attempt, why: str) -> None:
    purses.update(tx, one.number, sent_at_ms=lane.clock.now_ms(), problem=why)
    if one.withdrawal and one.purpose is Purpose.EXECUTE:
        row = store.get(tx, one.withdrawal)
        if isinstance(row.state, Signed):
            lane.step_in(tx, row.id, SendUnclear(why), transaction=one.hash)


def _rejected(tx: Connection, lane: EvmLane, one: Attempt, text: str) -> None:
    _handed_out(tx, lane, one, text)
    lane.note_in(tx, "purse.rejected", one.withdrawal or one.wallet, text)


def _sends_now(tx: Connection, one: Attempt) -> bool:
    if one.withdrawal is None or one.purpose is not Purpose.EXECUTE:
        return False
    state = store.get(tx, one.withdrawal).state
    return isinstance(state, Signed) or (isinstance(state, Uncertain) and state.then is None)


async def learn_purse(lane: EvmLane) -> Purse:
    """The purse as Keeper names it, asked for once. Raises Unavailable until it answers."""
    known = await lane.store.run(lambda tx: purses.get_purse(tx, lane.network))
    return known or (await ask_purse(lane))[0]


async def ask_purse(lane: EvmLane) -> tuple[Purse, int]:
    """The purse and the next nonce Keeper would sign. Raises Breach when it is another one than before."""
    status = messages.StatusRequest()
    said = await lane.exchange.ask(Service.KEEPER, "status.v1", status, lane.signer_timeout_s)
    if not isinstance(said, messages.StatusAnswer):
        raise Malformed("status.answer", "Keeper answered with something else than its status")
    await learn_head(lane, Service.KEEPER, said.head)
    named = next((one for one in said.purses if one.network == lane.network), None)
    if named is None:
        raise Unavailable("purse.none", f"Keeper has no purse on {lane.network}; add it to the policy")
    now_ms, address = lane.clock.now_ms(), named.address
    purse = await lane.store.run(lambda tx: purses.learn_purse(tx, lane.network, address, now_ms))
    return purse, named.next_nonce
