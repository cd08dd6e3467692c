"""Recalled payments in the ledger, once the chain cannot take them back.

Laws: every payment is booked once, with what it cost; what an open withdrawal of these books asked for has
paid that withdrawal; the rest is the owner's of the wallet that paid, and in a pool with members, where that
is nobody's to guess, it waits for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, func, select

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import drafts
from keepcool.app.coins.drafts import Spending
from keepcool.app.coins.tables import coin
from keepcool.app.deposits import events
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.payouts import store
from keepcool.app.pools import books as pool_books
from keepcool.app.pools import rows as pools
from keepcool.app.rebuilding import matching, payments
from keepcool.app.rebuilding.matching import Final
from keepcool.app.rebuilding.payments import PaidOutput, Recalled, Stage
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.withdrawal_states import Inclusion


@dataclass(frozen=True, slots=True)
class Cost:
    """A fee, or a part of one."""

    units: int
    asset: AssetId


def settle_bitcoin(tx: Connection, terms: Terms, scanned: int, at_ms: int) -> None:
    """Books what lies as deep as any credit. `scanned`: the last block read."""
    deep = max(depth for _, depth in terms.row.confirmations)
    for one in payments.in_stage(tx, Stage.SEEN, terms.network):
        final = _final(tx, one, scanned - deep + 1)
        if final is None:
            continue
        if final.txid != one.transaction and _is_seen(tx, one, final.txid):
            payments.set_stage(tx, one.number, Stage.REPLACED, 0)
            continue
        fee = _spent_sat(tx, terms.network, final.txid) - one.paid_out
        seen = Inclusion(final.txid, final.height or 0, final.block_hash or "")
        book(tx, one, seen, fee=fee, asset=terms.row.asset, at_ms=at_ms)


def book(tx: Connection, one: Recalled, seen: Inclusion, *, fee: int, asset: AssetId, at_ms: int) -> Stage:
    """`fee`: what the wallet itself has paid for it, in `asset`. As far as it is clear whose it was."""
    outputs = payments.outputs_of(tx, one.number)
    costs = shares(fee, len(outputs)) if outputs else []
    left = matching.pay(tx, Final(one, seen, costs, asset, at_ms), outputs)
    owner = _owner(tx, one.source)
    stage = Stage.BOOKED if owner is not None or not left else Stage.OPEN
    payments.set_stage(tx, one.number, stage, fee)
    if not outputs:
        _take_fee(tx, one, one.source, Cost(fee, asset), part="void", at_ms=at_ms)
    elif owner is not None:
        _paid_by(tx, one, left, owner, fee=fee, asset=asset, at_ms=at_ms)
    _tell(tx, one, stage, at_ms)
    return stage


def book_open(
    tx: Connection, number: int, places: Sequence[int], wallet: WalletId, *, asset: AssetId, at_ms: int
) -> Recalled:
    """A person knows whose these outputs were. Raises Conflict when they are booked, or are none of what this
    wallet could have paid."""
    one = payments.get(tx, number)
    outputs = [out for out in payments.outputs_of(tx, number) if out.place in places and out.wallet is None]
    if one.stage is not Stage.OPEN or len(outputs) != len(set(places)) or one.fee is None:
        raise Conflict("restore.booked", f"of payment {number} nothing like that is left to be booked")
    member = pools.find_member(tx, wallet)
    if wallet != one.source and (member is None or member.pool != one.source):
        raise Conflict("restore.wallet", f"{wallet} does not lie in the pool {one.source} that paid")
    _paid_by(tx, one, outputs, wallet, fee=one.fee, asset=asset, at_ms=at_ms)
    return _all_booked(tx, number, one.fee)


def book_withdrawal(
    tx: Connection, number: int, places: Sequence[int], name: str, *, asset: AssetId, at_ms: int
) -> Recalled:
    """A person knows that these outputs have paid an open withdrawal. Raises Conflict when they have not."""
    one = payments.get(tx, number)
    outputs = [out for out in payments.outputs_of(tx, number) if out.place in places and out.wallet is None]
    if one.stage is not Stage.OPEN or one.fee is None:
        raise Conflict("restore.booked", f"of payment {number} nothing is left to be booked")
    paid, member = store.get(tx, name), pools.find_member(tx, store.get(tx, name).wallet)
    if paid.wallet != one.source and (member is None or member.pool != one.source):
        raise Conflict("restore.wallet", f"{paid.wallet} does not lie in the pool {one.source} that paid")
    costs = shares(one.fee, len(one.intent.outputs))
    seen = Inclusion(one.transaction, 0, "")
    matching.confirm(tx, Final(one, seen, costs, asset, at_ms), paid, outputs)
    return _all_booked(tx, number, one.fee)


def _all_booked(tx: Connection, number: int, fee: int) -> Recalled:
    if all(out.wallet is not None for out in payments.outputs_of(tx, number)):
        payments.set_stage(tx, number, Stage.BOOKED, fee)
    return payments.get(tx, number)


def shares(fee: int, parts: int) -> list[int]:
    """As equal as whole units can be."""
    return [fee // parts + (place < fee % parts) for place in range(parts)]


def _paid_by(
    tx: Connection,
    one: Recalled,
    outputs: Sequence[PaidOutput],
    wallet: WalletId,
    *,
    fee: int,
    asset: AssetId,
    at_ms: int,
) -> None:
    cost = shares(fee, len(one.intent.outputs))
    for out in outputs:
        name = f"{one.intent.intent}.{out.place}"
        ledger.late_payout(tx, withdrawal=name, wallet=wallet, asset=out.asset, units=out.units, at_ms=at_ms)
        _take_fee(tx, one, wallet, Cost(cost[out.place], asset), part=str(out.place), at_ms=at_ms)
    payments.set_booked(tx, one.number, [out.place for out in outputs], wallet)


def _take_fee(tx: Connection, one: Recalled, wallet: WalletId, cost: Cost, *, part: str, at_ms: int) -> None:
    units, asset = cost.units, cost.asset
    if not units:
        return
    key = sha256(f"recalled:{one.network}:{one.transaction}:{part}".encode()).hexdigest()
    if pools.find_pool(tx, wallet) is not None:
        pool_books.fee(tx, key=key, pool=wallet, asset=asset, units=units, at_ms=at_ms)
        return
    free = ledger.balance(tx, accounts.owed(wallet), asset)
    ledger.wallet_fee(
        tx,
        key=key,
        withdrawal=one.intent.intent,
        wallet=wallet,
        asset=asset,
        parts=(0, units, max(units - free, 0)),
        at_ms=at_ms,
    )


def _owner(tx: Connection, source: WalletId) -> WalletId | None:
    """Whose coins a wallet pays; None in a pool with members."""
    pooled = pools.find_pool(tx, source) is not None
    return None if pooled and pools.count_members(tx, source) else source


def _final(tx: Connection, one: Recalled, until: int) -> Spending | None:
    """The transaction that has carried it out, in a block up to this one."""
    seen = [each for each in drafts.spendings_of(tx, one.intent.intent) if each.height is not None]
    return next((each for each in seen if each.height is not None and each.height <= until), None)


def _is_seen(tx: Connection, one: Recalled, txid: str) -> bool:
    """Whether this transaction of the same intent is noted by itself."""
    return any(
        each.transaction == txid and each.intent.intent == one.intent.intent
        for stage in (Stage.SEEN, Stage.BOOKED, Stage.OPEN)
        for each in payments.in_stage(tx, stage, one.network)
    )


def _spent_sat(tx: Connection, network: NetworkId, txid: str) -> int:
    query = select(func.sum(coin.c.amount_sat)).where(coin.c.network == network, coin.c.spent_by == txid)
    return int(tx.execute(query).scalar_one() or 0)


def _tell(tx: Connection, one: Recalled, stage: Stage, at_ms: int) -> None:
    done = "it is booked" if stage is Stage.BOOKED else "say whose it was: keepcool app recalled"
    journals = one.by.replace(",", " and ")
    text = (
        f"{one.transaction} paid {payments.told(one)} out of wallet {one.source} and these books did not "
        f"know of it: it is intent {one.intent.intent} in the journal of {journals}; {done}"
    )
    events.record(
        tx,
        key=f"recalled:{one.digest}",
        at_ms=at_ms,
        network=one.network,
        wallet=one.source,
        code="payout.recalled",
        text=text,
    )
