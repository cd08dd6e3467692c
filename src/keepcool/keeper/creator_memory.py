"""What the creators have signed and which wallets they were reserved for, rebuilt from the journal.

Laws: a wallet's creator, nonce and number are for ever, and no number is given twice; of one slot at most one
transaction confirms, so a slot counts once in a day; nothing is given back inside the day.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains.minter import transaction
from keepcool.chains.minter.address import of_multisig
from keepcool.chains.minter.data import Multisend, Send
from keepcool.chains.minter.transaction import Transaction
from keepcool.core.effects import Slot
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row
from keepcool.cosigner.windows import DAY_S, Spending, Window

CREATOR, RESERVATION = "creator", "reservation"
CREATE, SPREAD, CANCEL = "create", "spread", "cancel"
FIRST_NONCE = 1
_TRANSACTIONS, _CREATES, _SPREAD = AssetId("transactions"), AssetId("creates"), AssetId("spread")


class ReservationRow(Row, frozen=True):
    """A wallet's place for ever: the account and nonce its address comes from, and its number, from which
    its cool and cold keys come."""

    account: str
    network: str
    nonce: int
    number: int
    wallet: str


class CreatorRow(Row, frozen=True):
    """A creator's transaction that may be signed from now on. `payload`: the nine fields that are signed."""

    account: str
    deed: str
    digests: list[str]
    network: str
    payload: str
    requester: str
    slots: list[tuple[str, str, int]]
    wallet: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction a creator signed, and the journal row that remembers it."""

    sequence: int
    tx: Transaction
    deed: str
    wallet: str


@dataclass(frozen=True, slots=True)
class Day:
    """Signed within a sliding day, each slot once: transactions, creates among them, pips spread."""

    transactions: int = 0
    creates: int = 0
    spread_units: int = 0


@dataclass(frozen=True, slots=True)
class CreatorHistory:
    """What the judge asks about one transaction: the lowest nonce its account never signed, every attempt at
    its slot, and the day of all creators of the network without that slot."""

    lowest_unsigned: int
    at_slot: tuple[Attempt, ...]
    day: Day


class CreatorMemory:
    """A `journal.Memory` of the kinds `creator` and `reservation`."""

    def __init__(self) -> None:
        self._by_slot: dict[Slot, tuple[Attempt, ...]] = {}
        self._lowest: dict[tuple[str, str], int] = {}
        self._days: dict[tuple[str, str], Window] = {}
        self._reserved: dict[str, ReservationRow] = {}
        self._addresses: dict[tuple[str, str], WalletId] = {}
        self._numbers: dict[str, int] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind == RESERVATION:
            place = entries.decoded(entry, ReservationRow)
            self._reserved[place.wallet] = place
            self._addresses[_address(place)] = WalletId(place.wallet)
            self._numbers[place.network] = max(self.next_number(place.network), place.number + 1)
        elif entry.kind == CREATOR:
            self._learn_transaction(entry.head.sequence, entries.decoded(entry, CreatorRow))

    def unlearn(self, entry: Entry) -> None:
        if entry.kind == RESERVATION:
            place = entries.decoded(entry, ReservationRow)
            del self._reserved[place.wallet]
            del self._addresses[_address(place)]
            self._numbers[place.network] = place.number
        elif entry.kind == CREATOR:
            self._unlearn_transaction(entry.head.sequence, entries.decoded(entry, CreatorRow))

    def reservation(self, wallet: str) -> ReservationRow | None:
        return self._reserved.get(wallet)

    def reserved_at(self, network: NetworkId, address: str) -> WalletId | None:
        """The wallet this address was reserved for, proven since or not."""
        return self._addresses.get((network, address))

    def next_number(self, network: str) -> int:
        """The number of the next wallet there."""
        return self._numbers.get(network, 0)

    def next_nonce(self, network: str, account: str) -> int:
        """The lowest nonce this account never signed."""
        return self._lowest.get((network, account), FIRST_NONCE)

    def attempts(self, slot: Slot) -> tuple[Attempt, ...]:
        return self._by_slot.get(slot, ())

    def history(self, network: NetworkId, account: str, nonce: int, now_s: int) -> CreatorHistory:
        slot = slot_of(network, account, nonce)
        days = [
            self.today(place, who, now_s, slot if who == account else None)
            for place, who in list(self._days)
            if place == network
        ]
        return CreatorHistory(self.next_nonce(network, account), self.attempts(slot), _summed(days))

    def today(self, network: str, account: str, now_s: int, without: Slot | None = None) -> Day:
        """The sliding day of one account, one slot left out."""
        window = self._days.get((network, account))
        if window is None:
            return Day()
        window.advance(now_s)
        attempts = self._by_slot.get(without, ()) if without is not None else ()
        spent = window.spent([attempts[0].sequence] if attempts else [])
        return Day(spent.get(_TRANSACTIONS, 0), spent.get(_CREATES, 0), spent.get(_SPREAD, 0))

    def _learn_transaction(self, sequence: int, row: CreatorRow) -> None:
        tx, where = transaction.parse_preimage(bytes.fromhex(row.payload)), (row.network, row.account)
        slot = slot_of(NetworkId(row.network), row.account, tx.nonce)
        attempts = (*self._by_slot.get(slot, ()), Attempt(sequence, tx, row.deed, row.wallet))
        self._by_slot[slot] = attempts
        self._lowest[where] = max(self.next_nonce(*where), tx.nonce + 1)
        spent = {_TRANSACTIONS: 1}
        if row.deed == CREATE:
            spent[_CREATES] = 1
        elif row.deed == SPREAD:
            spent[_SPREAD] = units_of(tx)
        window = self._days.setdefault(where, Window(DAY_S))
        window.add(Spending(sequence, attempts[0].sequence, row.at_s, spent))
        window.advance(row.at_s)

    def _unlearn_transaction(self, sequence: int, row: CreatorRow) -> None:
        nonce, where = row.slots[0][2], (row.network, row.account)
        slot = slot_of(NetworkId(row.network), row.account, nonce)
        self._by_slot[slot] = self._by_slot[slot][:-1]
        if not self._by_slot[slot]:
            del self._by_slot[slot]
            self._lowest[where] = nonce
        self._days[where].drop_newest(sequence)


def slot_of(network: NetworkId, account: str, nonce: int) -> Slot:
    """What a creator's transaction uses up."""
    return Slot(network, f"account:{account}", nonce)


def units_of(tx: Transaction) -> int:
    """The pips a transaction pays out."""
    match tx.data:
        case Send(value=value):
            return value
        case Multisend(items):
            return sum(item.value for item in items)
        case _:
            return 0


def _address(place: ReservationRow) -> tuple[str, str]:
    return place.network, of_multisig(place.account, place.nonce)


def _summed(days: list[Day]) -> Day:
    return Day(
        sum(day.transactions for day in days),
        sum(day.creates for day in days),
        sum(day.spread_units for day in days),
    )
