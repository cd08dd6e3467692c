"""PayoutDesk: what an owner may ask for, and is told at once.

A request is checked and its amount held in the ledger in the database transaction that stores it; the
engine does the rest. What is refused here has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from keepcool.app.books import ledger
from keepcool.app.books.people import HOUSE
from keepcool.app.config import (
    AssetSettings,
    BitcoinSettings,
    EvmSettings,
    MinterSettings,
    NetworkSettings,
    bitcoin_row,
    native_asset,
)
from keepcool.app.controls import bounds, suspensions
from keepcool.app.payouts import carried, consents, purses, said, store
from keepcool.app.payouts.bitcoin import lookups
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.payouts.tables import purse, withdrawal
from keepcool.app.wallets import Attesters, Wallet
from keepcool.chains.bitcoin import address as bitcoin_address
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.ids import AssetId, NetworkId, asset_id, network_of, wallet_id
from keepcool.core.intent import Evidence
from keepcool.core.money import Amount, parse_units
from keepcool.core.withdrawal import Abandoned, Froze, Thawed
from keepcool.core.withdrawal_states import Cancelled
from keepcool.ports.system import Clock
from keepcool.wire.webauthn import Site

LIST_MAX = 200
OUTPUTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. A withdrawal names a `recipient`, a transfer `to_wallet`, a top-up neither: it
    pays the network's purse. `fee_max`: native base units, the network's own bound when None. `outputs`
    share the amount out among several recipients, in one transaction, where the network can do that.
    `again`: the recipients, entered once more."""

    id: str
    wallet: str
    asset: str
    units: int
    kind: Kind = Kind.WITHDRAWAL
    recipient: str = ""
    to_wallet: str | None = None
    fee_max: int | None = None
    external_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[tuple[str, int], ...] = ()
    again: tuple[str, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(to for to, _ in self.outputs) or (self.recipient,)


@dataclass(frozen=True, slots=True)
class Query:
    """Filters of a page; newest first. `after`: the number of the last one seen."""

    limit: int = 50
    after: int | None = None
    wallet: str | None = None
    state: str | None = None
    kind: Kind | None = None
    external_id: str | None = None


class PayoutDesk:
    """`tx` is the caller's database transaction: what it does besides commits or fails with this."""

    def __init__(self, networks: Mapping[str, NetworkSettings], attesters: Attesters, clock: Clock) -> None:
        self._networks, self._attesters, self._clock = networks, attesters, clock

    def request(self, tx: Connection, order: Order) -> Withdrawal:
        """Raises Malformed on what can never be paid, Conflict `withdrawal.balance` when the owner has too
        little, `withdrawal.external_id_used` when that name is another request's, `user.suspended` and the
        like while an operator has stopped it. The same order again is the same withdrawal."""
        new = self.checked(tx, order)
        known = self._known(tx, new)
        if known is not None:
            return known
        suspensions.refuse(tx, network=new.network, asset=new.asset, wallet=new.wallet)
        try:
            return store.insert(tx, new, self._clock.now_ms())
        except Conflict as error:
            if error.code != "ledger.overdrawn":
                raise
            raise too_little(tx, new, error) from error

    def checked(self, tx: Connection, order: Order) -> NewWithdrawal:
        """The order with its recipient and fee bound found. Changes nothing."""
        wallet = self._attesters.wallet(tx, wallet_id(order.wallet))
        network = wallet.record.network
        table = self._networks.get(network)
        if table is None:
            raise Refused("network.unknown", f"{network} is not configured here")
        listed = _listed(table, network, order.asset)
        asset = AssetId(listed.id)
        if order.units == 0:
            raise Malformed("amount.zero", "an amount of zero moves nothing")
        Amount(asset, order.units)
        if order.kind is Kind.WITHDRAWAL:
            _check_again(table, order)
            if wallet.stored.asked.user != HOUSE:
                bounds.check(listed, [units for _, units in order.outputs] or [order.units])
        parse = self._attesters.families.parse_recipient
        outputs = tuple((parse(network, to), units) for to, units in order.outputs)
        if outputs:
            _check_outputs(outputs, order.units, wallet.address)
        recipient = outputs[0][0] if outputs else self._recipient(tx, order, wallet)
        if isinstance(table, BitcoinSettings):
            _check_dust(table, network, outputs or ((recipient, order.units),))
        return NewWithdrawal(
            id=order.id,
            kind=order.kind,
            wallet=wallet.id,
            network=network,
            asset=asset,
            units=order.units,
            recipient=recipient,
            to_wallet=order.to_wallet,
            fee_max=_fee_bound(table, order.fee_max),
            external_id=order.external_id,
            metadata=order.metadata,
            outputs=outputs,
            fee_asset=None if isinstance(table, EvmSettings) else native_asset(network, table),
        )

    def cancel(self, tx: Connection, withdrawal_id: str) -> Withdrawal:
        """Ends it at once while nobody has signed; while signatures exist its slot is burnt first and the
        hold lasts until then. Raises Conflict `withdrawal.too_late` once it was handed to the network."""
        one = store.get(tx, withdrawal_id)
        if isinstance(one.state, Cancelled):
            return one
        if isinstance(one.state, lives.Uncertain) and isinstance(one.state.then, Cancelled):
            return one
        early = lives.Requested | lives.Drafted | lives.PartlySigned | lives.NeedsReview | lives.Signed
        stopped = one.state.was if isinstance(one.state, lives.Frozen) else one.state
        if one.kind is Kind.VOID or not isinstance(stopped, early) or self._on_its_way(tx, one):
            text = f"withdrawal {one.id} is {lives.name_of(one.state)}: too late to cancel"
            raise Conflict("withdrawal.too_late", text, state=lives.name_of(one.state))
        lookups.refuse_shared(tx, one.id, stopped)
        now_ms = self._clock.now_ms()
        if one.batch is not None:
            return carried.cancel(tx, one, now_ms)
        said.let_go(tx, one, lambda name, event: store.step(tx, name, event, now_ms))
        return store.step(tx, one.id, Abandoned(Cancelled(), "cancelled"), now_ms)

    def freeze(self, tx: Connection, withdrawal_id: str, reason: str) -> Withdrawal:
        """Stop it where it is until `thaw`. Raises Conflict `withdrawal.too_late` once it was handed to the
        network: what is signed and sent nobody can stop."""
        one = store.get(tx, withdrawal_id)
        if self._on_its_way(tx, one):
            raise Conflict("withdrawal.too_late", f"withdrawal {withdrawal_id} is on its way already")
        if carried.is_concerned(one):
            return carried.freeze(tx, one, reason, self._clock.now_ms())
        return store.step(tx, withdrawal_id, Froze(reason), self._clock.now_ms())

    def thaw(self, tx: Connection, withdrawal_id: str) -> Withdrawal:
        one = store.get(tx, withdrawal_id)
        if carried.is_concerned(one):
            return carried.thaw(tx, one, self._clock.now_ms())
        return store.step(tx, withdrawal_id, Thawed(), self._clock.now_ms())

    def add_evidence(self, tx: Connection, withdrawal_id: str, proof: Evidence) -> Withdrawal:
        """What may satisfy a signer that asked for review: it is asked again, with this, at once."""
        return consents.give(tx, withdrawal_id, proof, self._clock.now_ms())

    def consent(
        self, tx: Connection, withdrawal_id: str, proof: Evidence, site: Site | None = None
    ) -> Withdrawal:
        """The owner's own signature, checked. Raises Refused when it is not his over the intent as it is."""
        one = store.get(tx, withdrawal_id)
        return self.add_evidence(tx, one.id, consents.checked(tx, self._attesters, one, proof, site))

    def get(self, tx: Connection, withdrawal_id: str) -> Withdrawal:
        """Raises Conflict `withdrawal.not_found`."""
        return store.get(tx, withdrawal_id)

    def page(self, tx: Connection, query: Query) -> list[Withdrawal]:
        """Newest first, voids and batches included only when asked for by kind."""
        columns = withdrawal.c
        found = select(withdrawal).order_by(columns.number.desc()).limit(min(query.limit, LIST_MAX + 1))
        wanted = {"wallet": query.wallet, "state": query.state, "external_id": query.external_id}
        for name, value in wanted.items():
            if value is not None:
                found = found.where(columns[name] == value)
        inner = [each.value for each in store.INNER]
        kind = columns.kind == query.kind.value if query.kind else columns.kind.not_in(inner)
        if query.after is not None:
            found = found.where(columns.number < query.after)
        return store.rows(tx, found.where(kind))

    def find(self, tx: Connection, transaction: str) -> list[Withdrawal]:
        """Those that this transaction paid or would pay: by its id (0x..., Mt...) or by what is signed."""
        text = transaction.lower()
        named = [text, "Mt" + text.removeprefix("mt")]
        by_hash = withdrawal.c.transaction.in_(named) | (withdrawal.c.digest == text.removeprefix("0x"))
        by_hash |= withdrawal.c.id.in_(lookups.paid_by(tx, text))
        return store.rows(tx, select(withdrawal).where(by_hash).order_by(withdrawal.c.number))

    def _known(self, tx: Connection, new: NewWithdrawal) -> Withdrawal | None:
        known = None if new.external_id is None else store.named(tx, new.external_id)
        reused = ("withdrawal.external_id_used", f"external_id {new.external_id} is another withdrawal's")
        if known is None:
            row = tx.execute(select(withdrawal).where(withdrawal.c.id == new.id)).one_or_none()
            known = None if row is None else store.read(row)
            reused = ("idempotency.key_reused", "this Idempotency-Key asked for another withdrawal")
        if known is not None and not _same(known, new):
            raise Conflict(*reused)
        return known

    def _recipient(self, tx: Connection, order: Order, wallet: Wallet) -> str:
        match order.kind:
            case Kind.WITHDRAWAL:
                network = wallet.record.network
                recipient = self._attesters.families.parse_recipient(network, order.recipient)
            case Kind.TRANSFER:
                target = self._attesters.wallet(tx, wallet_id(order.to_wallet or ""))
                if target.record.network != wallet.record.network:
                    raise Malformed("transfer.network", "both wallets of a transfer live on one network")
                recipient = target.address
            case Kind.TOPUP:
                recipient = self._purse(tx, wallet.record.network, order.asset)
            case Kind.VOID | Kind.BATCH | Kind.RESCUE:
                raise Malformed("withdrawal.kind", f"a {order.kind.value} is not asked for like a withdrawal")
        if recipient == wallet.address:
            raise _to_itself()
        return recipient

    def _purse(self, tx: Connection, network: NetworkId, asset: str) -> str:
        if isinstance(self._networks[network], BitcoinSettings):
            raise Malformed("topup.none", "wallets of this network pay their own fees; there is no purse")
        if asset != native_asset(network, self._networks[network]):
            raise Malformed("topup.asset", "the purse holds the network's native asset only")
        found = tx.execute(select(purse.c.address).where(purse.c.network == network)).scalar_one_or_none()
        if found is None:
            raise Conflict("purse.unknown", "the purse's address is not known yet: Keeper has not answered")
        return str(found)

    def _on_its_way(self, tx: Connection, one: Withdrawal) -> bool:
        return one.transaction is not None or purses.has_attempt(tx, one.batch or one.id)


def too_little(tx: Connection, new: NewWithdrawal, error: Conflict) -> Conflict:
    """In the words of who asked. `error`: the ledger's, about the amount or, where that fits, about the fee
    beside it."""
    text = f"{new.units} asked for"
    if new.fee_asset is not None:
        text += f", and up to {new.fee_max} of {new.fee_asset} for its fee"
    amount_fits = ledger.is_posted(tx, f"hold:{new.id}")
    asset = new.fee_asset if amount_fits and new.fee_asset is not None else new.asset
    taken = new.units if amount_fits and asset == new.asset else 0
    told = {name: str(int(error.fields[name]) + taken) for name in ("balance", "needed")}
    unit = "base units" if asset == new.asset else f"base units of {asset}"
    said = f"the wallet has {told['balance']} {unit} available, {text}"
    most = int(told["balance"]) - new.fee_max
    if new.fee_asset == new.asset and most > 0:
        said += f"; at most {most} can be sent, or more with a lower fee_max"
    return Conflict("withdrawal.balance", said, **told)


def _check_again(table: NetworkSettings, order: Order) -> None:
    """Where an address has no checksum, one that is mistyped is somebody else's."""
    if not isinstance(table, MinterSettings) or not table.address_again:
        return
    if order.again != order.recipients:
        what = "is missing" if not any(order.again) else "is another one: check every digit"
        text = f"addresses of {table.name} have no checksum: enter each a second time, `to_again` {what}"
        raise Malformed("withdrawal.to_again", text)


def _to_itself() -> Malformed:
    return Malformed("withdrawal.to_itself", "the recipient is the wallet itself")


def _check_outputs(outputs: tuple[tuple[str, int], ...], units: int, own: str) -> None:
    if len(outputs) > OUTPUTS_MAX or any(one < 1 for _, one in outputs):
        raise Malformed(
            "withdrawal.outputs", f"share out to 1 to {OUTPUTS_MAX} recipients, something to each"
        )
    if sum(one for _, one in outputs) != units:
        raise Malformed("withdrawal.outputs", "the outputs do not add up to the amount")
    if any(to == own for to, _ in outputs):
        raise _to_itself()  # it would leave the books and not the wallet


def _check_dust(table: BitcoinSettings, network: NetworkId, outputs: tuple[tuple[str, int], ...]) -> None:
    row = bitcoin_row(network, table)
    for to, units in outputs:
        least = row.dust_sat(bitcoin_address.parse_address(row, to))
        if units < least:
            text = f"{table.name} relays no payment below {least} base units to {to}: it would be dust"
            raise Malformed("withdrawal.dust", text)


def _listed(table: NetworkSettings, network: NetworkId, text: str) -> AssetSettings:
    asset = asset_id(text)
    found = next((one for one in table.assets if one.id == asset), None)
    if network_of(asset) != network or found is None:
        raise Malformed("asset.unknown", f"{asset} is not an asset of {network} that is listed here")
    return found


def _fee_bound(table: NetworkSettings, asked: int | None) -> int:
    most = parse_units(table.fees.withdrawal_fee_max)
    if asked is None:
        return most
    if not 0 < asked <= most:
        raise Malformed("withdrawal.fee_max", f"fee_max lies between 1 and {most} base units here")
    return asked


def _same(known: Withdrawal, new: NewWithdrawal) -> bool:
    asked = replace(new, id=known.id, metadata=dict(new.metadata or {}))
    return asked == NewWithdrawal(
        id=known.id,
        kind=known.kind,
        wallet=known.wallet,
        network=known.network,
        asset=known.asset,
        units=known.units,
        recipient=known.recipient,
        fee_max=known.fee_max,
        to_wallet=known.to_wallet,
        external_id=known.external_id,
        metadata=dict(known.metadata),
        outputs=known.outputs,
        fee_asset=known.fee_asset,
    )
