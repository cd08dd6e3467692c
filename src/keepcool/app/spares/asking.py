"""What Keeper is asked for: the transactions of its creators, one row after the other.

Laws: what comes back is stored only when it is what was asked for, from the account it was asked of; an
answer that was lost is asked for again under the same row, because Keeper may have signed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Connection

from keepcool.app.spares import rows
from keepcool.app.spares.lane import Lane
from keepcool.app.spares.rows import Creator, Errand, Purpose, Sent
from keepcool.chains.minter.assets import BASE_COIN
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_preimage, parse_signed
from keepcool.chains.minter.wallets import creation_of, parse_profile
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Malformed, rebuild
from keepcool.core.parties import Service
from keepcool.core.registry import Standing, WalletRecord, parse_record
from keepcool.wire.messages import (
    ITEMS_MAX,
    Declined,
    Failure,
    PurseAnswer,
    PurseItem,
    PurseRequest,
    PurseSigned,
    ReserveAnswer,
    Reserved,
    ReserveItem,
    ReserveWallets,
    StatusAnswer,
    StatusRequest,
)

_TAKEN = ("reserve.slot", "reserve.nonce_order", "wallet.other")


async def learn(lane: Lane) -> tuple[list[Creator], dict[str, int]]:
    """The creators, the purse first, and the lowest nonce Keeper has never signed for each."""
    said = await lane.exchange.ask(Service.KEEPER, "status.v1", StatusRequest(), lane.timeout_s)
    if not isinstance(said, StatusAnswer):
        raise Malformed("purse.answer", "Keeper did not tell its status")
    await lane.head_seen(Service.KEEPER, said.head)
    named = [one for one in said.purses if one.network == lane.network]
    addresses = [one.address for one in named]
    creators = await lane.store.run(lambda tx: rows.learn_creators(tx, lane.network, addresses))
    return creators, {one.address: one.next_nonce for one in named}


async def ask_all(lane: Lane) -> bool:
    """Whether Keeper signed anything."""
    waiting = await lane.store.run(lambda tx: rows.errands(tx, lane.network, Sent.STORED))
    creates = [one for one in waiting if one.purpose is Purpose.CREATE][:ITEMS_MAX]
    others = [one for one in waiting if one.purpose is not Purpose.CREATE][:ITEMS_MAX]
    return await _ask_others(lane, others) | await _ask_creates(lane, creates)


async def _ask_creates(lane: Lane, asked: Sequence[Errand]) -> bool:
    if not asked:
        return False
    body = ReserveWallets(items=[_item(one) for one in asked])
    said = await lane.exchange.ask(Service.KEEPER, "wallets.reserve.v1", body, lane.timeout_s)
    if not isinstance(said, ReserveAnswer) or len(said.items) != len(asked):
        raise Malformed("reserve.answer", "Keeper did not answer what it was asked")
    await lane.head_seen(Service.KEEPER, said.head)
    pairs = list(zip(asked, said.items, strict=True))
    done = await lane.store.run(lambda tx: [_reserved(tx, lane, one, item) for one, item in pairs])
    return any(done)


def _item(one: Errand) -> ReserveItem:
    return ReserveItem(
        wallet=one.wallet or "",
        network=one.network,
        creator=one.account,
        nonce=one.nonce,
        gas_price=one.gas_price,
        gas_coin=BASE_COIN,
    )


def _reserved(tx: Connection, lane: Lane, one: Errand, item: Reserved | Failure) -> bool:
    if isinstance(item, Failure):
        _failed(tx, lane, one, item)
        return False
    record = _own_record(lane, one, item)
    signed = _signed_by(one, item.transaction)
    if signed.transaction != creation_of(record, gas_price=one.gas_price, gas_coin=BASE_COIN):
        raise Breach("reserve.other", f"Keeper made another wallet than {one.wallet}; it is not sent")
    rows.update_spare(tx, record.wallet, record=item.record.record, address=record.address)
    _keep(tx, one, item.transaction)
    return True


def _own_record(lane: Lane, one: Errand, item: Reserved) -> WalletRecord:
    lane.attesters.verify(item.record.record, item.record.attestations, (Service.KEEPER,))
    record = parse_record(item.record.record)
    birth = parse_profile(record.profile)
    told = (record.wallet, record.network, record.standing, record.owner, birth.creator, birth.nonce)
    if told != (one.wallet, one.network, Standing.RESERVED, "", one.account, one.nonce):
        raise Breach("reserve.other", f"Keeper reserved another wallet than {one.wallet}; it is not sent")
    return record


async def _ask_others(lane: Lane, asked: Sequence[Errand]) -> bool:
    if not asked:
        return False
    items = [
        PurseItem(purpose=one.purpose.value, network=one.network, transaction=one.unsigned) for one in asked
    ]
    said = await lane.exchange.ask(Service.KEEPER, "purse.sign.v1", PurseRequest(items=items), lane.timeout_s)
    if not isinstance(said, PurseAnswer) or len(said.items) != len(asked):
        raise Malformed("purse.answer", "Keeper did not answer what it was asked")
    await lane.head_seen(Service.KEEPER, said.head)
    pairs = list(zip(asked, said.items, strict=True))
    done = await lane.store.run(lambda tx: [_answered(tx, lane, one, item) for one, item in pairs])
    return any(done)


def _answered(tx: Connection, lane: Lane, one: Errand, item: PurseSigned | Declined | Failure) -> bool:
    match item:
        case PurseSigned():
            if _signed_by(one, item.transaction).transaction != parse_preimage(one.unsigned):
                raise Breach("purse.other", "Keeper signed another transaction than it was asked for")
            _keep(tx, one, item.transaction)
            return True
        case Declined():
            reasons = "; ".join(v.reason for v in item.verdicts if v.outcome != "approved")
            _refused(tx, lane, one, reasons)
        case Failure():
            _failed(tx, lane, one, item)
    return False


def _signed_by(one: Errand, raw: bytes) -> SignedTransaction:
    signed = parse_signed(raw)
    transaction: Transaction = signed.transaction
    if signed.sender() != one.account or transaction.nonce != one.nonce:
        raise Breach("purse.other", f"what Keeper signed is not of {one.account} at nonce {one.nonce}")
    return signed


def _keep(tx: Connection, one: Errand, raw: bytes) -> None:
    name = sha256(raw).digest()
    hashes = " ".join(known.hex() for known in dict.fromkeys((*one.hashes, name)))
    row = {"raw": raw, "hashes": hashes, "stage": Sent.SIGNED.value}
    rows.update_errand(tx, one.number, **row, sent_at_ms=0, problem=None)


def _failed(tx: Connection, lane: Lane, one: Errand, item: Failure) -> None:
    problem: KeepcoolError = rebuild(item.problem.kind, item.problem.code, item.problem.text)
    if isinstance(problem, Conflict) and problem.code in _TAKEN and not one.hashes:
        rows.forget_errand(tx, one)  # its nonce or its wallet is remembered for something else
        lane.note_in(tx, "spare.taken", one.wallet or one.account, problem.public)
        return
    _refused(tx, lane, one, problem.public)


def _refused(tx: Connection, lane: Lane, one: Errand, reasons: str) -> None:
    """Asked for again later: Keeper may have signed it before it said so."""
    rows.update_errand(tx, one.number, problem=reasons)
    lane.note_in(tx, "purse.declined", one.account, reasons)
