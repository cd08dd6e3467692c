"""Signed → handed to the purse: the wallet's deployment first where it does not stand, then execTransaction.

Laws: a purse transaction is a row before Keeper sees it; nonces are given out in one place, one by one; what
all executions of a withdrawal may cost together stays under its fee bound; what would revert is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import answers, carried, purses, store, turns
from keepcool.app.payouts.evm import fees, safes
from keepcool.app.payouts.evm.fees import Market
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Attempt, Purpose, Purse, Stage
from keepcool.app.payouts.said import SIGNERS
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.wallets import Wallet
from keepcool.chains import publickeys
from keepcool.chains.evm import address, execution, wallets
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.purse import Fees
from keepcool.chains.evm.safe import SafeTx, parse_draft
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import Breach, Refused, Unavailable
from keepcool.core.registry import WalletRecord
from keepcool.core.withdrawal import Abandoned, Seen, SlotUsed
from keepcool.core.withdrawal_states import Broadcast, Failed, Signed, draft_of
from keepcool.ports.evmnode import Call, Tag

AT_ONCE_MAX = 50
IN_FLIGHT_MAX = 8  # of one account: pools keep few of a stranger's that wait
FAILURES_MAX = 3  # executions that a block undid, before it is given up
_PATIENCE_TRIES, _PATIENCE_SHARED = 5, 2  # what is given up of a batch is paid again soon


@dataclass(frozen=True, slots=True)
class Plan:
    """A purse transaction that only lacks its nonce."""

    withdrawal: Withdrawal
    purpose: Purpose
    to: str
    data: bytes
    gas: int
    fees: Fees

    def at(self, chain_id: int, nonce: int) -> Transaction:
        return Transaction(
            chain_id=chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=self.fees.max_priority_fee_per_gas,
            max_fee_per_gas=self.fees.max_fee_per_gas,
            gas=self.gas,
            to=self.to,
            value=0,
            data=self.data,
        )


async def plan_all(lane: EvmLane, purse: Purse) -> list[Attempt]:
    """Rows for what is to be sent next, not yet signed by Keeper."""
    due = await lane.store.run(lambda tx: ready(tx, lane))
    plans = await lane.each(due, lambda one: _plan(lane, purse, one)) if due else []
    if not plans:
        return []
    chain_nonce = await lane.node.nonce(purse.address)
    return await lane.store.run(lambda tx: _given_nonces(tx, lane, purse, plans, chain_nonce))


def ready(tx: Connection, lane: EvmLane) -> list[Withdrawal]:
    """Signed, or sent and finally reverted; none that has an attempt on its way."""
    now_ms = lane.clock.now_ms()
    rows = store.in_states(tx, lane.network, [Signed, Broadcast], limit=AT_ONCE_MAX, due_ms=now_ms)
    unseen = [one for one in rows if not (isinstance(one.state, Broadcast) and one.state.seen is not None)]
    return [one for one in unseen if not _pending(tx, one)]


def _pending(tx: Connection, one: Withdrawal) -> bool:
    executions = purses.of_withdrawal(tx, one.id)
    deployments = purses.of_wallet(tx, one.wallet, Purpose.DEPLOY)
    return any(attempt.stage in purses.PENDING for attempt in (*executions, *deployments))


async def _plan(lane: EvmLane, purse: Purse, one: Withdrawal) -> Plan | None:
    record = (await lane.store.run(lambda tx: _going_on(tx, lane, one))).record
    if await _failed_on_chain(lane, one):
        return None
    if not await safes.is_deployed(lane.node, record.address):
        return await _deployment(lane, purse, one, record)
    if one.draft is None or one.slot is None:
        raise Breach("withdrawal.row", f"withdrawal {one.id} is signed and has no draft")
    now = await safes.nonce(lane.node, record.address)
    if now > one.slot:
        await slot_gone(lane, one, record.address)
        return None
    if now < one.slot:
        raise Unavailable("node.lagging", f"the node knows nonce {now} of {record.address}")
    return await _execution(lane, purse, one, record, parse_draft(one.draft))


def _going_on(tx: Connection, lane: EvmLane, one: Withdrawal) -> Wallet:
    """The verified wallet. Raises Unavailable while it, or anybody it carries, may not be paid."""
    stopped = next((why for each in carried.members(tx, one.id) if (why := stops.of(tx, each))), None)
    if stopped is not None:
        raise Unavailable("wallet.frozen", stopped)
    return turns.unfrozen(tx, lane, one)


async def _failed_on_chain(lane: EvmLane, one: Withdrawal) -> bool:
    """What blocks have taken and undone is not sent for ever: of several the one is looked for at once."""
    attempts = await lane.store.run(lambda tx: purses.of_withdrawal(tx, one.id))
    failed = [it for it in attempts if it.purpose is Purpose.EXECUTE and it.succeeded is False]
    shared = await lane.store.run(lambda tx: carried.is_shared(tx, one.id))
    if one.kind is Kind.VOID or len(failed) < (1 if shared else FAILURES_MAX):
        return False
    text = f"it failed on chain in {failed[-1].hash}, although nothing had foretold it"
    await lane.step(one.id, Abandoned(Failed(carried.REVERTS, text), text))
    return True


async def _deployment(lane: EvmLane, purse: Purse, one: Withdrawal, record: WalletRecord) -> Plan:
    profile = profile_named(record.profile)
    owners = tuple(_address(key.public_key) for key in record.owners)
    initializer = wallets.setup_of(profile, owners, record.threshold).initializer()
    salt = wallets.wallet_salt(record.wallet)
    if wallets.proxy_address(profile, initializer, salt) != record.address:
        raise Breach("wallet.derived", f"wallet {record.wallet} would be deployed at another address")
    data = wallets.create_proxy_with_nonce(profile, initializer, salt)
    to = profile.factory.address
    gas = fees.with_margin(await lane.node.estimate_gas(Call(to, data, sender=purse.address)))
    room = gas + fees.with_margin(fees.EXECUTE_GAS + fees.FIRST_EXECUTE_GAS + fees.PLAIN_GAS)
    return Plan(one, Purpose.DEPLOY, to, data, gas, await _fees(lane, one, room))


async def _execution(
    lane: EvmLane, purse: Purse, one: Withdrawal, record: WalletRecord, unsigned: SafeTx
) -> Plan | None:
    said = await lane.store.run(lambda tx: answers.of(tx, one.id))
    by_owner = {
        _address(record.key(role).public_key): said[signer].signature or b""
        for signer, role in SIGNERS.items()
    }
    data = execution.exec_transaction(unsigned, by_owner)
    try:
        estimate = await lane.node.estimate_gas(Call(record.address, data, sender=purse.address))
    except Refused as error:
        await _reverts(lane, one, error)
        return None
    gas = fees.limit(estimate)
    return Plan(one, Purpose.EXECUTE, record.address, data, gas, await _fees(lane, one, gas))


async def _reverts(lane: EvmLane, one: Withdrawal, error: Refused) -> None:
    """It would fail if it were sent. Signatures exist, so its slot is burnt before it ends."""
    shared = await lane.store.run(lambda tx: carried.is_shared(tx, one.id))
    if error.code != "node.reverted" or one.tries < (_PATIENCE_SHARED if shared else _PATIENCE_TRIES):
        raise error
    if one.kind is Kind.VOID:
        await lane.note("payout.void_stuck", one.id, error.public)
        raise error
    await lane.step(one.id, Abandoned(Failed(carried.REVERTS, error.public), error.public))


async def slot_gone(lane: EvmLane, one: Withdrawal, safe: str) -> None:
    """The Safe's nonce has moved past this withdrawal. By itself, sent by whoever: then it was paid. By
    another transaction: then it never will be."""
    draft, slot = draft_of(one.state), one.slot
    if draft is None or slot is None:
        return
    found = await safes.consumer(lane.node, safe, slot, since=one.drafted_at_block or 0)
    if found is None:
        raise Unavailable("node.lagging", f"no node tells yet what used nonce {slot} of {safe}")
    if found.digest == draft.digest:
        await lane.step(one.id, Seen(found.inclusion), transaction=found.inclusion.transaction)
    elif found.inclusion.block <= await final_block(lane):
        await lane.step(one.id, SlotUsed(found.inclusion))
    else:
        raise Unavailable("payout.slot_used", f"another transaction uses nonce {slot} of {safe}")


async def final_block(lane: EvmLane) -> int:
    """The highest block that counts as final here, as for deposits; -1 for none."""
    tip = await lane.node.check()
    if lane.settings.crediting == "depth":
        return max(tip.number - lane.settings.depth_blocks, -1)
    final = await lane.node.header(Tag.FINALIZED)
    if final is None:
        raise Unavailable("node.not_final", f"the node of {lane.network} knows no finalized block")
    return final.number


async def _fees(lane: EvmLane, one: Withdrawal, gas: int) -> Fees:
    spent = await lane.store.run(lambda tx: spent_so_far(tx, one.id))
    found = fees.first_fees(await market(lane), gas, max(one.fee_max - spent, 0), lane.settings.fees)
    if found is None:
        text = f"fees are too high now for what is left of {one.fee_max} wei; waiting for lower ones"
        await lane.note("payout.fee_high", one.id, text)
        raise Unavailable("payout.fee_high", text)
    return found


async def market(lane: EvmLane) -> Market:
    told = await lane.node.fees()
    return Market(told.base_fee_per_gas, fees.tip_of(lane.settings.fees, told.priority_fee_per_gas))


def spent_so_far(tx: Connection, withdrawal: str) -> int:
    """Wei that earlier nonces of this withdrawal have cost, its wallet's deployment included."""
    return sum(one.fee_paid or 0 for one in purses.of_withdrawal(tx, withdrawal))


