"""What a transaction costs: the price table, gas, and the pools that turn one coin into another.

The amounts of the table are those of the node's own tests. A pool is a constant product with a fee of 0.2 %,
rounded against the trader. Specification: minter-go-node, coreV2/state/commission and swap.
"""

from __future__ import annotations

from dataclasses import replace

from keepcool.devnet.decoding import Tx
from keepcool.devnet.ledger import BASE_COIN, Coin, Ledger
from keepcool.devnet.rejections import Code, Rejection

PRICES = {
    "payload_byte": 2 * 10**12,
    "send": 10**13,
    "multisend_base": 10**13,
    "multisend_delta": 5 * 10**12,
    "create_multisig": 10**14,
    "edit_multisig": 10**15,
    "failed_tx": 5 * 10**12,
}
_OTHER_PRICE = 10**15
_BASE_GAS, _SIGNATURE_GAS, _GAS_BYTES = 15, 20, 1000
_CROWDED = ((5000, 50), (1000, 10), (500, 5), (100, 2))


def price(tx: Tx) -> int:
    """In pip of the price coin, without the gas price."""
    return _type_price(tx) + tx.extra_bytes * PRICES["payload_byte"]


def failed_price(tx: Tx) -> int:
    return PRICES["failed_tx"] + tx.extra_bytes * PRICES["payload_byte"]


def in_base(ledger: Ledger, price_coin: int, pip: int) -> int:
    """Of the price coin, what its pool gives for it. Raises Rejection (119)."""
    if price_coin == BASE_COIN:
        return pip
    pool = ledger.coins[price_coin].pool
    got = None if pool is None else _sold(pool, pip)
    if not got:
        raise _impossible()
    return got


def in_gas_coin(ledger: Ledger, coin: int, base_pip: int) -> int:
    """How much of a coin pays this fee. Raises Rejection (119) when there is no way."""
    if coin == BASE_COIN:
        return base_pip
    pool = ledger.coins[coin].pool
    if pool is None or base_pip >= pool[1]:
        raise _impossible()
    return pool[0] * base_pip * 1000 // ((pool[1] - base_pip) * 998) + 1


def paid(ledger: Ledger, coin: int, pip: int, base_pip: int) -> None:
    """The pool after a fee was sold into it."""
    held: Coin = ledger.coins[coin]
    if held.pool is not None and coin != BASE_COIN:
        ledger.put_coin(replace(held, pool=(held.pool[0] + pip, held.pool[1] - base_pip)))


def affordable(ledger: Ledger, coin: int, pip: int) -> int:
    """What selling so much of a coin brings in the base coin."""
    pool = ledger.coins[coin].pool
    return pip if coin == BASE_COIN or pool is None else _sold(pool, pip)


def gas(tx: Tx) -> int:
    data = {0x01: 1, 0x0C: 20, 0x12: 5}.get(tx.kind, 1)
    if tx.kind == 0x0D:
        data = 1 + len(tx.fields["list"])
    signatures = _SIGNATURE_GAS * len(tx.signatures) if tx.multisig is not None else 0
    return _BASE_GAS + (tx.gas_coin != BASE_COIN) + len(tx.payload) // _GAS_BYTES + signatures + data


def min_gas_price(waiting: int) -> int:
    return next((floor for more_than, floor in _CROWDED if waiting > more_than), 1)


def _type_price(tx: Tx) -> int:
    if tx.kind == 0x0D:
        return PRICES["multisend_base"] + (len(tx.fields["list"]) - 1) * PRICES["multisend_delta"]
    names = {0x01: "send", 0x0C: "create_multisig", 0x12: "edit_multisig"}
    return PRICES[names[tx.kind]] if tx.kind in names else _OTHER_PRICE


def _sold(pool: tuple[int, int], pip: int) -> int:
    inside = pip * 998
    return pool[1] * inside // (pool[0] * 1000 + inside)


def _impossible() -> Rejection:
    return Rejection(Code.FEE_COIN, "Not possible to pay commission")
