"""What the purse signs: the fee-paying account's own judge. Fails closed, like the wallets'.

It pays for four things: executing a SafeTx that this signer remembers and that hot and cool both signed,
deploying a Safe of this registry, sweeping forwarders that this signer has attested to their pool's treasury,
and replacing or cancelling its own transaction of the same nonce. Each
stays under a ceiling, all of a day under a budget; per nonce only the dearest attempt counts, because only
one can confirm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from keepcool.chains import publickeys
from keepcool.chains.evm import address, execution, wallets
from keepcool.chains.evm.forwarders import GAS_EACH
from keepcool.chains.evm.profiles import is_pool_profile, profile_named
from keepcool.chains.evm.purse import (
    DeploySafe,
    ExecuteSafe,
    FlushForwarders,
    PurseAction,
    SelfTransfer,
    check_replacement,
)
from keepcool.chains.evm.safe import safe_tx_hash
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.approval import STAMP, PurseApproval
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Intent
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.verdict import Approved, Denied, Failed, Verdict
from keepcool.policy.case import Remembered

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class PurseLimits:
    """From the signed policy: per transaction and per day, in wei, and Safes deployed per day."""

    fee_max_units: int
    gas_budget_day_units: int
    deployments_per_day: int


@dataclass(frozen=True, slots=True)
class PurseHistory:
    """What this purse has signed. `at_nonce`: every attempt at the case's nonce. The sums of the day leave
    out the case's own nonce. `deployed_at`: nonces at which the case's wallet was deployed and no
    cancellation was signed."""

    lowest_unsigned: int
    at_nonce: tuple[Transaction, ...]
    gas_day_units: int
    deployments_day: int
    deployed_at: frozenset[int]


@dataclass(frozen=True, slots=True)
class PurseCase:
    """One unsigned transaction. `intent` and `remembered` are this signer's own memory of what it is for,
    `record` its own registry copy of the wallet concerned, `attested` the highest index of its addresses that
    this signer has attested, `tokens` the contracts of the policy's assets."""

    network: NetworkId
    chain_id: int
    account: str
    transaction: Transaction
    action: PurseAction
    record: WalletRecord | None
    intent: Intent | None
    remembered: tuple[Remembered, ...]
    history: PurseHistory
    limits: PurseLimits
    frozen: tuple[str, ...]
    attested: int = -1
    tokens: frozenset[str] = frozenset()


def judge_purse(case: PurseCase) -> PurseApproval | tuple[Verdict, ...]:
    """An approval when every rule says yes, all verdicts otherwise."""
    verdicts = tuple(verdict_of(name, rule, case) for name, rule in RULES.items())
    return unanimous(case.network, case.transaction.nonce, case.transaction.digest(), verdicts)


def unanimous(
    network: NetworkId, nonce: int, digest: bytes, verdicts: tuple[Verdict, ...]
) -> PurseApproval | tuple[Verdict, ...]:
    """For every judge of Keeper's own accounts: an approval of this digest when there are verdicts and all of
    them approve, otherwise the verdicts."""
    if verdicts and all(isinstance(verdict, Approved) for verdict in verdicts):
        return PurseApproval(network, nonce, (digest,), STAMP)
    return verdicts


def verdict_of(name: str, rule: Callable[[C], str], case: C) -> Verdict:
    """A rule's objection as a verdict; an empty one is none."""
    try:
        objection = rule(case)
    except KeepcoolError as error:
        return Denied(name, error.public)
    except Exception as error:  # noqa: BLE001 - a broken rule is closed, and says so
        return Failed(name, type(error).__name__)
    return Denied(name, objection) if objection else Approved(name)


def _chain(case: PurseCase) -> str:
    return "" if case.transaction.chain_id == case.chain_id else "this is not the chain the purse is for"


def _nonce(case: PurseCase) -> str:
    lowest, nonce = case.history.lowest_unsigned, case.transaction.nonce
    if nonce == lowest or case.history.at_nonce:
        return ""
    return f"the purse's next nonce is {lowest}, not {nonce}"


def _replacement(case: PurseCase) -> str:
    for earlier in case.history.at_nonce:
        check_replacement(earlier, case.transaction)
        same = (earlier.to, earlier.data) == (case.transaction.to, case.transaction.data)
        if not same and not isinstance(case.action, SelfTransfer):
            return "a replacement does what the first did, or nothing"
    if isinstance(case.action, SelfTransfer) and not case.history.at_nonce:
        return "there is nothing to cancel at this nonce"
    return ""