def _given_nonces(
    tx: Connection, lane: EvmLane, purse: Purse, plans: list[Plan], chain_nonce: int
) -> list[Attempt]:
    """Nonces in the order of the plans; those for which there is no room wait for the next round."""
    in_flight = {
        one.nonce for one in purses.in_stages(tx, lane.network, (Stage.STORED, Stage.SIGNED, Stage.SENT))
    }
    room = IN_FLIGHT_MAX - len(in_flight)
    deploying: set[str] = set()
    made = []
    for plan in sorted(plans, key=lambda plan: plan.withdrawal.number)[: max(room, 0)]:
        one = plan.withdrawal
        moved = store.get(tx, one.id).state != one.state  # cancelled or frozen while we estimated
        if moved or _pending(tx, one) or one.wallet in deploying:
            continue
        deploying |= {one.wallet}
        nonce = purses.next_nonce(tx, lane.network, purse.address, chain_nonce)
        unsigned = plan.at(lane.chain_id, nonce)
        made.append(
            purses.add(
                tx,
                network=lane.network,
                account=purse.address,
                nonce=nonce,
                purpose=plan.purpose,
                wallet=one.wallet,
                withdrawal=one.id,
                unsigned=unsigned.unsigned_payload(),
                fee_max=unsigned.fee_wei_max,
                now_ms=lane.clock.now_ms(),
            )
        )
    return made


def _address(public_key: str) -> str:
    return address.of_public_key(publickeys.parse_public_key(public_key))
