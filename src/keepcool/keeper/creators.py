"""The creators: accounts of a Minter network whose transactions make wallets, their keys in Keeper's hands.

A network takes one transaction of a sender per block, so there are several. The first holds the fee money;
an operator tops it up and it spreads to the others. Keys are made at first start, sealed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keepcool.chains import publickeys
from keepcool.chains.minter import address, transaction
from keepcool.chains.minter.assets import NAMESPACE, chain_id_of, coin_of
from keepcool.chains.minter.signature import SingleSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction
from keepcool.core.approval import PurseApproval
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.core.verdict import Verdict
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.keyring import NewKey, sealed, wiped_after
from keepcool.cosigner.people import declined
from keepcool.cosigner.service import Signer
from keepcool.hazmat import coinkeys
from keepcool.keeper.creator_judge import CreatorCase, CreatorLimits, affirm_creator, deed_of, judge_creator
from keepcool.keeper.creator_memory import CANCEL, CREATE, CREATOR, CreatorMemory, CreatorRow, slot_of
from keepcool.keeper.paying import Kept
from keepcool.policy.terms import NetworkRules
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Claim, SealedKey
from keepcool.wire.messages import Declined, Failure, PurseItem, PurseStatus

CREATORS_MAX = 100
_OWNER = "purse"


@dataclass(frozen=True, slots=True)
class Creator:
    """One account: its key's place and public half, and its address."""

    network: NetworkId
    bound: Bound
    public_key: bytes
    address: str


class Creators:
    """A `paying.Book`. Open with `Creators.opened`."""

    def __init__(
        self, signer: Signer, memory: CreatorMemory, pools: Mapping[NetworkId, Sequence[Creator]]
    ) -> None:
        self._signer, self._memory = signer, memory
        self._pools = {network: tuple(pool) for network, pool in pools.items()}

    @classmethod
    async def opened(
        cls, signer: Signer, memory: CreatorMemory, count_of: Callable[[NetworkId], int]
    ) -> Creators:
        """Makes the missing keys of every Minter network of the policy that has a purse."""
        pools = {}
        for rules in signer.policy.networks.values():
            if rules.family == NAMESPACE and rules.purse is not None:
                pools[rules.network] = await _pool(signer, rules.network, count_of(rules.network))
        return cls(signer, memory, pools)

    @property
    def networks(self) -> frozenset[str]:
        return frozenset(self._pools)

    def status(self) -> list[PurseStatus]:
        now_s = self.now_s()
        paid = [name for name, rules in self._signer.policy.networks.items() if rules.purse is not None]
        return [self._status(one, now_s) for name in paid for one in self._pools.get(name, ())]

    def creator(self, network: str, account: str) -> Creator:
        """Raises Refused when it is none of this Keeper's."""
        for one in self._pools.get(NetworkId(network), ()):
            if one.address == account:
                return one
        raise Refused("reserve.creator", f"{account[:64]} is no creator of {network[:64]}: see status.v1")

    def decided(self, item: PurseItem, batch: Batch) -> Kept | Declined | Failure:
        """One item, judged and remembered. A create is none: Keeper makes those itself."""
        try:
            account, tx = self._sender(item)
        except KeepcoolError as error:
            return failure(error)
        ruling = self.ruled(account, tx, None, batch)
        return ruling if isinstance(ruling, Kept) else declined(ruling, review=False)

    def ruled(
        self, creator: Creator, tx: Transaction, record: WalletRecord | None, batch: Batch
    ) -> Kept | tuple[Verdict, ...]:
        """Judge a transaction of this creator, and remember it when it is new."""
        attempts = self._memory.attempts(slot_of(creator.network, creator.address, tx.nonce))
        before = next((one for one in attempts if one.tx == tx), None)
        case = self._case(creator, tx, record)
        ruling = judge_creator(case) if before is None else affirm_creator(case)
        if not isinstance(ruling, PurseApproval):
            return ruling
        sequence = before.sequence if before is not None else self._remember(case, batch)
        return Kept(
            creator.bound,
            creator.public_key,
            ruling,
            sequence,
            lambda signature: SignedTransaction(tx, SingleSignature(signature)).encoded(),
            lambda: self._look_again(creator, tx, sequence),
        )

    def now_s(self) -> int:
        return self._signer.journal.now_ms(self._signer.foundation.clock.now_ms()) // 1000

    def _sender(self, item: PurseItem) -> tuple[Creator, Transaction]:
        """The account is not in the bytes: the purpose tells. A cancellation pays whoever sends it, and all
        else is paid by the first."""
        tx = transaction.parse_preimage(item.transaction)
        pool = self._pools[NetworkId(item.network)]
        sender = next((one for one in pool if deed_of(tx, one.address) == CANCEL), pool[0])
        deed = deed_of(tx, sender.address)
        if deed == CREATE:
            raise Refused("purse.create", "Keeper makes wallets by itself: ask for wallets.reserve.v1")
        if item.purpose != deed:
            raise Malformed("purse.purpose", f"this transaction is for {deed}, not {item.purpose[:40]!r}")
        return sender, tx

    def _case(self, creator: Creator, tx: Transaction, record: WalletRecord | None) -> CreatorCase:
        network, deed = creator.network, deed_of(tx, creator.address)
        return CreatorCase(
            network=network,
            chain_id=chain_id_of(network),
            account=creator.address,
            creators=tuple(one.address for one in self._pools[network]),
            transaction=tx,
            deed=deed,
            record=record,
            history=self._memory.history(network, creator.address, tx.nonce, self.now_s()),
            limits=self._limits(network),
            frozen=self._frozen(deed, record.wallet if record else "", network),
        )

    def _limits(self, network: NetworkId) -> CreatorLimits:
        rules = self._signer.policy.networks.get(network)
        if rules is None:
            raise Refused("purse.network", f"the policy in force names no {network}")
        return _limits(rules)

    def _frozen(self, deed: str, wallet: str, network: NetworkId) -> tuple[str, ...]:
        """Using up a nonce of its own stays allowed: it is how a transaction is stopped."""
        if deed == CANCEL:
            return ()
        rules = self._signer.policy.networks.get(network)
        assets = () if rules is None else (rules.native.asset, *sorted(rules.fee_assets))
        return self._signer.freezes.touching(WalletId(wallet or _OWNER), network, assets)

    def _remember(self, case: CreatorCase, batch: Batch) -> int:
        tx, sequence = case.transaction, batch.next_sequence
        slot = slot_of(case.network, case.account, tx.nonce)
        row = CreatorRow(
            at_s=self.now_s(),
            kind=CREATOR,
            account=case.account,
            deed=case.deed,
            digests=[tx.digest().hex()],
            network=case.network,
            payload=tx.preimage().hex(),
            requester=batch.asked.requester.value if batch.asked else "",
            slots=[(slot.network, slot.space, slot.position)],
            wallet=case.record.wallet if case.record is not None else "",
        )
        batch.add(row, claims=[Claim(slot, tx.digest(), sequence)])
        return sequence

    def _look_again(self, creator: Creator, tx: Transaction, sequence: int) -> None:
        """While this request waited, a freeze may have come, and a row that another request had staged may
        have failed to commit."""
        attempts = self._memory.attempts(slot_of(creator.network, creator.address, tx.nonce))
        row = next((one for one in attempts if (one.sequence, one.tx) == (sequence, tx)), None)
        if row is None or row.sequence > self._signer.journal.committed.sequence:
            raise Conflict("journal.head_moved", "the journal has moved on; ask again")
        for sentence in self._frozen(row.deed, row.wallet, creator.network):
            raise Refused("freeze.frozen", sentence)

    def _status(self, creator: Creator, now_s: int) -> PurseStatus:
        day = self._memory.today(creator.network, creator.address, now_s)
        limits = self._limits(creator.network)
        return PurseStatus(
            network=creator.network,
            address=creator.address,
            next_nonce=self._memory.next_nonce(creator.network, creator.address),
            gas_spent_today_wei=str(day.transactions * limits.fee_max_units),
            deployments_today=day.creates,
        )