def _gas(case: PurseCase) -> str:
    """A nonce signed for what no block takes would hold up every later one, and at a high enough price per
    gas nothing under the ceiling could replace it: the purse would be lost."""
    gas, least = case.transaction.gas, case.transaction.gas_least
    return "" if gas >= least else f"the gas limit is {gas}; no block takes this below {least}"


def _fee(case: PurseCase) -> str:
    fee = case.transaction.fee_wei_max
    if fee > case.limits.fee_max_units:
        return f"the fee may reach {fee} wei; at most {case.limits.fee_max_units} is allowed at once"
    if case.intent is not None and fee > case.intent.fee_max.units:
        return f"the fee may reach {fee} wei; the intent allows {case.intent.fee_max.units}"
    return ""


def _budget(case: PurseCase) -> str:
    dearest = max((tx.fee_wei_max for tx in case.history.at_nonce), default=0)
    total = case.history.gas_day_units + max(dearest, case.transaction.fee_wei_max)
    if total > case.limits.gas_budget_day_units:
        return f"the day's fees would reach {total} wei; the budget is {case.limits.gas_budget_day_units}"
    return ""


def _not_frozen(case: PurseCase) -> str:
    return "; ".join(case.frozen)


def _purpose(case: PurseCase) -> str:
    match case.action:
        case ExecuteSafe():
            return _execution(case, case.action)
        case DeploySafe():
            return _deployment(case, case.action)
        case FlushForwarders():
            return _sweep(case, case.action)
        case SelfTransfer():
            return ""
        case _ as never:
            assert_never(never)


def _execution(case: PurseCase, action: ExecuteSafe) -> str:
    if case.record is None or case.intent is None or action.safe != case.record.address:
        return "the Safe executed is not the one this intent was signed for"
    for draft in case.remembered:
        for slot in draft.slots:
            tx = action.execution.at(action.safe, case.chain_id, slot.position)
            if safe_tx_hash(tx) in draft.digests:
                found = set(execution.signers(tx, action.execution.signatures))
                owners = {_owner(case.record, role) for role in (Role.HOT, Role.COOL)}
                return "" if found == owners else "hot and cool have not both signed what is executed"
    return "this signer does not remember signing what is executed"


def _deployment(case: PurseCase, action: DeploySafe) -> str:
    if case.record is None:
        return "no wallet of this registry is named"
    salt, owners = wallets.wallet_salt(case.record.wallet), tuple(_owner(case.record, role) for role in Role)
    contracts = profile_named(case.record.profile).contracts()
    named = (action.profile.contracts(), action.owners, action.threshold, action.salt, action.address)
    if named != (contracts, owners, case.record.threshold, salt, case.record.address):
        return "the Safe deployed is not the wallet named"
    if case.history.deployed_at - {case.transaction.nonce}:
        return "this wallet's deployment was signed before, at another nonce"
    if case.history.deployments_day >= case.limits.deployments_per_day:
        return f"{case.limits.deployments_per_day} wallets have been deployed in a day, which is the limit"
    return ""


def _sweep(case: PurseCase, action: FlushForwarders) -> str:
    flush, record = action.flush, case.record
    if record is None or not is_pool_profile(record.profile) or record.address != flush.treasury:
        return "the treasury swept to is not the pool named"
    if case.intent is not None:
        return "no intent asks for a sweep"
    if flush.gas_each > GAS_EACH:
        return f"a token is given {flush.gas_each} gas; {GAS_EACH} is enough for every listed one"
    highest = max(item.index for item in flush.items)
    if highest > case.attested:
        return f"this signer attested addresses of the pool up to {case.attested}, not {highest}"
    foreign = sorted({item.token for item in flush.items if item.token is not None} - case.tokens)
    return f"the policy lists no token {foreign[0]}" if foreign else ""


def _owner(record: WalletRecord, role: Role) -> str:
    return address.of_public_key(publickeys.parse_public_key(record.key(role).public_key))


RULES: dict[str, Callable[[PurseCase], str]] = {
    "chain": _chain,
    "nonce_order": _nonce,
    "replacement": _replacement,
    "gas_least": _gas,
    "fee_ceiling": _fee,
    "gas_budget": _budget,
    "not_frozen": _not_frozen,
    "purpose": _purpose,
}


def affirm_purse(case: PurseCase) -> PurseApproval | tuple[Verdict, ...]:
    """The same transaction again: it was approved when it was remembered. A freeze holds it back too."""
    digest = case.transaction.digest()
    if all(tx.digest() != digest for tx in case.history.at_nonce):
        return (Failed("remembered", "this transaction is not remembered"),)
    if case.frozen:
        return (Denied("not_frozen", "; ".join(case.frozen)),)
    return unanimous(case.network, case.transaction.nonce, digest, (Approved("remembered"),))
