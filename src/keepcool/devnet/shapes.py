"""The JSON of the HTTP API v2: names, order and forms of the node's own answers.

Laws: every whole number is a decimal string, bytes are base64, a raw transaction is hex without a prefix.
Specification: Minter HTTP API v2 (node-grpc-gateway, protojson).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from keepcool.devnet import fees
from keepcool.devnet.chain import Chain
from keepcool.devnet.decoding import Tx, decode
from keepcool.devnet.execution import CREATE_MULTISIG, EDIT_MULTISIG, MULTISEND, SEND, shown
from keepcool.devnet.ledger import Account, Coin, Ledger
from keepcool.devnet.rejections import Rejection
from keepcool.devnet.store import Block, StoredTx

Json: TypeAlias = "dict[str, Any]"
VERSION = "3.3.0-simulator"
_MAX_SUPPLY = str(10**15 * 10**18)
_NAMES = {SEND: "SendData", MULTISEND: "MultiSendData"}
_NAMES |= {CREATE_MULTISIG: "CreateMultisigData", EDIT_MULTISIG: "EditMultisigData"}


def time_text(time_ms: int) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def coin(ledger: Ledger, coin_id: int) -> Json:
    held = ledger.coins.get(coin_id)
    return {"id": str(coin_id), "symbol": "" if held is None else held.symbol}


def coin_info(ledger: Ledger, held: Coin) -> Json:
    return {
        "id": str(held.id),
        "name": held.symbol,
        "symbol": held.symbol,
        "volume": str(ledger.volume(held.id)),
        "crr": "0",
        "reserve_balance": "0",
        "max_supply": _MAX_SUPPLY,
        "owner_address": None,
        "mintable": False,
        "burnable": False,
    }


def account(ledger: Ledger, held: Account) -> Json:
    """An address as /address and /addresses tell it; the base coin is always there."""
    coins = sorted({0, *[one for one, pip in held.balances.items() if pip]})
    balance = [
        {
            "coin": coin(ledger, one),
            "value": str(held.balance(one)),
            "bip_value": str(fees.affordable(ledger, one, held.balance(one))),
        }
        for one in coins
    ]
    return {
        "balance": balance,
        "delegated": [],
        "total": [],
        "transaction_count": str(held.nonce),
        "bip_value": "0",
        "multisig": multisig(held),
        "locked_stake_until_block": "0",
    }


def multisig(held: Account) -> Json | None:
    owners = held.owners
    if owners is None or not owners.weights:
        return None
    return {
        "threshold": str(owners.threshold),
        "weights": [str(weight) for weight in owners.weights],
        "addresses": [shown(address) for address in owners.addresses],
    }


def transaction(ledger: Ledger, stored: StoredTx) -> Json:
    """As /transaction and /block tell it. One that cannot be read was injected and has no more to tell."""
    tx = decode(stored.raw)
    try:
        sender = shown(tx.sender())
    except Rejection:
        sender = shown(bytes(20))
    return {
        "hash": "Mt" + stored.hash.hex(),
        "raw_tx": stored.raw.hex(),
        "height": str(stored.height),
        "index": str(stored.place),
        "from": sender,
        "nonce": str(tx.nonce),
        "gas": str(stored.gas),
        "gas_price": str(tx.gas_price),
        "gas_coin": coin(ledger, tx.gas_coin),
        "type_hex": f"{tx.kind:02x}",
        "type": str(tx.kind),
        "data": data(ledger, tx),
        "payload": b64encode(tx.payload).decode(),
        "service_data": b64encode(tx.service_data).decode(),
        "tags": dict(stored.tags),
        "code": str(stored.code),
        "log": stored.log,
    }


def data(ledger: Ledger, tx: Tx) -> Json:
    told: Json = {"@type": f"type.googleapis.com/api_pb.{_NAMES[tx.kind]}"}
    if tx.kind == SEND:
        return told | _payment(ledger, tx.fields)
    if tx.kind == MULTISEND:
        return told | {"list": [_payment(ledger, one) for one in tx.fields["list"]]}
    return told | {
        "threshold": str(tx.fields["threshold"]),
        "weights": [str(weight) for weight in tx.fields["weights"]],
        "addresses": [shown(address) for address in tx.fields["addresses"]],
    }


def block(chain: Chain, found: Block, *, failed: bool, events: bool, fields: set[str]) -> Json:
    """A block: failed transactions are counted, and told only to those who ask."""
    txs = chain.store.transactions(found.height)
    told: Json = {
        "hash": found.hash,
        "height": str(found.height),
        "time": time_text(found.time_ms),
        "transaction_count": str(len(txs)),
        "transactions": [],
        "block_reward": None,
        "size": str(500 + sum(len(tx.raw) for tx in txs)),
        "proposer": "Mp" + "00" * 32,
        "validators": [],
        "evidence": {"evidence": []},
        "missed": [],
        "events": [dict(event) for event in found.events] if events else [],
        "code": "0",
    }
    if not fields or "transactions" in fields:
        told["transactions"] = [transaction(chain.ledger, tx) for tx in txs if failed or not tx.code]
    return told


def status(chain: Chain, network: str, *, catching_up: bool) -> Json:
    tip = chain.tip
    return {
        "version": VERSION,
        "network": network,
        "latest_block_hash": tip.hash.upper(),
        "latest_app_hash": tip.hash.upper(),
        "latest_block_height": str(tip.height),
        "latest_block_time": time_text(tip.time_ms),
        "keep_last_states": str(chain.keep),
        "total_slashed": "0",
        "catching_up": catching_up,
        "public_key": "Mp" + "00" * 32,
        "node_id": "00" * 20,
        "initial_height": "1",
        "current_emission": "0",
    }


def price_commissions(chain: Chain) -> Json:
    return {
        "coin": coin(chain.ledger, chain.rules.price_coin),
        **{name: str(pip) for name, pip in fees.PRICES.items()},
    }


def _payment(ledger: Ledger, one: Mapping[str, Any]) -> Json:
    return {"coin": coin(ledger, one["coin"]), "to": shown(one["to"]), "value": str(one["value"])}
