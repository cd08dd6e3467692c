"""Requested → Drafted: which SafeTx pays it, at which nonce of its Safe.

Laws: a wallet has one SafeTx open at a time, in the order of the requests; a slot that any signer may have
signed for something abandoned is burnt before it is used again; what would fail or cost more than allowed
is not drafted, so nobody has to sign it away.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from keepcool.app.payouts import answers, fees, safes, store
from keepcool.app.payouts.executing import unfrozen
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.wallets import Wallet
from keepcool.chains.evm import payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import SafeTx, encode_draft, safe_tx_hash
from keepcool.core import ids
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.withdrawal import Abandoned, DraftMade
from keepcool.core.withdrawal_states import (
    Confirmed,
    Draft,
    Failed,
    Replaced,
    Requested,
    Uncertain,
    is_open,
)
from keepcool.ports.evmnode import Tag

AT_ONCE_MAX = 200
_PATIENCE_TRIES = 4  # a lagging node can make a good payment look bad


async def draft_all(lane: Lane) -> bool:
    """Draft what can be drafted now. True when anything was."""
    due = await lane.store.run(lambda tx: next_in_line(tx, lane))
    if due:
        lane.faults.reach(FaultPoint.APP_REQUESTED)
    return bool(await lane.each(due, lambda one: _draft(lane, one)))


def next_in_line(tx: Connection, lane: Lane) -> list[Withdrawal]:
    """Per wallet the one request whose turn it is and whose wait is over."""
    now_ms = lane.clock.now_ms()
    waiting = store.in_states(tx, lane.network, [Requested], limit=AT_ONCE_MAX, due_ms=now_ms)
    turns: dict[str, Withdrawal] = {}
    for wallet in dict.fromkeys(one.wallet for one in waiting):
        turn = whose_turn(store.open_of_wallet(tx, wallet))
        if turn is not None and store.is_due(turn, now_ms):
            turns[wallet] = turn
    return list(turns.values())


def whose_turn(opened: Iterable[Withdrawal]) -> Withdrawal | None:
    """Of a wallet's open withdrawals, the one to draft next; None while another must end first. A void
    goes before what waits, and beside the one it burns."""
    rows = list(opened)
    waiting = [one for one in rows if isinstance(one.state, Requested)]
    busy = [one for one in rows if not isinstance(one.state, Requested)]
    voids = [one for one in waiting if one.kind is Kind.VOID]
    if busy:
        burning = {one.id for one in busy if isinstance(one.state, Uncertain) and one.state.then is not None}
        others = [one for one in busy if one.id not in burning]
        return next((one for one in voids if one.voids in burning and not others), None)
    return next(iter(voids or waiting), None)


async def _draft(lane: Lane, one: Withdrawal) -> Withdrawal | None:
    wallet = await lane.store.run(lambda tx: unfrozen(tx, lane, one))
    safe = wallet.address
    slot, tip = await _free_slot(lane, one, safe), await lane.node.header(Tag.LATEST)
    if tip is None:
        raise Unavailable("node.lagging", f"the node of {lane.network} knows no latest block")
    if await lane.store.run(lambda tx: _needs_void(tx, lane, one, slot)):
        return None
    unsigned = safe_tx(lane, wallet, one, slot)
    try:
        await _affordable(lane, one, unsigned)
    except Refused as error:
        return await _hopeless(lane, one, error)
    expires_at_s = lane.clock.now_ms() // 1000 + lane.settings.fees.intent_lifetime_s
    intent = intent_of(lane, one, expires_at_s)
    digest = safe_tx_hash(unsigned).hex()
    return await lane.step(
        one.id,
        DraftMade(Draft(unsigned.slot, digest)),
        intent=intent.encoded(),
        draft=encode_draft(unsigned),
        digest=digest,
        slot=slot,
        expires_at_s=expires_at_s,
        drafted_at_block=tip.number,
    )


async def _free_slot(lane: Lane, one: Withdrawal, safe: str) -> int:
    """The Safe's nonce. Raises Unavailable while the node tells an older one than we know of."""
    told = await safes.nonce(lane.node, safe)
    used = await lane.store.run(lambda tx: store.highest_slot_used(tx, one.wallet))
    if told <= used:
        raise Unavailable("node.lagging", f"the node knows nonce {told} of {safe}, {used} is used")
    return told


def _needs_void(tx: Connection, lane: Lane, one: Withdrawal, slot: int) -> bool:
    """A signer that may have signed for this slot signs no other payment there."""
    if one.kind is Kind.VOID:
        return False
    ended = select(withdrawal).where(withdrawal.c.wallet == one.wallet, withdrawal.c.slot == slot)
    for earlier in store.rows(tx, ended.order_by(withdrawal.c.number.desc())):
        done = is_open(earlier.state) or isinstance(earlier.state, Confirmed | Replaced)
        if not done and answers.may_be_signed(tx, earlier.id):
            store.request_void(tx, earlier, lane.clock.now_ms())
            return True
    return False


def safe_tx(lane: Lane, wallet: Wallet, one: Withdrawal, slot: int) -> SafeTx:
    safe, chain_id = wallet.address, lane.chain_id
    if one.kind is Kind.VOID:
        return payouts.void(safe=safe, chain_id=chain_id, nonce=slot)
    profile = profile_named(wallet.record.profile)
    return payouts.pay(profile, safe=safe, chain_id=chain_id, nonce=slot, outputs=[_output(one)])


def intent_of(lane: Lane, one: Withdrawal, expires_at_s: int) -> Intent:
    voids = one.kind is Kind.VOID
    return Intent(
        intent=ids.intent_id(one.id),
        purpose=Purpose.VOID if voids else Purpose.PAY,
        network=lane.network,
        source=one.wallet,
        outputs=() if voids else (_output(one),),
        fee_max=Amount(lane.native, one.fee_max),
        expires_at_s=expires_at_s,
    )


async def _affordable(lane: Lane, one: Withdrawal, unsigned: SafeTx) -> None:
    """Raises Refused when it would fail now or cost more than its bound."""
    gas = await safes.rehearse(lane.node, unsigned) + fees.EXECUTE_GAS
    if unsigned.nonce == 0:
        gas += fees.FIRST_EXECUTE_GAS
    if not await safes.is_deployed(lane.node, unsigned.safe):
        gas += fees.DEPLOY_GAS
    told = await lane.node.fees()
    tip = fees.tip_of(lane.settings.fees, told.priority_fee_per_gas)
    cost = gas * (told.base_fee_per_gas + tip)
    if cost > one.fee_max:
        text = f"the network asks for about {cost} wei in fees now; at most {one.fee_max} are allowed"
        raise Refused("payout.fee_bound", text)


async def _hopeless(lane: Lane, one: Withdrawal, error: Refused) -> Withdrawal | None:
    """Nobody has signed: it fails at no cost, once a node had the time to catch up."""
    if one.tries < _PATIENCE_TRIES or one.kind is Kind.VOID:
        raise error
    return await lane.step(one.id, Abandoned(Failed(error.code, error.public), error.code))


def _output(one: Withdrawal) -> Output:
    return Output(one.recipient, Amount(one.asset, one.units))
