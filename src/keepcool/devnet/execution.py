"""Checks and runs one transaction, in the node's own order.

Laws: everything is checked before anything changes; a transaction that fails after its nonce was right pays
for failing and keeps its nonce, so it stays valid; one that fails earlier leaves no trace.
Specification: minter-go-node, coreV2/transaction/executor_v3.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keepcool.devnet import fees
from keepcool.devnet.decoding import PAYLOAD_BYTES_MAX, RAW_BYTES_MAX, SERVICE_BYTES_MAX, Tx, decode
from keepcool.devnet.decoding import multisig_address as address_of_multisig
from keepcool.devnet.ledger import Ledger, Owners
from keepcool.devnet.rejections import Code, Rejection, unsupported

SEND, CREATE_MULTISIG, MULTISEND, EDIT_MULTISIG = 0x01, 0x0C, 0x0D, 0x12
_OWNERS_MAX, _WEIGHT_MAX, _RECIPIENTS_MAX = 32, 1023, 100


@dataclass(frozen=True, slots=True)
class Rules:
    chain_id: int
    price_coin: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a block says of a transaction."""

    code: int
    log: str
    tags: Mapping[str, str]
    gas: int
    recipients: tuple[bytes, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Plan:
    """A transaction that may run: its sender and its fee in both coins."""

    tx: Tx
    sender: bytes
    base_fee: int
    fee: int


def check(ledger: Ledger, rules: Rules, raw: bytes, min_gas_price: int) -> Plan:
    """As a mempool does. Raises Rejection."""
    tx, sender = _admitted(ledger, rules, raw, min_gas_price)
    return _planned(ledger, rules, tx, sender)


def deliver(ledger: Ledger, rules: Rules, raw: bytes) -> Outcome:
    """As a block does. Raises nothing: a failure is an outcome."""
    try:
        tx, sender = _admitted(ledger, rules, raw, 0)
        base_price = fees.in_base(ledger, rules.price_coin, fees.price(tx) * tx.gas_price)
    except Rejection as rejection:
        return Outcome(int(rejection.code), rejection.log, {}, 0)
    try:
        return _run(ledger, rules, _with_fee(ledger, tx, sender, base_price))
    except Rejection as rejection:
        tags = _pay_for_failing(ledger, rules, tx, sender) | _tags_of(rules, tx, sender)
        return Outcome(int(rejection.code), rejection.log, tags, fees.gas(tx))


def estimate(ledger: Ledger, rules: Rules, raw: bytes) -> int:
    """The fee in the gas coin; signatures are not looked at. Raises Rejection."""
    tx = decode(raw, signed=False)
    _require_coin(ledger, tx.gas_coin)
    base = fees.in_base(ledger, rules.price_coin, fees.price(tx) * tx.gas_price)
    return fees.in_gas_coin(ledger, tx.gas_coin, base)


def _admitted(ledger: Ledger, rules: Rules, raw: bytes, min_gas_price: int) -> tuple[Tx, bytes]:
    if len(raw) > RAW_BYTES_MAX:
        data = {"max_tx_length": str(RAW_BYTES_MAX), "got_tx_length": str(len(raw))}
        raise Rejection(Code.TOO_LARGE, f"TX length is over {RAW_BYTES_MAX} bytes", data)
    tx = decode(raw)
    if tx.chain_id != rules.chain_id:
        data = {"current_chain_id": str(rules.chain_id), "got_chain_id": str(tx.chain_id)}
        raise Rejection(Code.CHAIN, "Wrong chain id", data)
    _require_coin(ledger, tx.gas_coin)
    if tx.gas_price < min_gas_price:
        text = f"Gas price of tx is too low to be included in mempool. Expected {min_gas_price}"
        data = {"min_gas_price": str(min_gas_price), "current_gas_price": str(tx.gas_price)}
        raise Rejection(Code.GAS_PRICE, text, data)
    _require_sizes(tx)
    sender = tx.sender()
    if tx.multisig is not None:
        _require_votes(ledger, tx, tx.multisig)
    expected = ledger.account(sender).nonce + 1
    if tx.nonce != expected:
        text = f"Unexpected nonce. Expected: {expected}, got {tx.nonce}."
        raise Rejection(Code.NONCE, text, {"expected_nonce": str(expected), "got_nonce": str(tx.nonce)})
    return tx, sender


def _require_sizes(tx: Tx) -> None:
    if len(tx.payload) > PAYLOAD_BYTES_MAX:
        data = {"max_payload_length": str(PAYLOAD_BYTES_MAX), "got_payload_length": str(len(tx.payload))}
        raise Rejection(Code.PAYLOAD, f"TX payload length is over {PAYLOAD_BYTES_MAX} bytes", data)
    if len(tx.service_data) > SERVICE_BYTES_MAX:
        size = str(len(tx.service_data))
        data = {"max_service_data_length": str(SERVICE_BYTES_MAX), "got_service_data_length": size}
        raise Rejection(Code.SERVICE_DATA, f"TX service data length is over {SERVICE_BYTES_MAX} bytes", data)


def _require_votes(ledger: Ledger, tx: Tx, address: bytes) -> None:
    owners = ledger.account(address).owners
    if owners is None or not owners.weights:
        raise _no_multisig(address)
    if len(tx.signatures) > _OWNERS_MAX or len(tx.signatures) > len(owners.weights):
        raise _bad_multi_signature("error in the number of signers")
    signers: set[bytes] = set()
    for signature in tx.signatures:
        try:
            signer = signature.signer(tx.digest)
        except Rejection as rejection:
            raise _bad_multi_signature(rejection.log) from rejection
        if signer in signers:
            raise _duplicate(signer)
        signers.add(signer)
    votes = sum(owners.weight(signer) for signer in signers)
    if votes < owners.threshold:
        text = f"Not enough multisig votes. Needed {owners.threshold}, has {votes}"
        raise Rejection(Code.VOTES, text, {"needed_votes": str(owners.threshold), "got_votes": str(votes)})


def _planned(ledger: Ledger, rules: Rules, tx: Tx, sender: bytes) -> Plan:
    base = fees.in_base(ledger, rules.price_coin, fees.price(tx) * tx.gas_price)
    return _with_fee(ledger, tx, sender, base)


def _with_fee(ledger: Ledger, tx: Tx, sender: bytes, base: int) -> Plan:
    if base <= 0:
        raise Rejection(Code.FEE_COIN, "Not possible to pay commission")
    if tx.kind not in (SEND, MULTISEND, CREATE_MULTISIG, EDIT_MULTISIG):
        raise unsupported(tx.kind, tx.name)
    _require_data(ledger, tx, sender)
    fee = fees.in_gas_coin(ledger, tx.gas_coin, base)
    _require_funds(ledger, tx, sender, fee)
    if tx.kind == CREATE_MULTISIG:
        address = address_of_multisig(sender, tx.nonce)
        if ledger.account(address).is_multisig:
            text = f"Multisig {shown(address)} already exists"
            raise Rejection(Code.MULTISIG_EXISTS, text, {"address": shown(address)})
    return Plan(tx, sender, base, fee)


def _require_data(ledger: Ledger, tx: Tx, sender: bytes) -> None:
    if tx.kind == EDIT_MULTISIG and not ledger.account(sender).is_multisig:
        raise _no_multisig(sender)
    if tx.kind in (CREATE_MULTISIG, EDIT_MULTISIG):
        _require_owners(tx.fields)
    if tx.kind == EDIT_MULTISIG and tx.fields["threshold"] > sum(tx.fields["weights"]):
        data = {"total_weight": str(sum(tx.fields["weights"])), "threshold": str(tx.fields["threshold"])}
        raise Rejection(Code.TOTAL_WEIGHT, "Incorrect multisig weights", data)
    if tx.kind == MULTISEND and not 1 <= len(tx.fields["list"]) <= _RECIPIENTS_MAX:
        data = {"min_quantity": "1", "max_quantity": "100", "got_quantity": str(len(tx.fields["list"]))}
        raise Rejection(Code.MULTISEND, "List length must be between 1 and 100", data)
    for one in payments(tx):
        _require_coin(ledger, one["coin"])


def _require_owners(fields: Mapping[str, Any]) -> None:
    weights, addresses = fields["weights"], fields["addresses"]
    if len(weights) > _OWNERS_MAX:
        data = {"count": str(len(weights)), "max_count": "32"}
        raise Rejection(Code.TOO_MANY_OWNERS, "Owners list is limited to 32 items", data)
    if len(weights) != len(addresses):
        data = {"count_addresses": str(len(addresses)), "count_weights": str(len(weights))}
        raise Rejection(Code.COUNTS_DIFFER, "Different count addresses and weights", data)
    for address, weight in zip(addresses, weights, strict=True):
        if weight > _WEIGHT_MAX:
            data = {"address": shown(address), "weight": str(weight), "max_weight": "1024"}
            raise Rejection(Code.WEIGHTS, "Incorrect multisig weights", data)
    for at, address in enumerate(addresses):
        if address in addresses[:at]:
            raise _duplicate(address)


def _require_funds(ledger: Ledger, tx: Tx, sender: bytes, fee: int) -> None:
    needed = {tx.gas_coin: fee}
    for one in payments(tx):
        needed[one["coin"]] = needed.get(one["coin"], 0) + one["value"]
    account = ledger.account(sender)
    # a send looks at the gas coin first, a multisend at the highest id
    order = sorted(needed, reverse=True) if tx.kind == MULTISEND else list(needed)
    for coin in order:
        if account.balance(coin) < needed[coin]:
            symbol = ledger.coins[coin].symbol
            wanted = f"Wanted {needed[coin]} {symbol}"
            text = f"Insufficient funds for sender account: {shown(sender)}. {wanted}"
            data = {"sender": shown(sender), "needed_value": str(needed[coin])}
            raise Rejection(Code.FUNDS, text, data | {"coin_symbol": symbol, "coin_id": str(coin)})


def _run(ledger: Ledger, rules: Rules, plan: Plan) -> Outcome:
    tx, sender = plan.tx, plan.sender
    fees.paid(ledger, tx.gas_coin, plan.fee, plan.base_fee)
    ledger.add(sender, tx.gas_coin, -plan.fee)
    tags = {
        "tx.commission_in_base_coin": str(plan.base_fee),
        "tx.commission_conversion": "pool" if tx.gas_coin else "bancor",
        "tx.commission_amount": str(plan.fee),
    }
    for one in payments(tx):
        ledger.add(sender, one["coin"], -one["value"])
        ledger.add(one["to"], one["coin"], one["value"])
    ledger.put(sender, replace(ledger.account(sender), nonce=tx.nonce))
    if tx.kind == CREATE_MULTISIG:
        address = address_of_multisig(sender, tx.nonce)
        ledger.put(address, replace(ledger.account(address), owners=_owners(tx)))
        tags["tx.created_multisig"] = address.hex()
    if tx.kind == EDIT_MULTISIG:
        ledger.put(sender, replace(ledger.account(sender), owners=_owners(tx)))
    recipients = tuple(one["to"] for one in payments(tx))
    if recipients:
        tags["tx.to"] = ",".join(to.hex() for to in recipients)
    if tx.kind == SEND:
        tags["tx.coin_id"] = str(tx.fields["coin"])
    return Outcome(0, "", tags | _tags_of(rules, tx, sender), fees.gas(tx), recipients)


def _pay_for_failing(ledger: Ledger, rules: Rules, tx: Tx, sender: bytes) -> dict[str, str]:
    """All the sender has when it has less. Nothing, and no tag of failing, from one who has nothing."""
    held = ledger.account(sender).balance(tx.gas_coin)
    try:
        base = fees.in_base(ledger, rules.price_coin, fees.failed_price(tx) * tx.gas_price)
        fee = fees.in_gas_coin(ledger, tx.gas_coin, base)
    except Rejection:
        return {}
    if not held:
        return {}
    if held < fee:
        fee, base = held, fees.affordable(ledger, tx.gas_coin, held)
    fees.paid(ledger, tx.gas_coin, fee, base)
    ledger.add(sender, tx.gas_coin, -fee)
    return {"tx.fail_fee": str(fee), "tx.fail": "1"}


def payments(tx: Tx) -> list[Mapping[str, Any]]:
    """Each with `coin`, `to` and `value`."""
    if tx.kind == SEND:
        return [tx.fields]
    return list(tx.fields["list"]) if tx.kind == MULTISEND else []


def shown(address: bytes) -> str:
    return "Mx" + address.hex()


def _owners(tx: Tx) -> Owners:
    found = tx.fields
    return Owners(found["threshold"], tuple(found["weights"]), tuple(found["addresses"]))


def _tags_of(rules: Rules, tx: Tx, sender: bytes) -> dict[str, str]:
    return {
        "tx.commission_price_coin": str(rules.price_coin),
        "tx.commission_price": str(fees.price(tx) * tx.gas_price),
        "tx.type": f"{tx.kind:02x}",
        "tx.commission_coin": str(tx.gas_coin),
        "tx.from": sender.hex(),
    }


def _require_coin(ledger: Ledger, coin: int) -> None:
    if coin not in ledger.coins:
        raise Rejection(Code.NO_COIN, f"Coin {coin} not exists", {"coin_id": str(coin)})


def _no_multisig(address: bytes) -> Rejection:
    return Rejection(Code.NO_MULTISIG, "Multisig does not exists", {"address": shown(address)})


def _bad_multi_signature(message: str) -> Rejection:
    return Rejection(Code.MULTI_SIGNATURE, "Incorrect multi-signature", {"message": message})


def _duplicate(address: bytes) -> Rejection:
    return Rejection(Code.DUPLICATE, "Duplicated multisig addresses", {"address": shown(address)})
