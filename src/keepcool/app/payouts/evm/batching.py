"""A group of withdrawals becomes one batch: a row that carries them, its intent and its SafeTx.

Laws: what would fail is left out before anybody is asked to sign, and told why; the batch and the steps of
all it carries are one database transaction; it never asks for more gas than a block gives one transaction,
nor for a dearer fee than each of them allows its share; what does not fit waits for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import carried, holding, store, turns
from keepcool.app.payouts.carried import Fixed
from keepcool.app.payouts.evm import fees, groups, rehearsing, safes
from keepcool.app.payouts.evm.groups import Group
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.evm.rehearsing import Tried
from keepcool.app.payouts.lane import wait_after
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.wallets import Wallet
from keepcool.chains.evm import payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import encode_draft, safe_tx_hash
from keepcool.core import ids
from keepcool.core.errors import Conflict, KeepcoolError, Refused, Unavailable
from keepcool.core.ids import WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount, parse_units
from keepcool.core.withdrawal import DraftMade
from keepcool.core.withdrawal_states import Draft, Requested
from keepcool.ports.evmnode import Tag

_ALONE = "alone/"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch goes: the source's Safe, its nonce, the newest block, and what a unit of gas costs."""

    source: WalletId
    wallet: Wallet
    slot: int
    block: int
    gas_price: int
    gas_before: int  # what is spent before the first payment
    gas_max: int


@dataclass(frozen=True, slots=True)
class Weighed:
    member: Withdrawal
    outputs: tuple[Output, ...]
    gas: int


async def draft(lane: EvmLane, group: Group) -> Withdrawal | None:
    """The batch, or None when nobody is left to pay or a void comes first. Raises Refused
    `payout.fee_bound` when not even one can be paid for."""
    place = await _place(lane, group)
    if await lane.store.run(lambda tx: turns.is_spoilt(tx, lane, group.source, place.slot)):
        return None
    weighed = _fitting(lane, place, await _weighed(lane, place.wallet, group.members))
    if not weighed:
        return None
    return await lane.store.run(partial(_made, lane=lane, place=place, weighed=weighed))


async def _place(lane: EvmLane, group: Group) -> Place:
    wallet = await lane.store.run(lambda tx: _paying(tx, lane, group.source))
    slot = await safes.free_slot(lane.node, lane.store, group.source, wallet.address)
    tip, told = await lane.node.header(Tag.LATEST), await lane.node.fees()
    if tip is None:
        raise Unavailable("node.lagging", f"the node of {lane.network} knows no latest block")
    gas = fees.PLAIN_GAS + fees.EXECUTE_GAS + (fees.FIRST_EXECUTE_GAS if slot == 0 else 0)
    if not await safes.is_deployed(lane.node, wallet.address):
        gas += fees.DEPLOY_GAS
    price = told.base_fee_per_gas + fees.tip_of(lane.settings.fees, told.priority_fee_per_gas)
    return Place(group.source, wallet, slot, tip.number, price, gas, fees.gas_max(tip.gas_limit))


def _paying(tx: Connection, lane: EvmLane, source: WalletId) -> Wallet:
    stopped = stops.frozen(tx, lane.network, source)
    if stopped is not None:
        raise Unavailable("wallet.frozen", stopped)
    return lane.attesters.wallet(tx, source)


async def _weighed(lane: EvmLane, wallet: Wallet, members: Sequence[Withdrawal]) -> list[Weighed]:
    outputs = [turns.outputs_of(one) for one in members]
    flat = [output for some in outputs for output in some]
    told = iter(await rehearsing.tried(lane, wallet.address, flat))
    found = list[Weighed]()
    for one, some in zip(members, outputs, strict=True):
        tried = [next(told) for _ in some]
        if any(each.why for each in tried):
            await _set_aside(lane, one, tried)
        else:
            found.append(Weighed(one, some, sum(each.gas for each in tried)))
    return found


