"""Small values the tests of the Minter family share."""

from __future__ import annotations

from keepcool.chains.minter.data import Data, Send
from keepcool.chains.minter.signature import MULTI
from keepcool.chains.minter.transaction import Transaction
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from tests.vectors import minter

BIP = AssetId("minter:1/coin:0")
USDTE = AssetId("minter:1/coin:1993")
ALICE, BOB = "Mx" + 20 * "a1", "Mx" + 20 * "b2"
PAIR = ("hot", "cool")


def output(recipient: str, units: int, asset: AssetId = BIP) -> Output:
    return Output(recipient, Amount(asset, units))


def tx(
    data: Data | None = None,
    *,
    nonce: int = 3,
    chain_id: int = 1,
    gas_price: int = 1,
    gas_coin: int = 0,
    payload: bytes = b"",
    service_data: bytes = b"",
    signature_type: int = MULTI,
) -> Transaction:
    paid = Send(0, ALICE, 10**18) if data is None else data
    return Transaction(nonce, chain_id, gas_price, gas_coin, paid, payload, service_data, signature_type)


def signatures(draft: Transaction, names: tuple[str, ...] = PAIR) -> dict[str, bytes]:
    """By compressed public key, in the order of the names."""
    digest = draft.digest()
    return {minter.PUBLIC[name]: minter.signed(minter.KEYS[name], digest) for name in names}
