"""Small values the tests of the EVM family share."""

from __future__ import annotations

from keepcool.chains.evm.address import to_checksum
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import SafeTx
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.intent import Output
from keepcool.core.money import Amount

PROFILE = profile_named("safe-1.5.0-l1")
CHAIN = 31337
NETWORK = NetworkId("eip155:31337")
NATIVE = AssetId("eip155:31337/slip44:60")


def account(number: int) -> str:
    return to_checksum(bytes([0xA0 + number]) * 20)


SAFE, ALICE, BOB, TOKEN, PURSE = (account(number) for number in range(5))
TOKEN_ASSET = AssetId(f"{NETWORK}/erc20:{TOKEN}")


def safe_tx(to: str = ALICE, value: int = 0, data: bytes = b"", operation: int = 0, nonce: int = 3) -> SafeTx:
    return SafeTx(safe=SAFE, chain_id=CHAIN, to=to, value=value, data=data, operation=operation, nonce=nonce)


def output(recipient: str, units: int, asset: AssetId = NATIVE) -> Output:
    return Output(recipient, Amount(asset, units))
