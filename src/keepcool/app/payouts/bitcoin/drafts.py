"""A batch made: selections become drafts, and rows that say so before anybody is asked to sign.

Laws: coins are leased, places for change reserved, drafts noted and withdrawals stepped in one database
transaction; a draft that would not fit into a question is not made; every rung spends the same coins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.coins import addresses, book, previous
from keepcool.app.coins import drafts as noted
from keepcool.app.coins.book import Held
from keepcool.app.controls import stops
from keepcool.app.deposits import position
from keepcool.app.payouts.bitcoin import batches, groups
from keepcool.app.payouts.bitcoin.batches import Batch, NewBatch, Purpose, Rung, Spent
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.store import Withdrawal
from keepcool.chains.bitcoin import wallets
from keepcool.chains.bitcoin.bip45 import Place
from keepcool.chains.bitcoin.building import Source, build
from keepcool.chains.bitcoin.coins import Coin, Shape
from keepcool.chains.bitcoin.goals import Selection
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.transaction import Outpoint, shown
from keepcool.chains.bitcoin.wallets import Bip45Wallet
from keepcool.core import ids
from keepcool.core.effects import Slot
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.intent import Intent, Output
from keepcool.core.intent import Purpose as IntentPurpose
from keepcool.core.money import Amount
from keepcool.core.withdrawal import DraftMade
from keepcool.core.withdrawal_states import Draft

DRAFT_BYTES_MAX = 400 * 1024  # of a draft and its intent: twice in base64, padded, they fit into a frame
_KEYS = 3


@dataclass(frozen=True, slots=True)
class Treasury:
    """A source with all that may be spent of it at one moment. `tip`: the last block followed."""

    source: WalletId
    wallet: Bip45Wallet
    tip: int
    held: Mapping[Outpoint, Held]
    shape: Shape

    def coins(self) -> list[Coin]:
        return [self.coin(outpoint) for outpoint in self.held]

    def coin(self, outpoint: Outpoint) -> Coin:
        return self.held[outpoint].coin(self.shape, self.tip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What shall be made of selections. `outputs`: of the intent; none where change alone comes back.
    `leases`: whether its coins are free, rather than another batch's that this one follows."""

    id: str
    purpose: Purpose
    outputs: tuple[Output, ...]
    fee_max: int
    selections: tuple[Selection, ...]
    members: tuple[Withdrawal, ...] = ()
    parent: str | None = None
    leases: bool = True
    previous: Mapping[str, bytes] | None = None


class TooLarge(Refused):
    """The draft does not fit into a question to a signer: fewer coins may do."""


def source_wallet(tx: Connection, lane: BitcoinLane, source: WalletId) -> Bip45Wallet:
    """Of the attested record. Raises Unavailable `wallet.frozen`."""
    refuse_frozen(tx, lane.network, source)
    record = lane.attesters.wallet(tx, source).record
    return wallets.wallet_of(record, Networks((lane.row,)))


def refuse_frozen(tx: Connection, network: NetworkId, wallet: WalletId) -> None:
    frozen = stops.frozen(tx, network, wallet)
    if frozen is not None:
        raise Unavailable("wallet.frozen", f"not now: {frozen}")


def treasury(tx: Connection, lane: BitcoinLane, source: WalletId) -> Treasury:
    """Raises Unavailable while nothing was followed yet, or the wallet is frozen."""
    wallet, tip = source_wallet(tx, lane, source), followed(tx, lane)
    held = book.spendable(tx, lane.network, source, tip=tip, kind=wallet.profile.kind)
    return of_coins(source, wallet, tip, held)


def followed(tx: Connection, lane: BitcoinLane) -> int:
    """The last block whose coins are known here. Raises Unavailable before the first."""
    stands = position.read(tx, lane.network)
    if stands is None:
        raise Unavailable("deposits.position", "the chain was not followed yet: wait for the first block")
    return stands.scanned


def of_coins(source: WalletId, wallet: Bip45Wallet, tip: int, held: Sequence[Held]) -> Treasury:
    shape = Shape(wallet.profile.kind, wallets.THRESHOLD, _KEYS)
    return Treasury(source, wallet, tip, {one.outpoint: one for one in held}, shape)


