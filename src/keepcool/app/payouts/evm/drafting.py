"""Requested → Drafted: which SafeTx pays it, at which nonce of its Safe.

Law: what would fail or cost more than allowed is not drafted, so nobody has to sign it away.
"""

from __future__ import annotations

from keepcool.app.payouts import store, turns
from keepcool.app.payouts.evm import fees, safes
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.wallets import Wallet
from keepcool.chains.evm import payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import SafeTx, encode_draft, safe_tx_hash
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.withdrawal import DraftMade
from keepcool.core.withdrawal_states import Draft
from keepcool.ports.evmnode import Tag


async def draft_all(lane: EvmLane) -> bool:
    """Draft what can be drafted now. True when anything was."""
    return await turns.draft_all(lane, lambda one: _draft(lane, one))


async def _draft(lane: EvmLane, one: Withdrawal) -> Withdrawal | None:
    wallet = await lane.store.run(lambda tx: turns.unfrozen(tx, lane, one))
    safe = wallet.address
    slot, tip = await _free_slot(lane, one, safe), await lane.node.header(Tag.LATEST)
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


async def _free_slot(lane: EvmLane, one: Withdrawal, safe: str) -> int:
    """The Safe's nonce. Raises Unavailable while the node tells an older one than we know of."""
    told = await safes.nonce(lane.node, safe)
    used = await lane.store.run(lambda tx: store.highest_slot_used(tx, one.wallet))
    if told <= used:
        raise Unavailable("node.lagging", f"the node knows nonce {told} of {safe}, {used} is used")
    return told


def safe_tx(lane: EvmLane, wallet: Wallet, one: Withdrawal, slot: int) -> SafeTx:
    safe, chain_id = wallet.address, lane.chain_id
    if one.kind is Kind.VOID:
        return payouts.void(safe=safe, chain_id=chain_id, nonce=slot)
    profile = profile_named(wallet.record.profile)
    return payouts.pay(profile, safe=safe, chain_id=chain_id, nonce=slot, outputs=turns.outputs_of(one))


async def _affordable(lane: EvmLane, one: Withdrawal, unsigned: SafeTx) -> None:
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