def _limits(rules: NetworkRules) -> CreatorLimits:
    if rules.purse is None or rules.fee_rate_max is None:
        raise Refused("purse.network", f"the policy gives {rules.network} no purse")
    return CreatorLimits(
        fee_rate_max=rules.fee_rate_max,
        fee_coins=frozenset(coin_of(asset, rules.network) for asset in rules.fee_assets),
        fee_max_units=rules.purse.fee_max_units,
        budget_day_units=rules.purse.gas_budget_day_units,
        creates_per_day=rules.purse.deployments_per_day,
    )


async def _pool(signer: Signer, network: NetworkId, count: int) -> list[Creator]:
    if not 1 <= count <= CREATORS_MAX:
        raise Refused("settings.creators", f"{network} has 1 to {CREATORS_MAX} creators, not {count}")
    bounds = [Bound(Service.KEEPER.value, _OWNER, network, f"creator-{number}") for number in range(count)]
    found = signer.foundation.store.keys([(one.wallet, one.network, one.purpose) for one in bounds])
    missing = [bound for bound, row in zip(bounds, found, strict=True) if row is None]
    made = {row.purpose: row for row in await _made(signer, missing)}
    rows = [row or made[bound.purpose] for bound, row in zip(bounds, found, strict=True)]
    return [_creator(network, bound, row) for bound, row in zip(bounds, rows, strict=True)]


async def _made(signer: Signer, bounds: Sequence[Bound]) -> list[SealedKey]:
    if not bounds:
        return []
    foundation = signer.foundation
    keys = [NewKey(bound, *coinkeys.new_key(foundation.entropy)) for bound in bounds]
    with foundation.underway.one() as hands:
        with wiped_after([key.secret for key in keys]):
            rows = await sealed(keys, foundation.keystore, foundation.inner, foundation.entropy, hands)
        with signer.journal.batch() as batch:
            batch.keys.extend(rows)
        await batch.settled()
    return rows


def _creator(network: NetworkId, bound: Bound, row: SealedKey) -> Creator:
    public_key = publickeys.parse_public_key(row.public_key)
    return Creator(network, bound, public_key, address.of_public_key(public_key))