async def _set_aside(lane: EvmLane, one: Withdrawal, tried: Sequence[Tried]) -> None:
    """It waits and, when it goes on failing, ends; what only takes much gas is paid alone."""
    failing = [each for each in tried if each.why]
    if all(each.heavy for each in failing):
        await lane.store.run(lambda tx: carried.set_part(tx, [one.id], f"{_ALONE}{one.id}"))
        await lane.note("payout.set_aside", one.id, f"paid alone: {failing[0].why}")
        return
    why = failing[0].why
    try:
        await turns.hopeless(lane, one, Refused("payout.reverts", why))
    except Refused:
        if not one.tries:
            await lane.note("payout.set_aside", one.id, f"left out of its batch: {why}")
        await lane.postpone(one, why)


def _fitting(lane: EvmLane, place: Place, weighed: Sequence[Weighed]) -> list[Weighed]:
    """As many as fit and can be paid for."""
    found, gas, most = list[Weighed](), place.gas_before, parse_units(lane.settings.fees.withdrawal_fee_max)
    for one in weighed:
        wanted = [*found, one]
        cost = (gas + one.gas) * place.gas_price
        bound = min(fee_bound([each.member for each in wanted]), most)
        if found and (gas + one.gas > place.gas_max or cost > bound):
            break
        if cost > bound:
            text = f"the network asks for about {cost} wei in fees now; at most {bound} are allowed"
            raise Refused("payout.fee_bound", text)
        found, gas = wanted, gas + one.gas
    return found


def fee_bound(members: Sequence[Withdrawal]) -> int:
    """Of all together: each bears its share by the number of its payments, and no share exceeds what its
    withdrawal allows."""
    total = sum(len(one.payments) for one in members)
    return min(one.fee_max * total // len(one.payments) for one in members)


def _made(tx: Connection, lane: EvmLane, place: Place, weighed: Sequence[Weighed]) -> Withdrawal:
    """In one transaction with the steps of the withdrawals, which may have been cancelled meanwhile."""
    if groups.is_occupied(tx, place.source):
        raise Conflict("withdrawal.moved", "another transaction of this wallet came first")
    members, now_ms = [one.member for one in weighed], lane.clock.now_ms()
    most = min(fee_bound(members), parse_units(lane.settings.fees.withdrawal_fee_max))
    new = _row(lane, place, _name(place, members, now_ms), most)
    intent = Intent(
        intent=ids.intent_id(new.id),
        purpose=Purpose.PAY,
        network=lane.network,
        source=place.source,
        outputs=tuple(output for one in weighed for output in one.outputs),
        fee_max=Amount(lane.native, most),
        expires_at_s=now_ms // 1000 + lane.settings.fees.intent_lifetime_s,
    )
    unsigned = payouts.pay(
        profile_named(place.wallet.record.profile),
        safe=place.wallet.address,
        chain_id=lane.chain_id,
        nonce=place.slot,
        outputs=intent.outputs,
    )
    fixed = Fixed(
        carries=tuple(one.id for one in members),
        made=DraftMade(Draft(unsigned.slot, safe_tx_hash(unsigned).hex())),
        intent=intent.encoded(),
        draft=encode_draft(unsigned),
        expires_at_s=intent.expires_at_s,
        block=place.block,
    )
    return carried.begin(tx, partial(lane.step_in, tx), new, fixed, now_ms)


def _row(lane: EvmLane, place: Place, name: str, fee_max: int) -> NewWithdrawal:
    return NewWithdrawal(
        id=name,
        kind=Kind.BATCH,
        wallet=place.source,
        network=lane.network,
        asset=lane.native,
        units=0,
        recipient="",
        fee_max=fee_max,
    )


def _name(place: Place, members: Sequence[Withdrawal], now_ms: int) -> str:
    """Of no other batch, ever: one id stands for one intent."""
    what = [place.source, str(place.slot), str(now_ms), *(one.id for one in members)]
    return f"b-{sha256(':'.join(what).encode()).hexdigest()[:24]}"


async def postpone(lane: EvmLane, members: Sequence[Withdrawal], error: KeepcoolError) -> None:
    """All of them, unless they moved on."""
    now_ms = lane.clock.now_ms()

    def work(tx: Connection) -> None:
        for one in members:
            if not isinstance(store.get(tx, one.id).state, Requested):
                continue
            if error.code == holding.HELD:
                holding.hold_back(tx, one, now_ms=now_ms, problem=error.public)
            else:
                wait_ms = wait_after(one.tries)
                store.postpone(tx, one.id, now_ms=now_ms, wait_ms=wait_ms, problem=error.public)

    await lane.store.run(work)
