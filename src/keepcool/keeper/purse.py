"""The EVM purse at work: one fee-paying account per network, its key in Keeper's hands.

The path is the wallets' own: read, judge, remember, and by `paying` be witnessed, unseal, sign. The key is
made at first start, sealed twice like every other, and signs only what `purse_judge` approved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from keepcool.chains import publickeys
from keepcool.chains.evm import address, purse, transaction
from keepcool.chains.evm.assets import chain_id_of, contract_of
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.purse import DeploySafe, ExecuteSafe, FlushForwarders, PurseAction, SelfTransfer
from keepcool.chains.evm.transaction import Transaction
from keepcool.chains.family import FamilyName
from keepcool.core.approval import PurseApproval
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.ids import AssetId, NetworkId, WalletId, network_of
from keepcool.core.intent import Intent, parse_intent
from keepcool.core.parties import Service
from keepcool.cosigner import entries
from keepcool.cosigner.cases import failure
from keepcool.cosigner.entries import SignRow
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.keyring import NewKey, sealed
from keepcool.cosigner.people import declined
from keepcool.cosigner.service import Signer
from keepcool.hazmat import coinkeys
from keepcool.keeper.paying import Kept
from keepcool.keeper.purse_judge import PurseCase, PurseLimits, affirm_purse, judge_purse
from keepcool.keeper.purse_memory import CANCEL, DEPLOY, EXECUTE, PURSE, SWEEP, PurseMemory, PurseRow
from keepcool.policy.case import Remembered
from keepcool.policy.terms import NetworkRules
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Claim, SealedKey
from keepcool.wire.messages import (
    Declined,
    Failure,
    PurseItem,
    PurseStatus,
)

_OWNER = "purse"
_AGAIN_S = 2.0
_log = logging.getLogger("keepcool.keeper")


@dataclass(frozen=True, slots=True)
class Account:
    """A network's purse: its key's place and public half, and its address."""

    network: NetworkId
    bound: Bound
    public_key: bytes
    address: str


class Purse:
    """Keeper's fee-paying accounts. Open with `Purse.opened`."""

    def __init__(self, signer: Signer, memory: PurseMemory, accounts: dict[NetworkId, Account]) -> None:
        self._signer, self._memory, self._accounts = signer, memory, accounts

    @classmethod
    async def opened(cls, signer: Signer, memory: PurseMemory) -> Purse:
        """Makes the key of every network of the policy that has a purse and no key yet."""
        made = cls(signer, memory, {})
        await made.complete()
        return made

    async def complete(self) -> None:
        """A key for every network that the policy in force has come to name. One that it names no longer
        keeps its key, and signs nothing."""
        rules = [one for one in self._signer.policy.networks.values() if one.family == FamilyName.EVM]
        for network in [one.network for one in rules if one.purse]:
            if network not in self._accounts:
                self._accounts[network] = await _account(self._signer, network)

    async def keep_complete(self) -> None:
        """Runs for ever: a policy that was ordered has its purses soon."""
        while True:
            try:
                await self.complete()
            except KeepcoolError as error:
                _log.warning("a purse waits for its key", extra={"code": error.code})
            await asyncio.sleep(_AGAIN_S)

    @property
    def networks(self) -> frozenset[str]:
        return frozenset(self._accounts)

    def status(self) -> list[PurseStatus]:
        now_s = self._now_s()
        return [self._status(account, now_s) for account in self._accounts.values()]

    def decided(self, item: PurseItem, batch: Batch) -> Kept | Declined | Failure:
        """One item, judged and remembered."""
        try:
            account, case = self._case(item)
        except KeepcoolError as error:
            return failure(error)
        digest = case.transaction.digest()
        attempts = self._memory.attempts(account.network, case.transaction.nonce)
        before = next((one for one in attempts if one.tx.digest() == digest), None)
        if before is None:
            ruling = judge_purse(case)
        else:  # frozen or not is asked of the wallet that is remembered, not of the one named now
            frozen = self._frozen(before.deed, before.wallet, account.network, before.intent)
            ruling = affirm_purse(replace(case, frozen=frozen))
        if not isinstance(ruling, PurseApproval):
            return declined(ruling, review=False)
        sequence = before.sequence if before is not None else self._remember(item, account, case, batch)
        tx = case.transaction
        return Kept(
            account.bound,
            account.public_key,
            ruling,
            sequence,
            tx.with_signature,
            lambda: self._look_again(account, tx, sequence),
        )

    def _case(self, item: PurseItem) -> tuple[Account, PurseCase]:
        network, signer = NetworkId(item.network), self._signer
        account, rules = self._accounts.get(network), signer.policy.networks.get(network)
        if account is None or rules is None or rules.purse is None:
            raise Refused("purse.network", f"there is no purse on {item.network[:64]}")
        tx = transaction.parse_unsigned(item.transaction)
        record = signer.registry.wallet(WalletId(item.wallet)).record if item.wallet else None
        known = [name for name in rules.profiles if record is None or name == record.profile]
        action = purse.decode_purse(tx, account.address, [profile_named(name) for name in known])
        intent, remembered = self._remembered(item.intent)
        if intent is not None and record is not None and intent.source != record.wallet:
            raise Malformed("purse.intent", "the intent named is another wallet's")
        case = PurseCase(
            network=network,
            chain_id=chain_id_of(network),
            account=account.address,
            transaction=tx,
            action=action,
            record=record,
            intent=intent,
            remembered=remembered,
            history=self._memory.history(network, tx.nonce, item.wallet, self._now_s()),
            limits=_limits(rules),
            frozen=self._frozen(_deed(action), item.wallet, network, item.intent),
            attested=signer.issued.highest(item.wallet),
            tokens=_tokens(network, signer.policy.assets),
        )
        return account, case

    def _frozen(self, deed: str, wallet: str, network: NetworkId, intent: str) -> tuple[str, ...]:
        """Using up a nonce of its own stays allowed: it is how a transaction is stopped. So is the way to the
        harbor while that alone is open: what pays the harbor, and the making and the sweeps that it needs."""
        freezes = self._signer.freezes
        if deed == CANCEL or not freezes.count:
            return ()
        paid = self._remembered(intent)[0]
        outputs = () if paid is None else paid.outputs
        homeward = {output.recipient for output in outputs} == {self._signer.policy.harbor_of(network)}
        if freezes.harbor_only and (homeward or deed in (DEPLOY, SWEEP)):
            return ()
        rules = self._signer.policy.networks.get(network)
        assets = [output.amount.asset for output in outputs]
        assets += [] if rules is None else [rules.native.asset]  # the fee
        return freezes.touching(WalletId(wallet or _OWNER), network, assets)

    def _remembered(self, intent: str) -> tuple[Intent | None, tuple[Remembered, ...]]:
        """The intent's bytes from this signer's own journal, and its drafts."""
        drafts = self._signer.drafts
        remembered = drafts.history(intent, (), self._now_s(), ()).same_intent if intent else ()
        kept = drafts.find(remembered[-1].digests, remembered[-1].slots) if remembered else None
        row = None if kept is None else self._signer.foundation.store.entry(kept.sequence)
        if row is None:
            return None, ()
        body = entries.decoded(entries.read(row.head, row.previous, row.body), SignRow)
        return parse_intent(bytes.fromhex(body.intent_bytes)), remembered

    def _remember(self, item: PurseItem, account: Account, case: PurseCase, batch: Batch) -> int:
        tx, sequence = case.transaction, batch.next_sequence
        slot = Slot(account.network, f"account:{account.address}", tx.nonce)
        row = PurseRow(
            at_s=self._now_s(),
            kind=PURSE,
            account=account.address,
            deed=_deed(case.action),
            digests=[tx.digest().hex()],
            intent=item.intent if case.intent is not None else "",
            network=account.network,
            payload=tx.unsigned_payload().hex(),
            requester=batch.asked.requester.value if batch.asked else "",
            slots=[(slot.network, slot.space, slot.position)],
            wallet=case.record.wallet if case.record is not None else "",
        )
        batch.add(row, claims=[Claim(slot, tx.digest(), sequence)])
        return sequence

    def _look_again(self, account: Account, tx: Transaction, sequence: int) -> None:
        """While this request waited, a freeze may have come, and a row that another request had staged may
        have failed to commit."""
        attempts = self._memory.attempts(account.network, tx.nonce)
        row = next((it for it in attempts if (it.sequence, it.tx) == (sequence, tx)), None)
        if row is None or row.sequence > self._signer.journal.committed.sequence:
            raise Conflict("journal.head_moved", "the journal has moved on; ask again")
        for sentence in self._frozen(row.deed, row.wallet, account.network, row.intent):
            raise Refused("freeze.frozen", sentence)

    def _status(self, account: Account, now_s: int) -> PurseStatus:
        gas, deployments = self._memory.today(account.network, now_s)
        return PurseStatus(
            network=account.network,
            address=account.address,
            next_nonce=self._memory.next_nonce(account.network),
            gas_spent_today_wei=str(gas),
            deployments_today=deployments,
        )

    def _now_s(self) -> int:
        return self._signer.journal.now_ms(self._signer.foundation.clock.now_ms()) // 1000


