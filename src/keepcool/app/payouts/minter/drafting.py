"""Requested → Drafted: which transaction pays it, at which nonce of its wallet.

Law: what would cost more than allowed is not drafted, so nobody has to sign it away.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.payouts import store, turns, wallet_fees
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.chains import rlp
from keepcool.chains.minter import payouts
from keepcool.chains.minter.transaction import Transaction
from keepcool.core.effects import Slot
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.intent import Output
from keepcool.core.withdrawal import DraftMade
from keepcool.core.withdrawal_states import Draft


async def draft_all(lane: MinterLane) -> bool:
    """Draft what can be drafted now. True when anything was."""
    return await turns.draft_all(lane, lambda one: _draft(lane, one))


async def _draft(lane: MinterLane, one: Withdrawal) -> Withdrawal | None:
    wallet = await lane.store.run(lambda tx: turns.unfrozen(tx, lane, one))
    nonce = await _free_nonce(lane, one, wallet.address)
    if await lane.store.run(lambda tx: turns.needs_void(tx, lane, one, nonce)):
        return None
    price = await gas_price(lane)
    unsigned = await lane.store.run(
        lambda tx: fresh(tx, lane, one, address=wallet.address, nonce=nonce, price=price)
    )
    try:
        await _affordable(lane, one, unsigned)
    except Refused as error:
        return await turns.hopeless(lane, one, error)
    expires_at_s = lane.clock.now_ms() // 1000 + lane.settings.fees.intent_lifetime_s
    intent = turns.intent_of(lane, one, expires_at_s)
    slot, digest = Slot(lane.network, f"account:{wallet.address}", nonce), unsigned.digest().hex()
    return await lane.step(
        one.id,
        DraftMade(Draft(slot, digest)),
        intent=intent.encoded(),
        draft=unsigned.preimage(),
        digest=digest,
        slot=nonce,
        expires_at_s=expires_at_s,
    )


def fresh(
    tx: Connection, lane: MinterLane, one: Withdrawal, *, address: str, nonce: int, price: int
) -> Transaction:
    """A void that expired may have been signed by one signer, which never signs the same bytes for another
    intent: the next void pays a higher gas price."""
    if one.kind is not Kind.VOID:
        return pay(lane, nonce, turns.outputs_of(one), price)
    most = max(price, lane.settings.fees.gas_price_max)
    burns = [
        payouts.burn(wallet=address, network=lane.network, nonce=nonce, gas_price=each)
        for each in range(price, most + 1)
    ]
    known = store.drafted(tx, one.wallet, [burn.digest().hex() for burn in burns])
    return next((burn for burn in burns if burn.digest().hex() not in known), burns[0])


def pay(lane: MinterLane, nonce: int, outputs: tuple[Output, ...], price: int) -> Transaction:
    return payouts.pay(network=lane.network, nonce=nonce, outputs=outputs, gas_price=price)


async def gas_price(lane: MinterLane) -> int:
    """What nodes ask for now, at least what is configured."""
    asked, fees = await lane.node.min_gas_price(), lane.settings.fees
    if asked > fees.gas_price_max:
        text = f"the network asks for a gas price of {asked}; at most {fees.gas_price_max} is allowed"
        raise Unavailable("payout.fee_high", text)
    return max(asked, fees.gas_price)


async def cost_of(lane: MinterLane, unsigned: Transaction) -> int:
    """Pip of the gas coin. The price does not depend on the signatures, so none are needed."""
    return await lane.node.estimate_commission(rlp.encode([*unsigned.fields(), b""]))


async def _free_nonce(lane: MinterLane, one: Withdrawal, address: str) -> int:
    """The account's next nonce. Raises Unavailable while the node tells an older one than we know of."""
    told = (await lane.node.account(address)).next_nonce
    used = await lane.store.run(lambda tx: store.highest_slot_used(tx, one.wallet))
    if told <= used:
        raise Unavailable("node.lagging", f"the node knows nonce {told} of {address}, {used} is used")
    return told


async def _affordable(lane: MinterLane, one: Withdrawal, unsigned: Transaction) -> None:
    """Raises Refused when it would cost more than its bound."""
    cost = await cost_of(lane, unsigned)
    spent = await lane.store.run(lambda tx: wallet_fees.total(tx, one.voids or one.id))
    if one.kind is not Kind.VOID and cost + spent > one.fee_max:
        text = f"the network asks for {cost} pip in fees now; at most {one.fee_max} are allowed"
        raise Refused("payout.fee_bound", text)
