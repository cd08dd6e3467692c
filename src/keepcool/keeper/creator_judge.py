"""What a creator signs: three things and no fourth. Fails closed, like the wallets' judge.

It makes a reserved wallet (a transaction Keeper built itself), the first creator spreads fee money to the
others, and any sends itself nothing to use up a nonce. A failed transaction stays valid on Minter until its
nonce is used, so at one slot stands one thing, again only at a higher gas price, or its cancellation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from keepcool.chains.minter.assets import BASE_COIN
from keepcool.chains.minter.data import CreateMultisig, Multisend, Send
from keepcool.chains.minter.payouts import is_burn
from keepcool.chains.minter.signature import SINGLE
from keepcool.chains.minter.transaction import Transaction
from keepcool.chains.minter.wallets import creation_of, parse_profile
from keepcool.core.approval import PurseApproval
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import Standing, WalletRecord
from keepcool.core.verdict import Approved, Denied, Failed, Verdict
from keepcool.keeper.creator_memory import CANCEL, CREATE, SPREAD, CreatorHistory, units_of
from keepcool.keeper.purse_judge import unanimous, verdict_of


@dataclass(frozen=True, slots=True)
class CreatorLimits:
    """From the signed policy. A create states no fee, so every slot weighs `fee_max_units` of the day's
    budget; what is spread is held against the same budget beside that."""

    fee_rate_max: int
    fee_coins: frozenset[int]
    fee_max_units: int
    budget_day_units: int
    creates_per_day: int


@dataclass(frozen=True, slots=True)
class CreatorCase:
    """One unsigned transaction of one of `creators`, the first of which holds the fee money. `record` is the
    wallet a create makes."""

    network: NetworkId
    chain_id: int
    account: str
    creators: tuple[str, ...]
    transaction: Transaction
    deed: str
    record: WalletRecord | None
    history: CreatorHistory
    limits: CreatorLimits
    frozen: tuple[str, ...]


def deed_of(tx: Transaction, account: str) -> str:
    """What a transaction of `account` is. Raises Malformed on anything but the three."""
    match tx.data:
        case CreateMultisig():
            return CREATE
        case Send() if is_burn(tx, account):
            return CANCEL
        case Send() | Multisend():
            return SPREAD
        case _:
            raise Malformed("purse.call", "a creator makes wallets, spreads fee money and cancels; not this")


def judge_creator(case: CreatorCase) -> PurseApproval | tuple[Verdict, ...]:
    """An approval when every rule says yes, all verdicts otherwise."""
    verdicts = tuple(verdict_of(name, rule, case) for name, rule in RULES.items())
    return unanimous(case.network, case.transaction.nonce, case.transaction.digest(), verdicts)


def affirm_creator(case: CreatorCase) -> PurseApproval | tuple[Verdict, ...]:
    """The same transaction again: it was approved when it was remembered. A freeze holds it back too."""
    tx = case.transaction
    if all(attempt.tx != tx for attempt in case.history.at_slot):
        return (Failed("remembered", "this transaction is not remembered"),)
    if case.frozen:
        return (Denied("not_frozen", "; ".join(case.frozen)),)
    return unanimous(case.network, tx.nonce, tx.digest(), (Approved("remembered"),))


def _chain(case: CreatorCase) -> str:
    return "" if case.transaction.chain_id == case.chain_id else "this is not the chain of the creators"


def _form(case: CreatorCase) -> str:
    tx = case.transaction
    if tx.signature_type != SINGLE or tx.payload or tx.service_data:
        return "a creator signs as a single account, and carries no payload and no service data"
    return ""


def _nonce(case: CreatorCase) -> str:
    lowest, nonce = case.history.lowest_unsigned, case.transaction.nonce
    if nonce == lowest or case.history.at_slot:
        return ""
    return f"the next nonce of {case.account} is {lowest}, not {nonce}"


def _slot(case: CreatorCase) -> str:
    tx, earlier = case.transaction, case.history.at_slot
    if case.deed == CANCEL and not earlier:
        return "there is nothing to cancel at this nonce"
    if case.deed != CANCEL:
        wanted = (_wallet(case), replace(tx, gas_price=0))
        kept = [(one.wallet, replace(one.tx, gas_price=0)) for one in earlier if one.deed != CANCEL]
        if any(one != wanted for one in kept):
            return f"nonce {tx.nonce} of {case.account} is signed for something else"
    dearest = max((one.tx.gas_price for one in earlier if one.deed == case.deed), default=0)
    if tx.gas_price <= dearest:
        return f"this is signed again only at a gas price above {dearest}"
    return ""


def _fee_rate(case: CreatorCase) -> str:
    price, most = case.transaction.gas_price, case.limits.fee_rate_max
    return "" if 1 <= price <= most else f"the gas price is {price}; from 1 to {most} is allowed"


def _fee_asset(case: CreatorCase) -> str:
    coin = case.transaction.gas_coin
    return "" if coin in case.limits.fee_coins else f"coin {coin} is none to pay fees in"


def _budget(case: CreatorCase) -> str:
    total = (case.history.day.transactions + 1) * case.limits.fee_max_units
    if total > case.limits.budget_day_units:
        return f"the day's fees could reach {total} pip; the budget is {case.limits.budget_day_units}"
    return ""


def _creates(case: CreatorCase) -> str:
    most = case.limits.creates_per_day
    if case.deed == CREATE and case.history.day.creates >= most:
        return f"{most} wallets have been made in a day, which is the limit"
    return ""


def _not_frozen(case: CreatorCase) -> str:
    return "; ".join(case.frozen)


def _purpose(case: CreatorCase) -> str:
    if case.deed == CREATE:
        return _create(case)
    if case.deed == SPREAD:
        return _spread(case)
    return "" if is_burn(case.transaction, case.account) else "a cancellation sends nothing, to itself"


def _create(case: CreatorCase) -> str:
    tx, record = case.transaction, case.record
    if record is None or (record.standing, record.revision) != (Standing.RESERVED, 1):
        return "no wallet is reserved that this would make"
    if tx != creation_of(record, gas_price=tx.gas_price, gas_coin=tx.gas_coin):
        return "this does not make the wallet of the record"
    if parse_profile(record.profile).creator != case.account or record.network != case.network:
        return "the wallet of the record comes from another account"
    return ""


def _spread(case: CreatorCase) -> str:
    data, others = case.transaction.data, set(case.creators[1:])
    items = (data,) if isinstance(data, Send) else data.items if isinstance(data, Multisend) else ()
    if case.account != case.creators[0]:
        return f"only {case.creators[0]} spreads fee money"
    if not items or any(item.coin != BASE_COIN or item.to not in others for item in items):
        return "fee money is the native coin, and goes to the other creators alone"
    total = case.history.day.spread_units + units_of(case.transaction)
    if total > case.limits.budget_day_units:
        return f"the day's spreading would reach {total} pip; the budget is {case.limits.budget_day_units}"
    return ""


def _wallet(case: CreatorCase) -> str:
    return case.record.wallet if case.record is not None else ""


RULES: dict[str, Callable[[CreatorCase], str]] = {
    "chain": _chain,
    "form": _form,
    "nonce_order": _nonce,
    "slot": _slot,
    "fee_rate": _fee_rate,
    "fee_asset": _fee_asset,
    "gas_budget": _budget,
    "creates_per_day": _creates,
    "not_frozen": _not_frozen,
    "purpose": _purpose,
}