def intent_of(lane: BitcoinLane, plan: Plan, source: WalletId, expires_at_s: int) -> Intent:
    return Intent(
        intent=ids.intent_id(plan.id),
        purpose=IntentPurpose.PAY if plan.outputs else IntentPurpose.VOID,
        network=lane.network,
        source=source,
        outputs=plan.outputs,
        fee_max=Amount(lane.native, plan.fee_max),
        expires_at_s=expires_at_s,
    )


def make(tx: Connection, lane: BitcoinLane, plan: Plan, treasury: Treasury) -> Batch:
    """Raises Conflict when a coin was taken meanwhile, TooLarge."""
    now_ms = lane.clock.now_ms()
    expires_at_s = now_ms // 1000 + lane.settings.fees.intent_lifetime_s
    intent = intent_of(lane, plan, treasury.source, expires_at_s).encoded()
    spent = [treasury.held[coin.outpoint] for coin in plan.selections[0].coins]
    if plan.leases:
        book.lease_coins(tx, lane.network, plan.id, [(one.txid, one.vout) for one in spent], now_ms)
    rungs = _rungs(tx, lane, plan, treasury, spent)
    if max(len(one.draft) for one in rungs) + len(intent) > DRAFT_BYTES_MAX:
        raise TooLarge("payout.draft_size", "the draft does not fit into a question to a signer")
    new = NewBatch(
        id=plan.id,
        network=lane.network,
        source=treasury.source,
        purpose=plan.purpose,
        intent=intent,
        fee_max=plan.fee_max,
        expires_at_s=expires_at_s,
        coins=tuple(Spent(one.txid, one.vout, one.amount_sat) for one in spent),
        rungs=rungs,
        members=tuple((one.id, max(len(one.payments), 1)) for one in plan.members),
        parent=plan.parent,
    )
    made = batches.insert(tx, new, now_ms)
    _step_members(tx, lane, plan.members, made, Draft(_slot(lane, spent[0]), rungs[0].body))
    return made


def _slot(lane: BitcoinLane, one: Held) -> Slot:
    return Slot(lane.network, one.txid, one.vout)


def _step_members(
    tx: Connection, lane: BitcoinLane, members: Sequence[Withdrawal], made: Batch, draft: Draft
) -> None:
    """The drafts of many withdrawals are one; its name is what the cheapest rung is called."""
    groups.drafted(tx, [one.id for one in members])
    for one in members:
        lane.step_in(tx, one.id, DraftMade(draft), digest=draft.digest, expires_at_s=made.expires_at_s)


def _rungs(
    tx: Connection, lane: BitcoinLane, plan: Plan, treasury: Treasury, spent: Sequence[Held]
) -> tuple[Rung, ...]:
    sources = _sources(tx, lane, plan, treasury, spent)
    parts = max(len(one.change_sat) for one in plan.selections)
    change = _change(tx, plan.id, treasury, parts)
    rungs = []
    for place, selection in enumerate(plan.selections):
        built = build(
            selection,
            sources,
            change[: len(selection.change_sat)],
            network=lane.row,
            tip_height=treasury.tip,
            entropy=lane.entropy,
        )
        body = shown(built.tx.txid)
        noted.note_draft(tx, lane.network, body, treasury.source, plan.id)
        rungs.append(Rung(place, built.raw, selection.fee_sat, selection.vsize, body))
    return tuple(rungs)


def _sources(
    tx: Connection, lane: BitcoinLane, plan: Plan, treasury: Treasury, spent: Sequence[Held]
) -> dict[Outpoint, Source]:
    known = dict(plan.previous or {})
    wanted = [one.txid for one in spent if one.txid not in known]
    known |= previous.previous(tx, lane.network, wanted)
    return {one.outpoint: Source(_owned(treasury.wallet, one), known[one.txid]) for one in spent}


def _owned(wallet: Bip45Wallet, one: Held) -> Owned:
    return wallet.owned(Place(one.cosigner, one.change, one.index, wallet.number))


def _change(tx: Connection, holder: str, treasury: Treasury, parts: int) -> list[Owned]:
    if not parts:
        return []
    wallet = treasury.wallet
    found = addresses.next_change(tx, treasury.source, wallet, parts, holder)
    return [wallet.owned(Place(one.cosigner, one.change, one.index, wallet.number)) for one in found]
