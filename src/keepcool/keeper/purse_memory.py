"""What the purse has signed, rebuilt from the journal: attempts by nonce, the day's gas, deployments.

Law: of one nonce at most one attempt confirms, so a nonce counts with its dearest attempt; nothing is
given back inside the day.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.chains.evm import transaction
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.ids import AssetId, NetworkId
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry, Row
from keepcool.cosigner.windows import DAY_S, Spending, Window
from keepcool.keeper.purse_judge import PurseHistory

PURSE = "purse"
EXECUTE, DEPLOY, CANCEL, SWEEP = "execute", "deploy", "cancel", "sweep"
_GAS, _DEPLOYMENTS = AssetId("gas"), AssetId("deployments")  # what a day's window counts


class PurseRow(Row, frozen=True):
    """A fee-paying transaction that may be signed from now on. `payload`: the unsigned transaction."""

    account: str
    deed: str
    digests: list[str]
    intent: str
    network: str
    payload: str
    requester: str
    slots: list[tuple[str, str, int]]
    wallet: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction the purse signed, and the journal row that remembers it."""

    sequence: int
    tx: Transaction
    deed: str
    wallet: str
    at_s: int
    intent: str = ""


class PurseMemory:
    """A `journal.Memory` of the kind `purse`."""

    def __init__(self) -> None:
        self._by_nonce: dict[tuple[str, int], tuple[Attempt, ...]] = {}
        self._lowest: dict[str, int] = {}
        self._deployed: dict[tuple[str, str], tuple[int, ...]] = {}
        self._days: dict[str, Window] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind != PURSE:
            return
        row = entries.decoded(entry, PurseRow)
        tx = transaction.parse_unsigned(bytes.fromhex(row.payload))
        place, where = (row.network, tx.nonce), (row.network, row.wallet)
        attempt = Attempt(entry.head.sequence, tx, row.deed, row.wallet, row.at_s, row.intent)
        self._by_nonce[place] = (*self._by_nonce.get(place, ()), attempt)
        self._lowest[row.network] = max(self._lowest.get(row.network, 0), tx.nonce + 1)
        spent = {_GAS: tx.fee_wei_max}
        if row.deed == DEPLOY:
            self._deployed[where] = (*self._deployed.get(where, ()), tx.nonce)
            spent[_DEPLOYMENTS] = 1
        day = self._days.setdefault(row.network, Window(DAY_S))
        day.add(Spending(attempt.sequence, tx.nonce, row.at_s, spent))
        day.advance(row.at_s)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind != PURSE:
            return
        row = entries.decoded(entry, PurseRow)
        nonce = transaction.parse_unsigned(bytes.fromhex(row.payload)).nonce
        place, where = (row.network, nonce), (row.network, row.wallet)
        self._by_nonce[place] = self._by_nonce[place][:-1]
        if not self._by_nonce[place]:
            del self._by_nonce[place]
            self._lowest[row.network] = nonce
        if row.deed == DEPLOY:
            self._deployed[where] = self._deployed[where][:-1]
        self._days[row.network].drop_newest(entry.head.sequence)

    def attempts(self, network: NetworkId, nonce: int) -> tuple[Attempt, ...]:
        return self._by_nonce.get((network, nonce), ())

    def next_nonce(self, network: NetworkId) -> int:
        return self._lowest.get(network, 0)

    def history(self, network: NetworkId, nonce: int, wallet: str, now_s: int) -> PurseHistory:
        """What the judge asks about one transaction."""
        gas, deployments = self.today(network, now_s, without=(nonce,))
        deployed = self._deployed.get((network, wallet), ())
        return PurseHistory(
            lowest_unsigned=self.next_nonce(network),
            at_nonce=tuple(attempt.tx for attempt in self.attempts(network, nonce)),
            gas_day_units=gas,
            deployments_day=deployments,
            deployed_at=frozenset(at for at in deployed if not self._cancelled(network, at)),
        )

    def today(self, network: NetworkId, now_s: int, without: tuple[int, ...] = ()) -> tuple[int, int]:
        """Gas promised (wei) and wallets deployed within the sliding day, some nonces left out."""
        day = self._days.setdefault(network, Window(DAY_S))
        day.advance(now_s)
        spent = day.spent(without)
        return spent.get(_GAS, 0), spent.get(_DEPLOYMENTS, 0)

    def _cancelled(self, network: NetworkId, nonce: int) -> bool:
        return any(attempt.deed == CANCEL for attempt in self.attempts(network, nonce))
