"""Requested → Drafted: which SafeTx pays it, at which nonce of its Safe.

Laws: what would fail or cost more than allowed is not drafted, so nobody has to sign it away; what waits for
people is drafted again, for the same intent, only where nobody can have signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from keepcool.app.payouts import carried, store, turns
from keepcool.app.payouts.evm import batching, fees, groups, rehearsing, safes
from keepcool.app.payouts.evm.groups import Group
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.wallets import Wallet
from keepcool.chains.evm import payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import SafeTx, encode_draft, safe_tx_hash
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.intent import parse_intent
from keepcool.core.withdrawal import DraftMade
from keepcool.core.withdrawal_states import Draft
from keepcool.ports.evmnode import Tag


@dataclass(frozen=True, slots=True)
class Done:
    """Whether anything new was drafted, and what waits for people and can be asked for again."""

    drafted: bool
    again: frozenset[str]


async def draft_all(lane: EvmLane) -> Done:
    """Draft what can be drafted now."""
    now = await lane.store.run(lambda tx: groups.turns_of(tx, lane))
    again = await lane.each(now.again, lambda one: _again(lane, one))
    asked = frozenset(one.id for one in again)
    if not now.groups:
        return Done(drafted=False, again=asked)
    lane.faults.reach(FaultPoint.APP_REQUESTED)
    alone = [group.own for group in now.groups if group.own is not None]
    drafted = await lane.each(alone, lambda one: _draft(lane, one))
    batches = [await _guarded(lane, group) for group in now.groups if group.own is None]
    return Done(drafted=bool(drafted) or any(batches), again=asked)


async def _again(lane: EvmLane, one: Withdrawal) -> Withdrawal | None:
    """What waits for people, at the nonce that is free now."""
    wallet = await lane.store.run(lambda tx: turns.unfrozen(tx, lane, one))
    slot = await safes.free_slot(lane.node, lane.store, one.wallet, wallet.address)
    tip = await lane.node.header(Tag.LATEST)
    if tip is None or one.intent is None:
        raise Unavailable("node.lagging", f"the node of {lane.network} knows no latest block")
    if await lane.store.run(lambda tx: turns.needs_void(tx, lane, one, slot)):
        return None
    if slot == one.slot:
        return one
    profile, outputs = profile_named(wallet.record.profile), parse_intent(one.intent).outputs
    unsigned = payouts.pay(profile, safe=wallet.address, chain_id=lane.chain_id, nonce=slot, outputs=outputs)
    return await lane.store.run(lambda tx: _moved(tx, lane, one, unsigned, tip.number))


def _moved(tx: Connection, lane: EvmLane, one: Withdrawal, unsigned: SafeTx, block: int) -> Withdrawal:
    if not groups.is_parked(tx, store.get(tx, one.id)) or groups.is_occupied(tx, one.wallet):
        raise Conflict("withdrawal.moved", "a signer may have signed this, or another transaction came first")
    made = DraftMade(Draft(unsigned.slot, safe_tx_hash(unsigned).hex()))
    take, draft = partial(Lane.step_in, lane, tx), encode_draft(unsigned)
    return carried.redraft(tx, take, one, made, draft=draft, block=block)


async def _guarded(lane: EvmLane, group: Group) -> bool:
    """One that fails is postponed and spoils no other."""
    try:
        return await _batch(lane, group) is not None
    except Breach as error:
        for one in group.members:
            await lane.freeze(one, error)
    except KeepcoolError as error:
        await batching.postpone(lane, group.members, error)
    return False


async def _batch(lane: EvmLane, group: Group) -> Withdrawal | None:
    """One that can be paid only alone, of the paying wallet, is drafted as itself."""
    try:
        return await batching.draft(lane, group)
    except Refused as error:
        if error.code != "payout.fee_bound" or len(group.members) > 1:
            raise
        return await turns.hopeless(lane, group.members[0], error)


async def _draft(lane: EvmLane, one: Withdrawal) -> Withdrawal | None:
    wallet = await lane.store.run(lambda tx: turns.unfrozen(tx, lane, one))
    safe = wallet.address
    slot = await safes.free_slot(lane.node, lane.store, one.wallet, safe)
    tip = await lane.node.header(Tag.LATEST)
    if tip is None:
        raise Unavailable("node.lagging", f"the node of {lane.network} knows no latest block")
    if await lane.store.run(lambda tx: turns.needs_void(tx, lane, one, slot)):
        return None
    unsigned = safe_tx(lane, wallet, one, slot)
    try:
        await _affordable(lane, one, unsigned)
    except Refused as error:
        return await turns.hopeless(lane, one, error)
    expires_at_s = lane.clock.now_ms() // 1000 + lane.settings.fees.intent_lifetime_s
    intent = turns.intent_of(lane, one, expires_at_s)
    digest = safe_tx_hash(unsigned).hex()
    made: dict[str, object] = {
        "intent": intent.encoded(),
        "draft": encode_draft(unsigned),
        "digest": digest,
        "slot": slot,
        "expires_at_s": expires_at_s,
        "drafted_at_block": tip.number,
    }

    def work(tx: Connection) -> Withdrawal:
        carried.set_part(tx, [one.id], None)
        return lane.step_in(tx, one.id, DraftMade(Draft(unsigned.slot, digest)), **made)

    return await lane.store.run(work)


def safe_tx(lane: EvmLane, wallet: Wallet, one: Withdrawal, slot: int) -> SafeTx:
    safe, chain_id = wallet.address, lane.chain_id
    if one.kind is Kind.VOID:
        return payouts.void(safe=safe, chain_id=chain_id, nonce=slot)
    profile = profile_named(wallet.record.profile)
    return payouts.pay(profile, safe=safe, chain_id=chain_id, nonce=slot, outputs=turns.outputs_of(one))


async def _affordable(lane: EvmLane, one: Withdrawal, unsigned: SafeTx) -> None:
    """Raises Refused when it would fail now or cost more than its bound."""
    if one.kind is Kind.VOID:
        gas = await safes.rehearse(lane.node, unsigned)
    else:
        gas = await rehearsing.gas_of(lane, unsigned.safe, turns.outputs_of(one))
    gas += fees.EXECUTE_GAS
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
