"""A person wants a payment raised now, not when its time has come.

Laws: nothing is sent here: the time it has waited is moved, and the engine raises it as it does by itself,
within what was signed and allowed; asked for twice it is raised once.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from keepcool.app.network_settings import BitcoinSettings, EvmSettings, MinterSettings, NetworkSettings
from keepcool.app.payouts import purses, store
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.batches import Stage as BatchStage
from keepcool.app.payouts.purses import Attempt, Purpose, Stage
from keepcool.app.payouts.store import Withdrawal
from keepcool.core.errors import Conflict, Refused


def raise_now(
    tx: Connection, networks: Mapping[str, NetworkSettings], withdrawal: str, now_ms: int
) -> Withdrawal:
    """Raises Conflict `payout.not_waiting` when nothing of it waits for a block, `payout.not_lowest` naming
    the one before it, `payout.no_bump` where fees cannot be raised."""
    one = store.get(tx, withdrawal)
    table = networks.get(one.network)
    match table:
        case EvmSettings():
            _of_purse(tx, table, one, now_ms)
        case BitcoinSettings():
            _of_batch(tx, table, one, now_ms)
        case MinterSettings():
            text = f"{table.name} has one fee for all: what waits there is sent again by itself"
            raise Conflict("payout.no_bump", text)
        case None:
            raise Refused("network.unknown", f"{one.network} is not configured here")
    return one


def attempts_of(tx: Connection, one: Withdrawal) -> list[Attempt]:
    """The purse's transactions for it, its wallet's deployment included, in the order of their making."""
    name = one.batch or one.id
    some = [*purses.of_wallet(tx, one.wallet, Purpose.DEPLOY), *purses.of_withdrawal(tx, name)]
    return sorted({each.number: each for each in some}.values(), key=lambda each: each.number)


def _of_purse(tx: Connection, table: EvmSettings, one: Withdrawal, now_ms: int) -> None:
    waiting = [each for each in attempts_of(tx, one) if each.stage is Stage.SENT]
    if not waiting:
        raise _not_waiting(one)
    alive = purses.in_stages(tx, one.network, (Stage.STORED, Stage.SENT))
    lowest = min(each.nonce for each in alive if each.account == waiting[-1].account)
    if waiting[-1].nonce != lowest:
        before = next(each for each in alive if each.nonce == lowest)
        text = f"nonce {lowest} of the purse waits before it, for {before.withdrawal or before.wallet}"
        raise Conflict("payout.not_lowest", f"{text}: raise that one")
    since_ms = now_ms - table.fees.bump_after_s * 1000 - 1
    newest = waiting[-1]
    if (newest.first_sent_at_ms or now_ms) > since_ms:
        purses.update(tx, newest.number, first_sent_at_ms=since_ms)


def _of_batch(tx: Connection, table: BitcoinSettings, one: Withdrawal, now_ms: int) -> None:
    newest = batches.of_withdrawal(tx, one.id)[-1:]
    if not newest or newest[0].stage is not BatchStage.SENT or newest[0].seen is not None:
        raise _not_waiting(one)
    since_ms = now_ms - table.fees.bump_after_s * 1000 - 1
    if (newest[0].sent_at_ms or now_ms) > since_ms:
        batches.change(tx, newest[0].id, now_ms, sent_at_ms=since_ms)


def _not_waiting(one: Withdrawal) -> Conflict:
    return Conflict("payout.not_waiting", f"nothing of {one.id} waits for a block: there is nothing to raise")
