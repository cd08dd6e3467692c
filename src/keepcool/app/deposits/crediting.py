"""Who gets credited: as far as the balance of the wallet bears out, and not a unit more.

At a settled block, for one holding:  arrived = balance now - balance then + our own payouts + what passed on
to a pool's treasury - what was already confirmed in between. Claims are confirmed out of `arrived` in the
order of the chain. What is left
over is a deposit nobody announced; what is missing was claimed by a token that lies, or taken without us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from keepcool.app.books import dust, ledger
from keepcool.app.controls import suspensions
from keepcool.app.deposits import events, passages, position, records
from keepcool.app.deposits.events import Freezes
from keepcool.app.deposits.records import Claim, Deposit, Kind, State
from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId, NetworkId, WalletId

Outflows: TypeAlias = Callable[[Connection, WalletId, bytes], "tuple[Payment, ...] | None"]
"""What the spending of this name (32 bytes; a SafeTx's hash) takes from this wallet; None when App never
asked for it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`minimums` are base units, for every listed asset."""

    network: NetworkId
    minimums: Mapping[AssetId, int]
    outflows: Outflows


@dataclass(frozen=True, slots=True)
class Reading:
    """What the chain says a holding is at block `number`, whose hash is `block_hash` (hex). `pool`: of a
    pool's own wallet; `beside`: what of it lies at other addresses than the wallet's first one."""

    wallet: WalletId
    asset: AssetId
    number: int
    block_hash: str
    units: int
    pool: bool = False
    beside: int = 0


def settle_holding(tx: Connection, rules: Rules, seen: Reading, at_ms: int) -> None:
    """Decides everything pending for this holding up to this block. Asked again for the same block, it
    does nothing."""
    last = position.settled(tx, seen.wallet, seen.asset)
    if last.block_number >= seen.number or _waits(tx, rules, seen, at_ms):
        return
    claims = records.of_holding(tx, seen.wallet, seen.asset, until=seen.number, after=last.block_number)
    pending = [one for one in claims if one.state is State.PENDING]
    confirmed = sum(one.confirmed for one in claims if one.state is not State.PENDING)
    paid = _paid_out(tx, rules, seen, after=last.block_number, at_ms=at_ms)
    passed = passages.net(tx, seen.wallet, seen.asset, after=last.block_number, until=seen.number)
    arrived = seen.units - last.units + paid + passed - confirmed
    if arrived > 0 and suspensions.holds_deposits(tx, rules.network, seen.asset):
        return  # looked at again with every block until it is resumed
    if arrived < 0:
        _missing(tx, rules, seen, -arrived, at_ms)
    left = max(arrived, 0)
    for one in pending:
        granted = min(one.claim.units, left)
        left -= granted
        _grant(tx, rules, one, granted, at_ms)
    if left:
        _grant(tx, rules, records.add(tx, _unannounced(rules, seen, left), at_ms), left, at_ms)
    where = {"number": seen.number, "units": seen.units}
    position.settle(tx, rules.network, seen.wallet, seen.asset, **where)
    if arrived >= 0:
        lies = seen.beside if seen.pool else None
        passages.settled(tx, seen.wallet, seen.asset, strays=lies, at_ms=at_ms, **where)


def undo(tx: Connection, rules: Rules, common: int, at_ms: int) -> list[Deposit]:
    """Blocks above `common` are no longer part of the chain: their deposits are orphaned, and credits taken
    back. Those that had been credited."""
    lost = []
    for one in records.beyond(tx, rules.network, common):
        if one.posted:
            claim = one.claim
            dust.take_back(
                tx,
                deposit=one.ledger_name,
                wallet=claim.wallet,
                asset=claim.asset,
                units=one.confirmed,
                at_ms=at_ms,
            )
            lost.append(one)
        state = State.REVERSED if one.posted else State.ORPHANED
        records.decide(tx, one, state, at_ms, confirmed=0, posted=False)
    passages.rewind(tx, rules.network, common, at_ms)
    for wallet in sorted(position.rewind(tx, rules.network, common)):
        position.note_touch(tx, rules.network, wallet, common + 1, None)
    return lost


def _waits(tx: Connection, rules: Rules, seen: Reading, at_ms: int) -> bool:
    """Whether coins are told to have gone to the pool's treasury, and it was not seen yet that it has them.
    If it has not, everybody is told."""
    if seen.pool or not passages.unproven(tx, seen.wallet, seen.asset, seen.number):
        return False
    if not passages.refuted(tx, seen.wallet, seen.asset, seen.number):
        return True
    text = (
        f"{seen.asset} tells of transfers from wallet {seen.wallet} to its pool that did not arrive there; "
        "nothing of it is credited"
    )
    name = f"{seen.wallet}:{seen.asset}"
    _alarm(tx, rules, seen, at_ms, code="pool.not_arrived", name=name, text=text)
    return True


def _paid_out(tx: Connection, rules: Rules, seen: Reading, *, after: int, at_ms: int) -> int:
    units = 0
    for executed in position.executions(tx, seen.wallet, after=after, until=seen.number):
        payments = rules.outflows(tx, seen.wallet, executed)
        if payments is None:
            text = f"wallet {seen.wallet} executed {executed.hex()}, which App never asked for"
            _alarm(tx, rules, seen, at_ms, code="wallet.unknown_execution", name=executed.hex(), text=text)
            continue
        units += sum(p.amount.units for p in payments if p.amount.asset == seen.asset)
    return units


def _grant(tx: Connection, rules: Rules, one: Deposit, granted: int, at_ms: int) -> None:
    claim = one.claim
    worth = granted >= max(rules.minimums[claim.asset], 1)
    if worth:
        ledger.credit_deposit(
            tx,
            deposit=one.ledger_name,
            wallet=claim.wallet,
            asset=claim.asset,
            units=granted,
            at_ms=at_ms,
        )
    elif granted:
        dust.credit_dust(tx, [(one.ledger_name, claim.wallet, granted)], claim.asset, at_ms)
    state = State.CREDITED if worth else State.DUST
    if granted < claim.units:
        state = State.DUST if granted and not worth else State.SHORT
        text = (
            f"deposit {one.id} claims {claim.units} of {claim.asset}, the balance of wallet {claim.wallet} "
            f"confirms {granted}"
        )
        events.record(
            tx,
            key=f"short:{one.ledger_name}",
            at_ms=at_ms,
            network=claim.network,
            wallet=claim.wallet,
            code="deposit.short",
            text=text,
        )
    records.decide(tx, one, state, at_ms, confirmed=granted, posted=granted > 0)


def _missing(tx: Connection, rules: Rules, seen: Reading, units: int, at_ms: int) -> None:
    text = (
        f"wallet {seen.wallet} holds {units} of {seen.asset} less at block {seen.number} than its deposits "
        "and payouts explain: it was spent without us, or the token took it"
    )
    name = f"{seen.block_hash}:{seen.asset}"
    _alarm(tx, rules, seen, at_ms, code="wallet.spent_without_us", name=name, text=text)


def _alarm(
    tx: Connection, rules: Rules, seen: Reading, at_ms: int, *, code: str, name: str, text: str
) -> None:
    events.record(
        tx,
        key=f"{code}:{seen.wallet}:{name}",
        at_ms=at_ms,
        network=rules.network,
        wallet=seen.wallet,
        code=code,
        text=text,
        freezes=Freezes.WALLET,
    )


def _unannounced(rules: Rules, seen: Reading, units: int) -> Claim:
    return Claim(
        network=rules.network,
        wallet=seen.wallet,
        asset=seen.asset,
        kind=Kind.BALANCE,
        sender=None,
        transaction=None,
        position=0,
        block_number=seen.number,
        block_hash=seen.block_hash,
        units=units,
    )