async def _account(signer: Signer, network: NetworkId) -> Account:
    foundation = signer.foundation
    bound = Bound(Service.KEEPER.value, _OWNER, network, _OWNER)
    (row,) = foundation.store.keys([(bound.wallet, bound.network, bound.purpose)])
    if row is None:
        row = await _made(signer, bound)
    public_key = publickeys.parse_public_key(row.public_key)
    return Account(network, bound, public_key, address.of_public_key(public_key))


async def _made(signer: Signer, bound: Bound) -> SealedKey:
    found = signer.foundation
    secret, public = coinkeys.new_key(found.entropy)
    with found.underway.one() as hands:
        with secret:
            key = NewKey(bound, secret, public)
            (made,) = await sealed([key], found.keystore, found.inner, found.entropy, hands)
        with signer.journal.batch() as batch:
            batch.keys.append(made)
        await batch.settled()
    return made


def _tokens(network: NetworkId, assets: Iterable[AssetId]) -> frozenset[str]:
    listed = (contract_of(one) for one in assets if network_of(one) == network)
    return frozenset(one for one in listed if one is not None)


def _limits(rules: NetworkRules) -> PurseLimits:
    if rules.purse is None:
        raise Refused("purse.network", f"the policy gives {rules.network} no purse")
    return PurseLimits(
        rules.purse.fee_max_units, rules.purse.gas_budget_day_units, rules.purse.deployments_per_day
    )


def _deed(action: PurseAction) -> str:
    match action:
        case ExecuteSafe():
            return EXECUTE
        case DeploySafe():
            return DEPLOY
        case SelfTransfer():
            return CANCEL
        case FlushForwarders():
            return SWEEP
